// SPDX-License-Identifier: GPL-2.0
#include "export/pprof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/deflate.h"
#include "util/hash.h"
#include "util/text.h"

/* Something that has a number already. */
struct pprof_number {
	char *key;
	uint64_t id;
	UT_hash_handle hh;
};

/* Room for one more behind @nr pointers; freed with the message. */
static void *one_more(struct pprof *pp, void *array, size_t nr)
{
	void *more;

	if (nr & (nr - 1))
		return array;
	more = reallocarray(array, nr ? 2 * nr : 1, sizeof(void *));
	if (more)
		return more;
	pp->failed = true;
	return array;
}

/* A message that is freed with the profile; NULL: memory is short. */
#define NEW_MESSAGE(pp, field, type, init)                                         \
	({                                                                         \
		type *m_ = calloc(1, sizeof(*m_));                                 \
		(pp)->p->field = one_more(pp, (pp)->p->field, (pp)->p->n_##field); \
		if (!m_ || (pp)->failed) {                                         \
			(pp)->failed = true;                                       \
			free(m_);                                                  \
			m_ = NULL;                                                 \
		} else {                                                           \
			init(m_);                                                  \
			(pp)->p->field[(pp)->p->n_##field++] = m_;                 \
		}                                                                  \
		m_;                                                                \
	})

/* The number that @key has in @table, or the one it gets: *ret_new says which. 0: memory is short */
static uint64_t number_of(struct pprof *pp, struct pprof_number **table, const char *key,
			  uint64_t next, bool *ret_new)
{
	struct pprof_number *n;

	*ret_new = false;
	HASH_FIND_STR(*table, key, n);
	if (n)
		return n->id;
	n = calloc(1, sizeof(*n));
	if (n)
		n->key = strdup(key);
	if (!n || !n->key) {
		free(n);
		pp->failed = true;
		return 0;
	}
	n->id = next;
	HASH_ADD_KEYPTR(hh, *table, n->key, strlen(n->key), n);
	*ret_new = true;
	return next;
}

static void free_numbers(struct pprof_number **table)
{
	struct pprof_number *n, *tmp;

	HASH_ITER(hh, *table, n, tmp) {
		HASH_DEL(*table, n);
		free(n->key);
		free(n);
	}
}

int64_t pprof_string(struct pprof *pp, const char *raw)
{
	char clean[1024], *copy;
	uint64_t id;
	bool is_new;

	text_clean(clean, sizeof(clean), raw ? raw : "", 0);
	id = number_of(pp, &pp->strings, clean, pp->p->n_string_table, &is_new);
	if (!is_new)
		return (int64_t)id;
	copy = strdup(clean);
	pp->p->string_table = one_more(pp, pp->p->string_table, pp->p->n_string_table);
	if (!copy || pp->failed) {
		free(copy);
		pp->failed = true;
		return 0;
	}
	pp->p->string_table[pp->p->n_string_table++] = copy;
	return (int64_t)id;
}

static int64_t build_id(struct pprof *pp, const struct sym_module *m)
{
	char hex[129] = "";

	for (unsigned int i = 0; i < m->build_id_sz && i < 64; i++)
		snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", m->build_id[i]);
	return pprof_string(pp, hex);
}

uint64_t pprof_mapping(struct pprof *pp, uint64_t pc)
{
	struct sym_module m;
	char key[32];
	uint64_t id;
	bool is_new;
	Pp__Mapping *pm;

	if (!syms_module(pp->syms, pc, &m))
		return 0;
	snprintf(key, sizeof(key), "%u %llx", pp->process, (unsigned long long)m.start);
	id = number_of(pp, &pp->mappings, key, pp->p->n_mapping + 1, &is_new);
	if (!is_new)
		return id;
	pm = NEW_MESSAGE(pp, mapping, Pp__Mapping, pp__mapping__init);
	if (!pm)
		return 0;
	pm->id = id;
	pm->memory_start = m.start;
	pm->memory_limit = m.end;
	pm->file_offset = m.pgoff;
	pm->filename = pprof_string(pp, m.path);
	pm->build_id = build_id(pp, &m);
	pm->has_functions = pm->has_filenames = pm->has_line_numbers = pm->has_inline_frames = true;
	return id;
}

static uint64_t function(struct pprof *pp, const char *name, const char *file)
{
	int64_t name_id = pprof_string(pp, name), file_id = pprof_string(pp, file);
	Pp__Function *fn;
	char key[64];
	uint64_t id;
	bool is_new;

	snprintf(key, sizeof(key), "%lld %lld", (long long)name_id, (long long)file_id);
	id = number_of(pp, &pp->functions, key, pp->p->n_function + 1, &is_new);
	if (!is_new)
		return id;
	fn = NEW_MESSAGE(pp, function, Pp__Function, pp__function__init);
	if (!fn)
		return 0;
	fn->id = id;
	fn->name = fn->system_name = name_id;
	fn->filename = file_id;
	return id;
}

static void add_line(struct pprof *pp, Pp__Location *l, const struct growth_frame *f)
{
	Pp__Line *line = calloc(1, sizeof(*line));
	char at[1024 + 32];

	l->line = one_more(pp, l->line, l->n_line);
	if (!line || pp->failed) {
		free(line);
		pp->failed = true;
		return;
	}
	pp__line__init(line);
	snprintf(at, sizeof(at), "%.1000s+0x%llx", f->module ? f->module : "",
		 (unsigned long long)f->offset);
	line->function_id = function(pp, f->function ? f->function : at, f->file);
	line->line = f->line;
	l->line[l->n_line++] = line;
}

uint64_t pprof_location(struct pprof *pp, const struct growth_frame *f, unsigned int nr)
{
	Pp__Location *l;
	char key[32];
	uint64_t id;
	bool is_new;

	snprintf(key, sizeof(key), "%u %llx", pp->process, (unsigned long long)f->pc);
	id = number_of(pp, &pp->locations, key, pp->p->n_location + 1, &is_new);
	if (!is_new)
		return id;
	l = NEW_MESSAGE(pp, location, Pp__Location, pp__location__init);
	if (!l)
		return 0;
	l->id = id;
	l->address = f->pc;
	l->mapping_id = f->pc ? pprof_mapping(pp, f->pc) : 0;
	for (unsigned int i = 0; i < nr; i++)
		add_line(pp, l, &f[i]);
	return id;
}

static Pp__Label *add_label(struct pprof *pp, Pp__Sample *s, const char *key)
{
	Pp__Label *l = calloc(1, sizeof(*l));

	s->label = one_more(pp, s->label, s->n_label);
	if (!l || pp->failed) {
		free(l);
		pp->failed = true;
		return NULL;
	}
	pp__label__init(l);
	l->key = pprof_string(pp, key);
	s->label[s->n_label++] = l;
	return l;
}

void pprof_label(struct pprof *pp, Pp__Sample *s, const char *key, const char *value)
{
	Pp__Label *l = add_label(pp, s, key);

	if (l)
		l->str = pprof_string(pp, value);
}

void pprof_number_label(struct pprof *pp, Pp__Sample *s, const char *key, int64_t value)
{
	Pp__Label *l = add_label(pp, s, key);

	if (l)
		l->num = value;
}

Pp__Sample *pprof_sample(struct pprof *pp, unsigned int nr_locations, const int64_t *value,
			 unsigned int nr)
{
	Pp__Sample *s = NEW_MESSAGE(pp, sample, Pp__Sample, pp__sample__init);

	if (!s)
		return NULL;
	s->location_id = calloc(nr_locations + 1, sizeof(*s->location_id));
	s->value = calloc(nr, sizeof(*s->value));
	if (!s->location_id || !s->value) {
		pp->failed = true;
		return NULL;
	}
	memcpy(s->value, value, nr * sizeof(*value));
	s->n_value = nr;
	return s;
}

void pprof_type(struct pprof *pp, const char *type, const char *unit)
{
	Pp__ValueType *v = NEW_MESSAGE(pp, sample_type, Pp__ValueType, pp__value_type__init);

	if (!v)
		return;
	v->type = pprof_string(pp, type);
	v->unit = pprof_string(pp, unit);
}

void pprof_comment(struct pprof *pp, const char *text)
{
	pp->p->comment = calloc(1, sizeof(*pp->p->comment));
	if (!pp->p->comment)
		pp->failed = true;
	else
		pp->p->comment[pp->p->n_comment++] = pprof_string(pp, text);
}

int pprof_init(struct pprof *pp)
{
	memset(pp, 0, sizeof(*pp));
	pp->p = malloc(sizeof(*pp->p));
	if (!pp->p)
		return -ENOMEM;
	pp__profile__init(pp->p);
	pprof_string(pp, ""); /* the table begins with it */
	return 0;
}

void pprof_fini(struct pprof *pp)
{
	free_numbers(&pp->strings);
	free_numbers(&pp->functions);
	free_numbers(&pp->locations);
	free_numbers(&pp->mappings);
	if (pp->p)
		pp__profile__free_unpacked(pp->p, NULL);
	pp->p = NULL;
}

int pprof_put(FILE *f, const struct pprof *pp)
{
	uint8_t *raw = NULL, *packed = NULL;
	ssize_t n = -ENOMEM;
	size_t len, room;

	if (pp->failed)
		return -ENOMEM;
	len = pp__profile__get_packed_size(pp->p);
	room = deflate_bound(len) + 32;
	raw = malloc(len);
	packed = malloc(room);
	if (raw && packed) {
		pp__profile__pack(pp->p, raw);
		n = deflate_gzip(packed, room, raw, len);
	}
	if (n > 0 && fwrite(packed, 1, (size_t)n, f) != (size_t)n)
		n = -EIO;
	free(raw);
	free(packed);
	return n < 0 ? (int)n : 0;
}
