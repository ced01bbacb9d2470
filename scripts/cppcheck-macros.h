/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What cppcheck is told of the macros that come from system headers, which it does not read: what
 * they do to the flow and to their out-arguments, and no more.
 */
#define HASH_ITER(hh, head, el, tmp) for ((el) = (head), (tmp) = (el); (el); (el) = (tmp))
#define HASH_FIND(hh, head, key, len, out) ((out) = cppcheck_find(head, key, len))
#define HASH_FIND_INT(head, key, out) ((out) = cppcheck_find(head, key, 4))
#define HASH_FIND_STR(head, key, out) ((out) = cppcheck_find(head, key, 0))
#define HASH_FIND_PTR(head, key, out) ((out) = cppcheck_find(head, key, 8))
#define HASH_FIND_BYHASHVALUE(hh, head, key, len, hash, out) ((out) = cppcheck_find(head, key, len))
#define HASH_VALUE(key, len, out) ((out) = cppcheck_hash(key, len))
#define HASH_ADD(hh, head, field, len, el) cppcheck_keep(head, el)
#define HASH_ADD_INT(head, field, el) cppcheck_keep(head, el)
#define HASH_ADD_KEYPTR(hh, head, key, len, el) cppcheck_keep(head, el)
#define HASH_ADD_KEYPTR_BYHASHVALUE(hh, head, key, len, hash, el) cppcheck_keep(head, el)
#define HASH_DEL(head, el) cppcheck_drop(head, el)
#define HASH_DELETE(hh, head, el) cppcheck_drop(head, el)
#define HASH_COUNT(head) cppcheck_count(head)
#define HASH_CLEAR(hh, head) ((head) = 0)
#define HASH_SORT(head, cmp) cppcheck_keep(head, cmp)
#define RB_HEAD(name, type) struct name { struct type *root; }
#define RB_ENTRY(type) struct { struct type *left, *right, *up; }
#define RB_INITIALIZER(head) { 0 }
#define RB_INIT(head) ((head)->root = 0)
#define RB_PROTOTYPE(...)
#define RB_PROTOTYPE_STATIC(...)
#define RB_PROTOTYPE_INTERNAL(...)
#define RB_GENERATE(...)
#define RB_GENERATE_STATIC(...)
#define RB_GENERATE_INTERNAL(...)
#define RB_FOREACH(x, name, head) for ((x) = cppcheck_min(head); (x); (x) = cppcheck_next(x))
#define RB_FOREACH_SAFE(x, name, head, y) \
	for ((x) = cppcheck_min(head); (x) && ((y) = cppcheck_next(x), 1); (x) = (y))
#define LIBBPF_OPTS(type, name, ...) struct type name = { .sz = sizeof(struct type), __VA_ARGS__ }
#define DECLARE_LIBBPF_OPTS LIBBPF_OPTS
