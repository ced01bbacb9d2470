// SPDX-License-Identifier: GPL-2.0
/*
 * The reader of files does the work: each chunk is put before it as if it were a file of one
 * chunk. What it knows from one to the next (strings, call stacks, how many events there were)
 * stays with it.
 */
#include "trace/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "trace/reader_int.h"

struct trace_stream {
	struct trace_reader r;
	struct index_entry only; /* the chunk that is being read */
	uint8_t *buf; /* what came of the next piece: header, or a chunk with its header */
	size_t len, want, sz;
	bool begun; /* the header was seen */
	uint64_t nr_keys;
	int err; /* that ended it */
};

/* As trace_io.read_at: of the chunk that is held. */
static ssize_t read_held(void *ctx, void *out, size_t n, uint64_t off)
{
	const struct trace_stream *ts = ctx;

	if (off >= ts->len)
		return 0;
	if (n > ts->len - off)
		n = ts->len - (size_t)off;
	memcpy(out, ts->buf + off, n);
	return (ssize_t)n;
}

struct trace_stream *trace_stream_new(struct strtab *st)
{
	struct trace_stream *ts = calloc(1, sizeof(*ts));

	if (!ts)
		return NULL;
	ts->r.io = (struct trace_io){ .ctx = ts, .read_at = read_held };
	ts->r.stacks = stacktab_new();
	ts->r.sites = sites_new();
	ts->r.chunk = &ts->only;
	ts->r.want_key = true;
	ts->want = TRACE_HEADER_SZ;
	ts->sz = 4096;
	ts->buf = malloc(ts->sz);
	if (!ts->r.stacks || !ts->r.sites || !ts->buf ||
	    codec_init(&ts->r.codec, st, ts->r.stacks)) {
		trace_stream_free(ts);
		errno = ENOMEM;
		return NULL;
	}
	return ts;
}

void trace_stream_free(struct trace_stream *ts)
{
	if (!ts)
		return;
	codec_fini(&ts->r.codec);
	sites_free(ts->r.sites);
	stacktab_free(ts->r.stacks);
	free(ts->r.disk);
	free(ts->r.raw);
	free(ts->buf);
	free(ts);
}

static int take_header(struct trace_stream *ts)
{
	const uint8_t *h = ts->buf;

	if (memcmp(h, TRACE_MAGIC, TRACE_MAGIC_SZ) || get_le(h + TH_CRC, 4) != trace_crc(h, TH_CRC))
		return -EPROTO;
	ts->r.info.version = (unsigned int)get_le(h + TH_VERSION, 2);
	ts->r.info.min_reader = (unsigned int)get_le(h + TH_MIN_READER, 2);
	ts->begun = true;
	return ts->r.info.min_reader > TRACE_VERSION ? -EPROTONOSUPPORT : 0;
}

static int take_facts(struct trace_stream *ts)
{
	struct trace_reader *r = &ts->r;
	int ret = chunk_load(r, 0);

	if (ret > 0 && facts_decode(&r->facts, r->p, (size_t)(r->end - r->p)))
		ret = 0;
	r->p = r->end = NULL;
	return ret < 0 ? ret : ret ? 0 : -EPROTO;
}

static int take_events(struct trace_stream *ts, const struct chunk_info *ci, event_sink_fn sink,
		       void *ctx)
{
	struct trace_reader *r = &ts->r;
	bool last = ci->type == CHUNK_KEYFRAME && ci->flags & CHUNK_F_LAST;
	struct mtr_event ev;
	int ret;

	while ((ret = trace_reader_next(r, &ev)) > 0) {
		ret = sink(ctx, &ev);
		if (ret)
			return ret;
	}
	if (!ret && r->info.nr_damages)
		ret = -EPROTO;
	ts->nr_keys += !ret && last && trace_reader_in_key(r);
	return ret;
}

/* A whole chunk is held. */
static int take_chunk(struct trace_stream *ts, const struct chunk_info *ci, event_sink_fn sink,
		      trace_other_fn other, void *ctx)
{
	struct trace_reader *r = &ts->r;

	ts->only = (struct index_entry){
		.type = ci->type, .flags = ci->flags, .begin_ns = ci->begin_ns, .end_ns = ci->end_ns
	};
	r->io.size = ts->len;
	r->nr = 1;
	r->next = 0;
	if (ci->type >= CHUNK_TALK) {
		if (ci->flags || ci->raw_len != ci->disk_len ||
		    trace_crc(ts->buf + CHUNK_HEADER_SZ, ci->disk_len) != ci->data_crc)
			return -EPROTO;
		return other ? other(ctx, ci, ts->buf + CHUNK_HEADER_SZ, ci->disk_len) : 0;
	}
	if (ci->type == CHUNK_FACTS)
		return take_facts(ts);
	if (ci->type == CHUNK_EVENTS || ci->type == CHUNK_KEYFRAME)
		return take_events(ts, ci, sink, ctx);
	return 0; /* of a newer memtrace */
}

/* What was wanted is there. */
static int take_piece(struct trace_stream *ts, event_sink_fn sink, trace_other_fn other, void *ctx)
{
	struct chunk_info ci;
	uint8_t *p;
	int err;

	if (!ts->begun) {
		err = take_header(ts);
		ts->len = 0;
		ts->want = CHUNK_HEADER_SZ;
		return err;
	}
	if (!chunk_get(ts->buf, &ci))
		return -EPROTO;
	ts->want = CHUNK_HEADER_SZ + ci.disk_len;
	if (ts->want > ts->sz) {
		p = realloc(ts->buf, ts->want);
		if (!p)
			return -ENOMEM;
		ts->buf = p;
		ts->sz = ts->want;
	}
	if (ts->len < ts->want)
		return 0;
	err = take_chunk(ts, &ci, sink, other, ctx);
	ts->len = 0;
	ts->want = CHUNK_HEADER_SZ;
	return err;
}

int trace_stream_take(struct trace_stream *ts, const void *data, size_t n, event_sink_fn sink,
		      trace_other_fn other, void *ctx)
{
	const uint8_t *p = data;

	while (n && !ts->err) {
		size_t k = ts->want - ts->len < n ? ts->want - ts->len : n;

		memcpy(ts->buf + ts->len, p, k);
		ts->len += k;
		p += k;
		n -= k;
		if (ts->len == ts->want)
			ts->err = take_piece(ts, sink, other, ctx);
	}
	return ts->err;
}

size_t trace_stream_want(const struct trace_stream *ts)
{
	return ts->want - ts->len;
}

bool trace_stream_in_key(const struct trace_stream *ts)
{
	return trace_reader_in_key(&ts->r);
}

uint64_t trace_stream_keys(const struct trace_stream *ts)
{
	return ts->nr_keys;
}

uint64_t trace_stream_missing(const struct trace_stream *ts)
{
	return ts->r.info.missing;
}

const struct trace_facts *trace_stream_facts(const struct trace_stream *ts)
{
	return &ts->r.facts;
}

struct stacktab *trace_stream_stacks(struct trace_stream *ts)
{
	return ts->r.stacks;
}

struct sites *trace_stream_sites(struct trace_stream *ts)
{
	return ts->r.sites;
}
