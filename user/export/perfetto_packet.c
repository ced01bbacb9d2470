// SPDX-License-Identifier: GPL-2.0
/*
 * Packets on their way out. They gather in a bundle, which is compressed and
 * leaves as one packet with one write: a trace that breaks off does so between
 * two bundles. Names are interned: each is told once, then its number is used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/rows.h"
#include "event/call.h"
#include "export/perfetto_int.h"
#include "util/deflate.h"
#include "util/text.h"

#define BUNDLE (256u << 10) /* readers take up to 512 KiB */
#define HEAD 16 /* tag and length of a packet, at most */
#define STRINGS 4096 /* interned before the state begins anew */

/* iids of strings: kinds of regions, protections, then those of the stream. */
enum { S_KINDS = 1, S_PROT = 64, S_STREAM = 128 };

static const char *const event_names[N_NR] = {
	[N_ATTACH] = "attach",
	[N_EXEC] = "exec",
	[N_EXIT] = "exit",
	[N_MAPPED] = "mapped",
	[N_GREW] = "mapping grew",
	[N_SHRANK] = "mapping cut",
	[N_PROTECTED] = "protection changed",
	[N_REPLACED] = "mapping replaced",
	[N_SAME] = "mapping confirmed",
	[N_STACK_GREW] = "stack grew",
	[N_UNMAPPED] = "unmapped",
	[N_NAMED] = "memory named",
	[N_RESYNC] = "map unclear",
	[N_MINOR] = "minor fault",
	[N_MAJOR] = "major fault",
	[N_FAILED] = "failed fault",
	[N_FOREIGN] = "fault by another process",
	[N_THREAD] = "thread starts",
	[N_THREAD_EXIT] = "thread ends",
	[N_RENAMED] = "renamed",
	[N_SIGNAL] = "signal",
	[N_OOM] = "killed for memory (OOM)",
	[N_MAPS_READ] = "map read from /proc",
	[N_PAGES_COUNTED] = "pages counted",
	[N_FAULTS_BINNED] = "faults",
	[N_MAP_BINNED] = "map changes",
	[N_INTERVAL] = "interval",
	[N_INV_WATCHED] = "memtrace.ko begins to tell",
	[N_INV_START] = "pages about to change",
	[N_INV_END] = "pages changed",
	[N_INV_RELEASED] = "memtrace.ko tells no more",
	[N_INV_DOUBT] = "pages unclear",
	[N_INV_BINNED] = "invalidations",
	[N_MOVING_BINNED] = "calls that moved pages",
	[N_CALLS_BINNED] = "system calls",
};

static const char *const arg_names[A_NR] = {
	[A_ADDRESS] = "address",
	[A_SIZE] = "size",
	[A_PROTECTION] = "protection",
	[A_FILE] = "file",
	[A_KIND] = "kind",
	[A_TID] = "tid",
	[A_PC] = "pc",
	[A_SP] = "sp",
	[A_BYTES] = "bytes",
	[A_WRITE] = "write",
	[A_EXEC] = "exec",
	[A_PREV_MAJOR] = "fault_before_was_major",
	[A_OLD_ADDRESS] = "old_address",
	[A_OLD_SIZE] = "old_size",
	[A_OLD_PROTECTION] = "old_protection",
	[A_MAPPED_BYTES] = "mapped_bytes",
	[A_NAME] = "name",
	[A_EXE] = "exe",
	[A_STATUS] = "status",
	[A_SIGNAL] = "signal",
	[A_SIGNO] = "signo",
	[A_CODE] = "code",
	[A_FATAL] = "fatal",
	[A_REGIONS] = "regions",
	[A_COMPLETE] = "complete",
	[A_MINOR] = "minor",
	[A_MAJOR] = "major",
	[A_OTHER] = "other",
	[A_EVENTS] = "events",
	[A_FORKED] = "forked",
	[A_PARENT] = "parent",
	[A_STACK_OVERFLOW] = "stack_overflow",
	[A_WHY] = "why",
	[A_SEQ] = "seq",
	[A_STAYS] = "stays",
	[A_SWAP_BYTES] = "swap_bytes",
	[A_NEW_SIZE] = "new_size",
	[A_FLAGS] = "flags",
	[A_ADVICE] = "advice",
	[A_RESULT] = "result",
	[A_ERROR] = "error",
	[A_FAILED] = "failed",
};

uint64_t pf_mix(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b + 0x9e3779b97f4a7c15ull + (a << 6) + (a >> 2)));

	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
	h ^= h >> 31;
	return h ? h : 1;
}

char *pf_text(const struct pf *f, uint32_t string, char *buf)
{
	return text_clean(buf, PF_TEXT, strtab_str(f->x->st, string), 0);
}

/* ---- packets and bundles */

/* Tag of field @field, length-delimited, and the length; returns bytes of @buf used. */
static size_t head(uint8_t buf[HEAD], unsigned int field, size_t len)
{
	uint64_t words[2] = { (uint64_t)field << 3 | 2, len };
	size_t n = 0;

	for (unsigned int i = 0; i < 2; i++) {
		for (; words[i] >= 0x80; words[i] >>= 7)
			buf[n++] = (uint8_t)(words[i] | 0x80);
		buf[n++] = (uint8_t)words[i];
	}
	return n;
}

/* One packet with the bundle in it, or what is too large for one as it is. */
static int flush_packed(struct pf *f)
{
	struct sink *s = &f->x->out;
	size_t bound = deflate_bound(f->bundle_len), n, m;
	uint8_t outer[HEAD], inner[HEAD];
	ssize_t len;

	if (f->packed_cap < bound) {
		char *p = realloc(f->packed, bound);

		if (!p)
			return -ENOMEM;
		f->packed = p;
		f->packed_cap = bound;
	}
	len = deflate_zlib(f->packed, f->packed_cap, f->bundle, f->bundle_len);
	if (len < 0)
		return (int)len;
	m = head(inner, 50, (size_t)len);
	n = head(outer, 1, m + (size_t)len);
	sink_add(s, outer, n);
	sink_add(s, inner, m);
	sink_add(s, f->packed, (size_t)len);
	return 0;
}

int pf_flush(struct pf *f)
{
	struct sink *s = &f->x->out;
	int err = 0;

	if (!f->bundle_len)
		return s->err;
	if (f->bundle_len > BUNDLE + BUNDLE / 2)
		err = sink_add(s, f->bundle, f->bundle_len);
	else
		err = flush_packed(f);
	f->bundle_len = 0;
	return err ? err : sink_end(s);
}

static int reserve(struct pf *f, size_t len)
{
	size_t cap = f->bundle_cap ? f->bundle_cap : BUNDLE + (BUNDLE >> 2);
	char *p;

	if (f->bundle_len + len <= f->bundle_cap)
		return 0;
	while (cap < f->bundle_len + len)
		cap *= 2;
	p = realloc(f->bundle, cap);
	if (!p)
		return -ENOMEM;
	f->bundle = p;
	f->bundle_cap = cap;
	return 0;
}

int pf_packet(struct pf *f, const Pf__Packet *pk)
{
	size_t len = protobuf_c_message_get_packed_size(&pk->base);
	int err = 0;

	if (f->bundle_len && f->bundle_len + len > BUNDLE)
		err = pf_flush(f);
	if (!err)
		err = reserve(f, len + HEAD);
	if (err)
		return err;
	f->bundle_len += head((uint8_t *)f->bundle + f->bundle_len, 1, len);
	f->bundle_len += protobuf_c_message_pack(&pk->base, (uint8_t *)f->bundle + f->bundle_len);
	return 0;
}

/* ---- interned names */

static void forget_strings(struct pf *f)
{
	struct pf_string *s, *tmp;

	HASH_ITER(hh, f->strings, s, tmp) {
		HASH_DEL(f->strings, s);
		free(s);
	}
	f->next_iid = S_STREAM;
}

struct names {
	Pf__Named named[192];
	Pf__Named *ptr[192];
	size_t nr;
};

static void name(struct names *n, uint64_t iid, const char *text)
{
	Pf__Named *d = &n->named[n->nr];

	pf__named__init(d);
	d->has_iid = 1;
	d->iid = iid;
	d->name = (char *)text;
	n->ptr[n->nr++] = d;
}

static const char *kind_of(unsigned int k)
{
	const char *token = event_kind_name(k);

	return strcmp(token, "unknown") ? token : NULL;
}

static void name_all(struct names *cats, struct names *events, struct names *args,
		     struct names *strings, char prot[16][5])
{
	const struct mtr_call *c;

	for (unsigned int k = 1; k < MTR_EV_MAX; k++) {
		if (!event_is_told(k) || !kind_of(k))
			continue;
		name(cats, k, kind_of(k));
		name(args, A_KINDS + k, kind_of(k));
	}
	name(cats, C_BINNED, "binned");
	name(cats, C_READING, "reading");
	name(cats, C_INTERVAL, "interval");
	name(cats, C_PAGES, "pages");
	for (unsigned int i = 1; i < N_NR; i++)
		name(events, i, event_names[i]);
	for (unsigned int i = 0; (c = mtr_call_at(i)); i++)
		name(events, N_CALLS + c->nr, c->name);
	for (unsigned int i = 1; i < A_NR; i++)
		name(args, i, arg_names[i]);
	for (unsigned int i = 0; i < RK_NR; i++)
		name(strings, S_KINDS + i, region_kind_name(i));
	for (unsigned int i = 0; i < 16; i++)
		name(strings, S_PROT + i, rows_perms(prot[i], i));
}

/* What the sequence of events builds on: told at the beginning, at keyframes and when it gets long. */
int pf_state(struct pf *f, uint64_t time_ns)
{
	struct names cats, events, args, strings;
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__Interned in = PF__INTERNED__INIT;
	Pf__Defaults defaults = PF__DEFAULTS__INIT;
	Pf__EventDefaults track = PF__EVENT_DEFAULTS__INIT;
	char prot[16][5];

	cats.nr = events.nr = args.nr = strings.nr = 0;
	name_all(&cats, &events, &args, &strings, prot);
	in.categories = cats.ptr;
	in.n_categories = cats.nr;
	in.event_names = events.ptr;
	in.n_event_names = events.nr;
	in.note_names = args.ptr;
	in.n_note_names = args.nr;
	in.strings = strings.ptr;
	in.n_strings = strings.nr;
	track.has_track_uuid = 1;
	track.track_uuid = pf_root_track(R_INTERVALS);
	defaults.track_event = &track;
	defaults.has_clock_id = 1;
	defaults.clock_id = CLOCK_BOOT;
	pk.has_timestamp = 1;
	pk.timestamp = time_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_EVENTS;
	pk.has_sequence_flags = 1;
	pk.sequence_flags = 3; /* cleared, and needed from here on */
	pk.has_first_packet_on_sequence = pk.first_packet_on_sequence = !f->state_ns;
	pk.interned_data = &in;
	pk.defaults = &defaults;
	forget_strings(f);
	pf_names_free(&f->stacks);
	f->stacks.seq = SEQ_EVENTS;
	f->state_ns = time_ns ? time_ns : 1;
	return pf_packet(f, &pk);
}

/* The iid of a string of the stream; told in a packet of its own when it is new. */
static int intern(struct pf *f, uint32_t id, uint64_t *ret_iid)
{
	struct names strings = { .nr = 0 };
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__Interned in = PF__INTERNED__INIT;
	struct pf_string *s;
	char buf[PF_TEXT];
	int err;

	HASH_FIND(hh, f->strings, &id, sizeof(id), s);
	if (s) {
		*ret_iid = s->iid;
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->id = id;
	s->iid = f->next_iid++;
	HASH_ADD(hh, f->strings, id, sizeof(s->id), s);
	if (!s->hh.tbl) {
		free(s);
		return -ENOMEM;
	}
	name(&strings, s->iid, pf_text(f, id, buf));
	in.strings = strings.ptr;
	in.n_strings = strings.nr;
	pk.has_timestamp = 1;
	pk.timestamp = f->x->last_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_EVENTS;
	pk.has_sequence_flags = 1;
	pk.sequence_flags = 2;
	pk.interned_data = &in;
	err = pf_packet(f, &pk);
	*ret_iid = s->iid;
	return err;
}

/* ---- events */

void pf_event(struct pf_event *e, unsigned int type, uint64_t track, unsigned int name_iid,
	      unsigned int category)
{
	pf__event__init(&e->ev);
	e->ev.has_type = 1;
	e->ev.type = type;
	e->ev.has_track_uuid = 1;
	e->ev.track_uuid = track;
	e->ev.has_name_iid = name_iid != 0;
	e->ev.name_iid = name_iid;
	e->category = category;
	e->ev.n_category_iids = category != 0;
	e->ev.category_iids = &e->category;
	e->ev.notes = e->notes;
}

Pf__Note *pf_note(struct pf_event *e, unsigned int arg)
{
	size_t i = e->ev.n_notes;

	if (i == NR_NOTES)
		i--; /* never: no event has as many */
	pf__note__init(&e->note[i]);
	e->notes[i] = &e->note[i];
	e->note[i].has_name_iid = 1;
	e->note[i].name_iid = arg;
	e->ev.n_notes = i + 1;
	return &e->note[i];
}

void pf_uint(struct pf_event *e, enum pf_arg a, uint64_t v)
{
	Pf__Note *n = pf_note(e, a);

	n->has_uint_value = 1;
	n->uint_value = v;
}

void pf_int(struct pf_event *e, enum pf_arg a, int64_t v)
{
	Pf__Note *n = pf_note(e, a);

	n->has_int_value = 1;
	n->int_value = v;
}

void pf_ptr(struct pf_event *e, enum pf_arg a, uint64_t v)
{
	Pf__Note *n = pf_note(e, a);

	n->has_pointer_value = 1;
	n->pointer_value = v;
}

void pf_bool(struct pf_event *e, enum pf_arg a, bool v)
{
	Pf__Note *n = pf_note(e, a);

	n->has_bool_value = 1;
	n->bool_value = v;
}

static void string_note(struct pf_event *e, enum pf_arg a, uint64_t iid)
{
	Pf__Note *n = pf_note(e, a);

	n->has_string_iid = 1;
	n->string_iid = iid;
}

void pf_kind(struct pf_event *e, enum region_kind k)
{
	if (k != RK_UNKNOWN)
		string_note(e, A_KIND, S_KINDS + (uint64_t)k);
}

void pf_prot(struct pf_event *e, enum pf_arg a, uint32_t prot)
{
	string_note(e, a, S_PROT + (prot & (MTR_P_RWX | MTR_P_SHARED)));
}

int pf_str(struct pf *f, struct pf_event *e, enum pf_arg a, uint32_t string)
{
	uint64_t iid;
	int err;

	if (!string)
		return 0;
	err = intern(f, string, &iid);
	if (!err)
		string_note(e, a, iid);
	return err;
}

int pf_send(struct pf *f, const struct pf_event *e, uint64_t time_ns)
{
	Pf__Packet pk = PF__PACKET__INIT;
	int err;

	pk.has_timestamp = 1;
	pk.timestamp = time_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_EVENTS;
	pk.has_sequence_flags = 1;
	pk.sequence_flags = 2;
	pk.track_event = (Pf__Event *)&e->ev;
	err = pf_packet(f, &pk);
	if (!err && f->next_iid > S_STREAM + STRINGS)
		err = pf_state(f, time_ns);
	return err;
}

int pf_batch_send(struct pf *f, struct pf_batch *b)
{
	struct pf_event e;

	if (!b->nr)
		return 0;
	pf_event(&e, EV_COUNTER, b->track[0], 0, 0);
	e.ev.has_value = 1;
	e.ev.value = b->value[0];
	e.ev.n_extra_tracks = e.ev.n_extra_values = b->nr - 1;
	e.ev.extra_tracks = b->track + 1;
	e.ev.extra_values = b->value + 1;
	b->nr = 0;
	return pf_send(f, &e, b->time_ns);
}

int pf_count(struct pf *f, struct pf_batch *b, uint64_t track, int64_t value)
{
	b->track[b->nr] = track;
	b->value[b->nr++] = value;
	return b->nr == sizeof(b->track) / sizeof(b->track[0]) ? pf_batch_send(f, b) : 0;
}

int pf_track(struct pf *f, const struct pf_track *t, uint64_t time_ns)
{
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__Track d = PF__TRACK__INIT;
	Pf__Counter c = PF__COUNTER__INIT;

	d.has_uuid = 1;
	d.uuid = t->uuid;
	d.has_parent_uuid = t->parent != 0;
	d.parent_uuid = t->parent;
	d.name = (char *)t->name;
	d.description = (char *)t->description;
	d.has_child_ordering = t->ordered;
	d.child_ordering = 3;
	d.has_sibling_order_rank = t->rank != 0;
	d.sibling_order_rank = t->rank;
	if (t->unit) {
		c.has_unit = 1;
		c.unit = t->unit;
		c.unit_name = (char *)t->unit_name;
		c.y_axis_share_key = (char *)t->share;
		d.counter = &c;
	}
	pk.has_timestamp = 1;
	pk.timestamp = time_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_TRACKS;
	pk.track_descriptor = &d;
	return pf_packet(f, &pk);
}
