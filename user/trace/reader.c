// SPDX-License-Identifier: GPL-2.0
#include "trace/reader.h"

#include <errno.h>
#include <stdlib.h>

#include "trace/reader_int.h"

/* Version and the like. A damaged header is passed over when chunks are found behind it. */
static int check_header(struct trace_reader *r)
{
	uint8_t h[TRACE_HEADER_SZ];
	ssize_t n = r->io.read_at(r->io.ctx, h, sizeof(h), 0);

	if (n < 0)
		return (int)n;
	if (n == sizeof(h) && !memcmp(h, TRACE_MAGIC, TRACE_MAGIC_SZ) &&
	    get_le(h + TH_CRC, 4) == trace_crc(h, TH_CRC)) {
		r->info.version = (unsigned int)get_le(h + TH_VERSION, 2);
		r->info.min_reader = (unsigned int)get_le(h + TH_MIN_READER, 2);
		return r->info.min_reader > TRACE_VERSION ? -EPROTONOSUPPORT : 0;
	}
	reader_damage(r, 0, TRACE_HEADER_SZ, "header of the file");
	return 0;
}

/* The first chunk that holds events; r->nr: none. */
static unsigned int first_events(const struct trace_reader *r)
{
	unsigned int i = 0;

	while (i < r->nr && r->chunk[i].type != CHUNK_EVENTS && r->chunk[i].type != CHUNK_KEYFRAME)
		i++;
	return i;
}

static int read_facts(struct trace_reader *r)
{
	for (unsigned int i = 0; i < r->nr; i++) {
		int ret;

		if (r->chunk[i].type != CHUNK_FACTS)
			continue;
		ret = chunk_load(r, i);
		if (ret < 0)
			return ret;
		if (ret && facts_decode(&r->facts, r->p, (size_t)(r->end - r->p)))
			reader_damage(r, r->chunk[i].off, 0, "facts");
		break;
	}
	r->p = r->end = NULL;
	return 0;
}

static void rewind_to(struct trace_reader *r, unsigned int i)
{
	r->next = i;
	r->p = r->end = NULL;
	r->in_key = false;
	r->told_known = false;
	/* a file that begins in the middle of a recording begins with a keyframe */
	r->want_key = i < r->nr && r->chunk[i].type == CHUNK_KEYFRAME;
}

int trace_reader_open(const struct trace_io *io, struct strtab *st, struct trace_reader **ret_r)
{
	struct trace_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->io = *io;
	r->stacks = stacktab_new();
	r->sites = sites_new();
	codec_init(&r->codec, st, r->stacks);
	err = r->stacks && r->sites ? check_header(r) : -ENOMEM;
	if (!err)
		err = chunks_find(r);
	if (!err)
		err = read_facts(r);
	/* neither its header nor anything else looks like it */
	if (!err && !r->info.version && !r->info.nr_chunks)
		err = -EPROTO;
	if (err) {
		trace_reader_close(r);
		return err;
	}
	rewind_to(r, first_events(r));
	/* nothing is before the first chunk, unless what was before was not kept */
	r->told_known = !facts_u64(&r->facts, "flight_recorder");
	*ret_r = r;
	return 0;
}

void trace_reader_close(struct trace_reader *r)
{
	if (!r)
		return;
	codec_fini(&r->codec);
	sites_free(r->sites);
	stacktab_free(r->stacks);
	free(r->chunk);
	free(r->disk);
	free(r->raw);
	free(r);
}

/* Events are missing between the last chunk and this one. */
static bool gap(struct trace_reader *r, struct mtr_event *ev)
{
	uint64_t n = r->told_known && r->ci.told_before > r->told ? r->ci.told_before - r->told : 0;
	bool first = !r->told_known && r->ci.told_before && !r->want_key;

	if (r->only)
		return false;
	r->told = r->ci.told_before;
	r->told_known = true;
	if (first)
		r->want_key = true;
	if (!n)
		return false;
	r->want_key = true;
	r->gave_key = false;
	r->info.missing += n;
	*ev = (struct mtr_event){ .kind = MTR_EV_LOST, .time_ns = r->ci.begin_ns };
	ev->lost.count = n;
	return true;
}

/* By the index alone: nothing that is looked for is in this chunk of events. */
static bool passed_over(const struct trace_reader *r, const struct index_entry *e)
{
	return r->only && e->flags & CHUNK_F_KNOWN && !(e->flags & r->only);
}

/* Whole chunks were left out before this keyframe, as the daemon does for who is behind: it is needed. */
static bool left_out(struct trace_reader *r, const struct index_entry *e)
{
	uint8_t header[CHUNK_HEADER_SZ];
	struct chunk_info ci;

	if (r->only || !r->told_known || !(e->flags & CHUNK_F_FIRST) ||
	    r->io.read_at(r->io.ctx, header, sizeof(header), e->off) != (ssize_t)sizeof(header))
		return false;
	return chunk_get(header, &ci) && ci.told_before > r->told;
}

/* 1: @ev is an event that tells of a gap; 0; −errno */
static int open_chunk(struct trace_reader *r, struct mtr_event *ev)
{
	const struct index_entry *e = &r->chunk[r->next];
	bool key = e->type == CHUNK_KEYFRAME;
	int ret;

	if (key && !r->want_key)
		r->want_key = left_out(r, e);
	if (key && !((r->want_key || r->all_keys) && (r->in_key || e->flags & CHUNK_F_FIRST))) {
		r->next++;
		return 0;
	}
	if (e->type == CHUNK_EVENTS && passed_over(r, e)) {
		r->next++;
		return 0;
	}
	if (!key && e->type != CHUNK_EVENTS) {
		r->info.nr_unknown += e->type != CHUNK_FACTS;
		r->next++;
		return 0;
	}
	ret = chunk_load(r, r->next++);
	if (ret < 0)
		return ret;
	if (!ret) {
		r->want_key = true;
		r->in_key = false;
		return 0;
	}
	codec_reset(&r->codec);
	r->info.raw_bytes += r->ci.raw_len;
	r->in_key = key;
	return gap(r, ev);
}

static void end_of_key(struct trace_reader *r)
{
	if (!r->in_key || !(r->ci.flags & CHUNK_F_LAST))
		return;
	r->in_key = r->want_key = false;
}

static int decode(struct trace_reader *r, struct mtr_event *ev)
{
	int ret = codec_decode(&r->codec, &r->p, r->end, ev);

	r->info.nr_unknown += r->codec.nr_unknown;
	r->codec.nr_unknown = 0;
	if (ret == -EBADMSG) {
		reader_damage(r, r->chunk[r->next - 1].off, 0, "events of a chunk");
		r->p = r->end;
		r->want_key = true;
		r->in_key = false;
		return 0;
	}
	if (r->p == r->end)
		end_of_key(r);
	if (ret <= 0)
		return ret;
	r->gave_key = r->ci.type == CHUNK_KEYFRAME;
	if (ev->kind != MTR_EV_STATE && !r->gave_key) {
		r->info.by_kind[ev->kind]++;
		r->info.told += event_is_told(ev->kind);
		r->told += event_is_told(ev->kind);
	}
	return 1;
}

static int next(struct trace_reader *r, struct mtr_event *ev)
{
	int ret = 0;

	if (r->reset) {
		r->reset = false;
		*ev = (struct mtr_event){ .kind = MTR_EV_STATE };
		ev->state.what = MTR_ST_MODEL;
		ev->state.v = r->codec.v;
		return 1;
	}
	while (!ret) {
		if (r->p < r->end)
			ret = decode(r, ev);
		else if (r->next < r->nr)
			ret = open_chunk(r, ev);
		else
			return 0;
	}
	return ret;
}

int trace_reader_next(struct trace_reader *r, struct mtr_event *ev)
{
	int ret = next(r, ev), err = ret > 0 ? sites_event(r->sites, ev) : 0;

	return err ? err : ret;
}

/* Can this keyframe be read whole? */
static int whole_key(struct trace_reader *r, unsigned int i)
{
	int ret = 1;

	for (; ret > 0 && i < r->nr && r->chunk[i].type == CHUNK_KEYFRAME; i++) {
		ret = chunk_load(r, i);
		if (ret > 0 && r->ci.flags & CHUNK_F_LAST)
			return 1;
	}
	return ret < 0 ? ret : 0;
}

int trace_reader_seek(struct trace_reader *r, uint64_t time_ns)
{
	unsigned int first = first_events(r);
	int ret;

	r->reset = true;
	for (unsigned int i = r->nr; i-- > first;) {
		const struct index_entry *e = &r->chunk[i];

		if (e->type != CHUNK_KEYFRAME || !(e->flags & CHUNK_F_FIRST) ||
		    e->begin_ns >= time_ns)
			continue;
		ret = whole_key(r, i);
		if (ret < 0)
			return ret;
		if (!ret)
			continue;
		rewind_to(r, i);
		return 0;
	}
	rewind_to(r, first);
	return 0;
}

void trace_reader_only(struct trace_reader *r, unsigned int kind)
{
	r->only = kind == MTR_EV_MARK ? CHUNK_F_MARK : kind == MTR_EV_MODULE ? CHUNK_F_MODULE : 0;
}

void trace_reader_all_keys(struct trace_reader *r, bool on)
{
	r->all_keys = on;
}

bool trace_reader_in_key(const struct trace_reader *r)
{
	return r->gave_key;
}

const struct stacktab *trace_reader_stacks(const struct trace_reader *r)
{
	return r->stacks;
}

const struct trace_facts *trace_reader_facts(const struct trace_reader *r)
{
	return &r->facts;
}

const struct trace_info *trace_reader_info(const struct trace_reader *r)
{
	return &r->info;
}
