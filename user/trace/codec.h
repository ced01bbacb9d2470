/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events as bytes and back. A record is
 *
 *   0xxxxxxx len payload        an event of kind x; readers skip kinds they do not know
 *   1abcdefg …                  a fault, in as few bytes as its thread's last one lets it
 *
 * Everything is written as a difference: of an event's field to the same field
 * of the last event of its kind, of a fault to the last fault of its thread
 * (faults of one thread come many in a row, walk upwards and share their
 * instruction). codec_reset() forgets it all: once a chunk.
 */
#ifndef TRACE_CODEC_H
#define TRACE_CODEC_H

#include <sys/types.h>
#include "event/event.h"
#include "event/stacktab.h"
#include "event/strtab.h"

#define CODEC_MAX_EVENT (16u << 10) /* bytes that one event and its strings may take */
#define CODEC_KIND_STRING 0x7e /* the chunk's next string */
#define CODEC_HOT 256u /* threads whose last fault is remembered: by the low bits of the tid */

/* The last fault of a thread. */
struct hot {
	uint32_t tid, as;
	uint64_t time_ns, addr, stride, ip, sp;
	int64_t bytes;
	uint32_t epoch;
	uint16_t cpu;
	uint8_t member, flags;
	bool used;
};

/* What strings, or frames of call stacks, are called in a chunk. */
struct codec_names {
	uint32_t *ids; /* encoder: by stream id, number in chunk; decoder: by number, stream id */
	uint32_t *gens; /* encoder: chunk in which ids[] was given */
	uint32_t cap, nr;
};

struct codec {
	struct strtab *st;
	struct stacktab *stacks;
	struct codec_names strings, frames;
	uint32_t gen; /* number of the chunk */
	uint32_t stacks_gen; /* encoder: of the table, when frames[] was filled */
	uint64_t pc; /* the last frame written */

	uint64_t time_ns; /* of the last event that was not a fault */
	uint32_t as, tid;
	unsigned int hot_at; /* thread of the last fault */
	struct mtr_event last[MTR_EV_MAX];
	uint64_t state[MTR_ST_MAX][MTR_STATE_LEN];
	uint64_t v[MTR_STATE_LEN]; /* decoder: what a state event borrows */
	struct hot hot[CODEC_HOT];

	uint64_t nr_unknown; /* decoder: records skipped */
};

/* codec_init() - both tables are the caller's */
int codec_init(struct codec *c, struct strtab *st, struct stacktab *stacks);
void codec_fini(struct codec *c);
void codec_reset(struct codec *c);

/* codec_encode() - at @out are CODEC_MAX_EVENT bytes; returns how many were written, or −ENOMEM */
ssize_t codec_encode(struct codec *c, uint8_t *out, const struct mtr_event *ev);

/**
 * codec_decode() - the record at *@p, which is moved behind it
 *
 * Returns 1 with an event, 0 when it was none (a string, an unknown kind), −EBADMSG, −ENOMEM.
 */
int codec_decode(struct codec *c, const uint8_t **p, const uint8_t *end, struct mtr_event *ev);

/* codec_fields.c: what an event of a kind consists of */
struct field {
	uint16_t off; /* in struct mtr_event */
	uint8_t sz;
	uint8_t holds; /* enum field_holds */
};

enum field_holds { FIELD_WORD, FIELD_STRING, FIELD_BOOL, FIELD_REAL, FIELD_MEMBER };

/* codec_fields() - NULL with *ret_nr 0: kind unknown; not NULL with 0: no payload */
const struct field *codec_fields(unsigned int kind, unsigned int *ret_nr);

#endif
