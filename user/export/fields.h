/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An event as named values: what the JSON and the CSV of events have in common.
 * Names and meaning are those of docs/schema/event.schema.json.
 */
#ifndef EXPORT_FIELDS_H
#define EXPORT_FIELDS_H

#include "export/exporter.h"

/* In the order of the CSV's columns. */
enum field_id {
	F_START,
	F_END,
	F_ADDRESS,
	F_PC,
	F_SP,
	F_PROT,
	F_FLAGS,
	F_KIND,
	F_NAME,
	F_DEV,
	F_INODE,
	F_OFFSET,
	F_FS_MAGIC,
	F_BYTES,
	F_MEMBER,
	F_WHY,
	F_PRESENT_BYTES,
	F_ANON_BYTES,
	F_FILE_BYTES,
	F_SHMEM_BYTES,
	F_SWAP_BYTES,
	F_HUGE_BYTES,
	F_LOWEST,
	F_VIRTUAL_BYTES,
	F_RESIDENT_BYTES,
	F_STACK_LIMIT_BYTES,
	F_MINOR_FAULTS,
	F_MAJOR_FAULTS,
	F_THREADS,
	F_COMM,
	F_EXE,
	F_PPID,
	F_PREV_AS,
	F_FORKED,
	F_START_TIME_NS,
	F_START_CODE,
	F_END_CODE,
	F_START_DATA,
	F_END_DATA,
	F_START_BRK,
	F_START_STACK,
	F_PARENT_TID,
	F_TLS,
	F_AT_ATTACH,
	F_SYSCALL_SP,
	F_STATE,
	F_STATUS,
	F_SIGNO,
	F_CODE,
	F_FATAL,
	F_WHAT,
	F_COMPLETE,
	F_BEGIN_NS,
	F_END_NS,
	F_EPOCH,
	F_END_EPOCH,
	F_COUNT,
	F_SEQ,
	F_PHASE,
	F_STAYS,
	F_ELSEWHERE,
	F_TO,
	F_CALLSTACK,
	F_FRAMES,
	F_CALL,
	F_ADVICE,
	F_RESULT,
	F_ERROR,
	F_ARGS,
	F_NR
};

enum field_type {
	FT_NULL,
	FT_NUMBER,
	FT_ADDRESS,
	FT_TEXT, /* a token or a name of the target's */
	FT_BOOL,
	FT_FLAGS, /* tokens[i] for each bit i of number that is set */
	FT_ADDRESSES, /* number of them, in fields.frames: of a call stack, or a call's arguments */
};

struct field {
	uint8_t id; /* enum field_id */
	uint8_t type; /* enum field_type */
	bool is_signed; /* of FT_NUMBER */
	uint64_t number;
	const char *text; /* valid until the next call */
	const char *const *tokens;
};

struct fields {
	struct field f[24];
	unsigned int nr;
	char buf[32]; /* of a text made here */
	char state[2];
	uint64_t frames[STACKTAB_MAX_FRAMES];
};

/* field_name() - as the JSON's key and the CSV's column have it */
const char *field_name(enum field_id id);

/* fields_of() - the values of an event's payload; what is not known is FT_NULL */
void fields_of(struct fields *out, struct exporter *x, const struct mtr_event *ev);

#endif
