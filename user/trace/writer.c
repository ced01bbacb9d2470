// SPDX-License-Identifier: GPL-2.0
#include "trace/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#include "trace/codec.h"
#include "util/clock.h"

/* Large enough for zstd to find what repeats, small enough to be written every second. */
#define CHUNK_RAW (256u << 10)
#define LEVEL 1

/*
 * Keyframes: seeking reads what lies between two of them, and what takes its time is the
 * model that takes the events in, not their bytes: so many are done in some 30 ms. Bytes are for
 * events that are large, time for a process of which there is little to tell.
 */
#define KEY_EVENTS 200000u
#define KEY_RAW (1u << 20)
#define KEY_NS (60 * NSEC_PER_SEC)
#define KEY_SZ_MOST (4u << 20) /* a model that is larger does not make seeking slower yet */

struct trace_writer {
	struct codec codec;
	trace_chunk_fn out;
	void *ctx;
	ZSTD_CCtx *zstd;
	uint8_t *raw; /* CHUNK_RAW + CODEC_MAX_EVENT */
	uint8_t *disk; /* header and compressed bytes */
	size_t disk_sz;
	size_t len; /* of raw */
	struct chunk_info ci; /* of the chunk being filled */
	bool key; /* it is a keyframe's */
	bool key_first; /* and no part of that was written yet */
	int err; /* what went wrong first */
	struct trace_stats stats;
};

struct trace_writer *trace_writer_new(struct strtab *st, struct stacktab *stacks,
				      trace_chunk_fn out, void *ctx)
{
	struct trace_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->out = out;
	w->ctx = ctx;
	w->disk_sz = CHUNK_HEADER_SZ + ZSTD_compressBound(CHUNK_RAW + CODEC_MAX_EVENT);
	w->raw = malloc(CHUNK_RAW + CODEC_MAX_EVENT);
	w->disk = malloc(w->disk_sz);
	w->zstd = ZSTD_createCCtx();
	if (!w->raw || !w->disk || !w->zstd || codec_init(&w->codec, st, stacks)) {
		trace_writer_free(w);
		errno = ENOMEM;
		return NULL;
	}
	return w;
}

void trace_writer_free(struct trace_writer *w)
{
	if (!w)
		return;
	codec_fini(&w->codec);
	ZSTD_freeCCtx(w->zstd);
	free(w->raw);
	free(w->disk);
	free(w);
}

const struct trace_stats *trace_writer_stats(const struct trace_writer *w)
{
	return &w->stats;
}

/* Bytes behind the header, compressed or, where that does not help, as they are. */
static size_t pack(struct trace_writer *w)
{
	uint8_t *data = w->disk + CHUNK_HEADER_SZ;
	size_t n = ZSTD_compressCCtx(w->zstd, data, w->disk_sz - CHUNK_HEADER_SZ, w->raw, w->len,
				     LEVEL);

	w->ci.flags |= CHUNK_F_ZSTD;
	if (ZSTD_isError(n) || n >= w->len) {
		w->ci.flags &= (uint8_t)~CHUNK_F_ZSTD;
		memcpy(data, w->raw, w->len);
		n = w->len;
	}
	return n;
}

static void begin_chunk(struct trace_writer *w)
{
	uint64_t seq = w->ci.seq;

	w->len = 0;
	w->ci = (struct chunk_info){ .seq = seq, .told_before = w->stats.told };
	codec_reset(&w->codec);
}

static int flush(struct trace_writer *w, bool last)
{
	size_t n;

	if (w->err || !w->len)
		return w->err;
	w->ci.type = w->key ? CHUNK_KEYFRAME : CHUNK_EVENTS;
	if (w->key)
		w->ci.flags =
			(uint8_t)((w->key_first ? CHUNK_F_FIRST : 0) | (last ? CHUNK_F_LAST : 0));
	else
		w->ci.flags |= CHUNK_F_KNOWN;
	w->key_first = false;
	n = pack(w);
	w->ci.disk_len = (uint32_t)n;
	w->ci.raw_len = (uint32_t)w->len;
	w->ci.data_crc = trace_crc(w->disk + CHUNK_HEADER_SZ, n);
	chunk_put(w->disk, &w->ci);
	w->stats.raw_bytes += w->len;
	w->stats.bytes += CHUNK_HEADER_SZ + n;
	w->stats.nr_chunks++;
	w->err = w->out(w->ctx, &w->ci, w->disk, CHUNK_HEADER_SZ + n);
	w->ci.seq++;
	begin_chunk(w);
	return w->err;
}

int trace_writer_flush(struct trace_writer *w)
{
	return flush(w, false);
}

/* What a reader may look for: it then knows from the index in which chunks. */
static uint8_t flag_of(const struct mtr_event *ev)
{
	if (ev->kind == MTR_EV_MARK)
		return CHUNK_F_MARK;
	return ev->kind == MTR_EV_MODULE ? CHUNK_F_MODULE : 0;
}

static void count(struct trace_writer *w, const struct mtr_event *ev)
{
	w->ci.flags |= flag_of(ev);
	if (ev->kind < MTR_EV_MAX)
		w->stats.by_kind[ev->kind]++;
	w->stats.told += event_is_told(ev->kind);
	if (ev->kind == MTR_EV_LOST)
		w->stats.lost += ev->lost.count;
}

int trace_writer_event(void *ctx, const struct mtr_event *ev)
{
	struct trace_writer *w = ctx;
	ssize_t n;

	if (w->err)
		return w->err;
	if (!w->len)
		w->ci.told_before = w->stats.told;
	n = codec_encode(&w->codec, w->raw + w->len, ev);
	if (n <= 0)
		return w->err = (int)n;
	w->len += (size_t)n;
	w->ci.nr_events++;
	if (!w->key)
		count(w, ev);
	if (ev->time_ns && (!w->ci.begin_ns || ev->time_ns < w->ci.begin_ns))
		w->ci.begin_ns = ev->time_ns;
	if (ev->time_ns > w->ci.end_ns)
		w->ci.end_ns = ev->time_ns;
	return w->len >= CHUNK_RAW ? flush(w, false) : 0;
}

int trace_writer_keyframe(struct trace_writer *w, uint64_t time_ns,
			  int (*fill)(void *ctx, event_sink_fn sink, void *sink_ctx), void *ctx)
{
	int err = flush(w, false);
	uint64_t raw = w->stats.raw_bytes;

	if (err)
		return err;
	w->key = w->key_first = true;
	err = fill(ctx, trace_writer_event, w);
	if (!err)
		err = flush(w, true);
	w->key = false;
	w->stats.nr_keyframes++;
	w->stats.key_ns = time_ns;
	w->stats.key_raw = w->stats.raw_bytes;
	w->stats.key_told = w->stats.told;
	w->stats.key_sz = w->stats.raw_bytes - raw;
	return err;
}

bool trace_writer_key_due(const struct trace_writer *w, uint64_t now_ns)
{
	const struct trace_stats *s = &w->stats;
	uint64_t since = s->raw_bytes + w->len - s->key_raw, nr = s->told - s->key_told;

	if (since < (s->key_sz < KEY_SZ_MOST ? s->key_sz : KEY_SZ_MOST))
		return false;
	return nr >= KEY_EVENTS || since >= KEY_RAW || (s->key_ns && now_ns - s->key_ns >= KEY_NS);
}

size_t trace_facts_chunk(const struct trace_facts *f, struct chunk_info *ci, uint8_t *out)
{
	size_t n = facts_encode(f, out + CHUNK_HEADER_SZ);

	*ci = (struct chunk_info){ .type = CHUNK_FACTS,
				   .disk_len = (uint32_t)n,
				   .raw_len = (uint32_t)n,
				   .data_crc = trace_crc(out + CHUNK_HEADER_SZ, n) };
	chunk_put(out, ci);
	return CHUNK_HEADER_SZ + n;
}
