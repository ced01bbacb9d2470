// SPDX-License-Identifier: GPL-2.0
/* Where the chunks of a file are, and their bytes. */
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#include "trace/reader_int.h"
#include "trace/varint.h"

void reader_damage(struct trace_reader *r, uint64_t off, uint64_t len, const char *what)
{
	struct trace_info *in = &r->info;

	/* a seek may pass the same place again */
	for (unsigned int i = 0; i < in->nr_damages && i < TRACE_DAMAGES; i++)
		if (in->damage[i].off == off)
			return;
	if (in->nr_damages < TRACE_DAMAGES)
		in->damage[in->nr_damages] =
			(struct trace_damage){ .off = off, .len = len, .what = what };
	in->nr_damages++;
}

/* All of @n bytes: 1; the file is shorter: 0; −errno. */
static int read_at(struct trace_reader *r, void *buf, size_t n, uint64_t off)
{
	ssize_t got;

	if (off > r->io.size || n > r->io.size - off)
		return 0;
	got = r->io.read_at(r->io.ctx, buf, n, off);
	if (got < 0)
		return (int)got;
	return (size_t)got == n;
}

static int add(struct trace_reader *r, const struct index_entry *e)
{
	struct index_entry *n;

	if (r->nr == r->cap) {
		unsigned int cap = r->cap ? r->cap * 2 : 64;

		n = reallocarray(r->chunk, cap, sizeof(*n));
		if (!n)
			return -ENOMEM;
		r->chunk = n;
		r->cap = cap;
	}
	r->chunk[r->nr++] = *e;
	return 0;
}

static int room(uint8_t **buf, size_t *sz, size_t want)
{
	uint8_t *p;

	if (*sz >= want)
		return 0;
	p = realloc(*buf, want);
	if (!p)
		return -ENOMEM;
	*buf = p;
	*sz = want;
	return 0;
}

/* ---- bytes */

static int unpack(struct trace_reader *r, const struct chunk_info *ci)
{
	size_t n;

	if (room(&r->raw, &r->raw_sz, ci->raw_len ? ci->raw_len : 1))
		return -ENOMEM;
	if (!(ci->flags & CHUNK_F_ZSTD)) {
		if (ci->raw_len != ci->disk_len)
			return 0;
		memcpy(r->raw, r->disk, ci->raw_len);
		return 1;
	}
	n = ZSTD_decompress(r->raw, ci->raw_len, r->disk, ci->disk_len);
	return !ZSTD_isError(n) && n == ci->raw_len;
}

static int load_at(struct trace_reader *r, uint64_t off, const char **why)
{
	uint8_t header[CHUNK_HEADER_SZ];
	int ret = read_at(r, header, sizeof(header), off);

	*why = "cut off";
	if (ret <= 0)
		return ret;
	*why = "header of a chunk";
	if (!chunk_get(header, &r->ci))
		return 0;
	*why = "cut off";
	if (off + CHUNK_HEADER_SZ + r->ci.disk_len > r->io.size)
		return 0;
	if (room(&r->disk, &r->disk_sz, r->ci.disk_len ? r->ci.disk_len : 1))
		return -ENOMEM;
	ret = read_at(r, r->disk, r->ci.disk_len, off + CHUNK_HEADER_SZ);
	if (ret <= 0)
		return ret;
	*why = "bytes of a chunk";
	if (trace_crc(r->disk, r->ci.disk_len) != r->ci.data_crc)
		return 0;
	ret = unpack(r, &r->ci);
	if (ret <= 0)
		return ret;
	r->p = r->raw;
	r->end = r->raw + r->ci.raw_len;
	return 1;
}

int chunk_load(struct trace_reader *r, unsigned int i)
{
	uint64_t off = r->chunk[i].off, next = i + 1 < r->nr ? r->chunk[i + 1].off : r->io.size;
	const char *why;
	int ret = load_at(r, off, &why);

	if (ret > 0)
		return ret;
	r->p = r->end = NULL;
	if (!ret)
		reader_damage(r, off, next > off ? next - off : 0, why);
	return ret;
}

/* ---- the index */

/* Chunks one behind the other, within the file, in order: else it is not believed. */
static int decode_index(struct trace_reader *r, uint64_t index_off)
{
	uint64_t nr, off = 0, ns = 0, v[4];
	struct index_entry e = {};
	int err;

	if (!varint_get(&r->p, r->end, &nr))
		return 0;
	for (uint64_t i = 0; i < nr; i++) {
		if (r->end - r->p < 2)
			return 0;
		e.type = *r->p++;
		e.flags = *r->p++;
		for (unsigned int k = 0; k < 4; k++)
			if (!varint_get(&r->p, r->end, &v[k]))
				return 0;
		off += v[0];
		if (!v[0] || off >= index_off)
			return 0;
		e.off = off;
		e.nr_events = (uint32_t)v[1];
		e.begin_ns = ns += unzigzag(v[2]);
		e.end_ns = e.begin_ns + unzigzag(v[3]);
		err = add(r, &e);
		if (err)
			return err;
	}
	return 1;
}

/* 1 with all chunks known; 0: there is no index; −errno */
static int from_index(struct trace_reader *r)
{
	uint8_t end[TRACE_END_SZ];
	struct index_entry facts = { .off = TRACE_HEADER_SZ, .type = CHUNK_FACTS };
	const char *why;
	uint64_t off;
	int ret;

	if (r->io.size < TRACE_HEADER_SZ + TRACE_END_SZ)
		return 0;
	ret = read_at(r, end, sizeof(end), r->io.size - sizeof(end));
	if (ret <= 0)
		return ret;
	if (memcmp(end, END_MAGIC, TRACE_MAGIC_SZ) ||
	    get_le(end + TE_CRC, 4) != trace_crc(end, TE_CRC))
		return 0;
	r->info.closed = true;
	off = get_le(end + TE_INDEX, 8);
	ret = load_at(r, off, &why);
	if (ret <= 0 || r->ci.type != CHUNK_INDEX)
		return ret < 0 ? ret : 0;
	ret = add(r, &facts);
	if (!ret)
		ret = decode_index(r, off);
	if (ret <= 0)
		r->nr = 0;
	return ret;
}

/* ---- without it: from chunk to chunk */

#define WINDOW 65536u

/* The next header of a chunk at or behind @off; the file's size when there is none. */
static int find_magic(struct trace_reader *r, uint64_t off, uint64_t *ret_off)
{
	uint8_t *buf = malloc(WINDOW);
	struct chunk_info ci;
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	*ret_off = r->io.size;
	while (off + CHUNK_HEADER_SZ <= r->io.size) {
		uint64_t left = r->io.size - off;
		size_t n = left < WINDOW ? (size_t)left : WINDOW, i = 0;
		uint8_t *at;

		ret = read_at(r, buf, n, off);
		if (ret <= 0)
			break;
		ret = 0;
		for (; i + CHUNK_HEADER_SZ <= n; i++) {
			at = memchr(buf + i, CHUNK_MAGIC[0], n - CHUNK_HEADER_SZ - i + 1);
			if (!at)
				break;
			i = (size_t)(at - buf);
			if (chunk_get(at, &ci)) {
				*ret_off = off + i;
				free(buf);
				return 0;
			}
		}
		off += n - CHUNK_HEADER_SZ + 1;
	}
	free(buf);
	return ret;
}

static bool is_end(struct trace_reader *r, uint64_t off)
{
	uint8_t end[TRACE_END_SZ];

	return r->io.size - off == sizeof(end) && read_at(r, end, sizeof(end), off) > 0 &&
	       !memcmp(end, END_MAGIC, TRACE_MAGIC_SZ);
}

static int walk(struct trace_reader *r)
{
	uint64_t off = TRACE_HEADER_SZ, next;
	uint8_t header[CHUNK_HEADER_SZ];
	struct chunk_info ci;
	int ret;

	while (off < r->io.size && !is_end(r, off)) {
		ret = read_at(r, header, sizeof(header), off);
		if (ret < 0)
			return ret;
		if (ret && chunk_get(header, &ci)) {
			struct index_entry e = { .off = off,
						 .begin_ns = ci.begin_ns,
						 .end_ns = ci.end_ns,
						 .nr_events = ci.nr_events,
						 .type = ci.type,
						 .flags = ci.flags };

			if (ci.type != CHUNK_INDEX)
				ret = add(r, &e);
			if (ret < 0)
				return ret;
			off += CHUNK_HEADER_SZ + ci.disk_len;
			continue;
		}
		ret = find_magic(r, off + 1, &next);
		if (ret < 0)
			return ret;
		reader_damage(r, off, next - off,
			      next == r->io.size ? "cut off" : "header of a chunk");
		off = next;
	}
	return 0;
}

int chunks_find(struct trace_reader *r)
{
	struct trace_info *in = &r->info;
	int ret = from_index(r);

	if (!ret && in->closed) {
		reader_damage(r, r->io.size - TRACE_END_SZ, 0, "index");
	}
	if (!ret)
		ret = walk(r);
	if (ret < 0)
		return ret;
	for (unsigned int i = 0; i < r->nr; i++) {
		const struct index_entry *e = &r->chunk[i];

		in->nr_chunks++;
		in->nr_keyframes += e->type == CHUNK_KEYFRAME && e->flags & CHUNK_F_FIRST;
		if (e->begin_ns && (!in->begin_ns || e->begin_ns < in->begin_ns))
			in->begin_ns = e->begin_ns;
		if (e->end_ns > in->end_ns)
			in->end_ns = e->end_ns;
	}
	return 0;
}
