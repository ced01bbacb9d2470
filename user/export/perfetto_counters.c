// SPDX-License-Identifier: GPL-2.0
/*
 * Counters. Those of the kernel (RSS and its parts) are told as often as every
 * 10 ms when events come; the rest, which needs a look at every region, once an
 * interval. Only what changed is told. What is not known is left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "export/perfetto_int.h"
#include "util/text.h"

#define LARGE (4ll << 20) /* resident bytes from which a region has a counter */
#define GROWN (1ll << 20) /* growth since the baseline that makes it have one, too */
#define SMAPS_CHUNK 1024 /* regions to a packet: a name may be 12 KiB */
#define KERNEL_HALF (1ull << 63)

static int put(struct pf *f, struct pf_proc *q, struct pf_batch *b, enum pf_counter c,
	       int64_t value)
{
	if (q->known[c] && q->sent[c] == value)
		return 0;
	q->known[c] = true;
	q->sent[c] = value;
	return pf_count(f, b, pf_proc_track(q, c), value);
}

static int64_t positive(int64_t v)
{
	return v > 0 ? v : 0;
}

static int put_rss(struct pf *f, struct pf_proc *q, const struct proc *p, struct pf_batch *b)
{
	int err;

	/*
	 * Intervals end a little before the latest events that are in them: what those made known is
	 * true at the end, too, and has to be told for that time.
	 */
	if (b->time_ns < q->rss_ns)
		memset(q->known, 0, sizeof(q->known));
	else
		q->rss_ns = b->time_ns;
	err = put(f, q, b, PC_RSS, positive(proc_rss(p)));
	if (!err)
		err = put(f, q, b, PC_ANON, positive(p->rss[MTR_ANON]));
	if (!err)
		err = put(f, q, b, PC_FILE, positive(p->rss[MTR_FILE]));
	if (!err)
		err = put(f, q, b, PC_SHMEM, positive(p->rss[MTR_SHMEM]));
	if (!err)
		err = put(f, q, b, PC_SWAP, positive(p->rss[MTR_SWAP]));
	return err;
}

int pf_rss(struct pf *f, struct pf_proc *q, const struct proc *p, uint64_t time_ns)
{
	struct pf_batch b = { .time_ns = time_ns };
	int err;

	if (q->ended)
		return 0;
	err = put_rss(f, q, p, &b);
	return err ? err : pf_batch_send(f, &b);
}

/* The kernel's own figures, under the names that Perfetto knows: mem.virt, mem.rss … */
int pf_kernel(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_kernel *k = &ev->kernel;
	const struct proc *p = model_proc(&f->x->model, ev->as);
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__ProcessStats stats = PF__PROCESS_STATS__INIT;
	Pf__ProcessMemory m = PF__PROCESS_MEMORY__INIT, *ms = &m;

	m.has_pid = 1;
	m.pid = (int32_t)q->pid;
	m.has_vm_size_kb = k->virt_bytes >= 0;
	m.vm_size_kb = (uint64_t)k->virt_bytes >> 10;
	m.has_vm_rss_kb = k->rss_bytes >= 0;
	m.vm_rss_kb = (uint64_t)k->rss_bytes >> 10;
	if (p) {
		m.has_rss_anon_kb = m.has_rss_file_kb = m.has_rss_shmem_kb = m.has_vm_swap_kb = 1;
		m.rss_anon_kb = (uint64_t)positive(p->rss[MTR_ANON]) >> 10;
		m.rss_file_kb = (uint64_t)positive(p->rss[MTR_FILE]) >> 10;
		m.rss_shmem_kb = (uint64_t)positive(p->rss[MTR_SHMEM]) >> 10;
		m.vm_swap_kb = (uint64_t)positive(p->rss[MTR_SWAP]) >> 10;
	}
	stats.processes = &ms;
	stats.n_processes = 1;
	pk.has_timestamp = 1;
	pk.timestamp = ev->time_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_TRACKS;
	pk.process_stats = &stats;
	return pf_packet(f, &pk);
}

/* ---- by kind of region */

static enum pf_counter counter_of(enum region_kind k)
{
	switch (k) {
	case RK_HEAP:
		return PC_K_HEAP;
	case RK_ARENA:
		return PC_K_ARENAS;
	case RK_ANON:
	case RK_ANON_NAMED:
		return PC_K_ANON;
	case RK_STACK:
	case RK_THREAD_STACK:
		return PC_K_STACKS;
	case RK_TEXT:
	case RK_RODATA:
	case RK_DATA:
	case RK_BSS:
	case RK_RELRO:
	case RK_FILE:
		return PC_K_FILES;
	case RK_SHM:
	case RK_MEMFD:
	case RK_SYSV:
		return PC_K_SHARED;
	case RK_GUARD:
	case RK_HUGETLB:
	case RK_VDSO:
	case RK_VVAR:
	case RK_VSYSCALL:
	case RK_DEVICE:
	case RK_UNKNOWN:
	case RK_NR:
		break;
	}
	return PC_NR;
}

static bool counted(const struct region *r)
{
	return r->residency != RES_UNKNOWN || !region_kind_has_pages(r->kind) ||
	       r->start >= KERNEL_HALF;
}

/* Resident bytes by class, where every region of it was counted; virtual bytes. */
static int put_kinds(struct pf *f, struct pf_proc *q, struct proc *p, struct pf_batch *b)
{
	bool unknown[PC_NR + 1] = { false };
	int64_t sum[PC_NR + 1] = { 0 }, virt = 0;
	struct region *r;
	int err = 0;

	aspace_for_each(r, &p->aspace) {
		enum pf_counter c = counter_of(r->kind);

		sum[c] += region_resident(r);
		unknown[c] |= !counted(r);
		virt += r->start < KERNEL_HALF ? (int64_t)region_size(r) : 0;
	}
	if (p->maps_known)
		err = put(f, q, b, PC_VIRTUAL, virt);
	for (enum pf_counter c = PC_K_HEAP; !err && p->maps_known && c <= PC_K_SHARED; c++)
		if (!unknown[c])
			err = put(f, q, b, c, sum[c]);
	return err;
}

/* ---- regions */

static int name_region(struct pf *f, const struct pf_proc *q, const struct region *r,
		       const struct pf_region *t, uint64_t time_ns)
{
	char buf[PF_TEXT], name[256], clean[3 * 256];
	const char *base = pf_text(f, r->name, buf), *slash = strrchr(base, '/');
	const struct pf_track track = { .uuid = t->uuid,
					.parent = pf_proc_track(q, PT_REGIONS),
					.name = clean,
					.unit = UNIT_BYTES,
					.share = "rss" };

	if (slash)
		base = slash + 1;
	snprintf(name, sizeof(name), "%s%s%.200s 0x%" PRIx64, region_kind_name(r->kind),
		 *base ? " " : "", base, r->start);
	text_utf8(clean, sizeof(clean), name); /* the cut may have been in a character */
	return pf_track(f, &track, time_ns);
}

/* The region is the one whose counter this is: it may have grown at either end. */
static bool same_region(const struct pf_region *t, const struct region *r)
{
	return r && r->kind == t->kind && (r->start == t->start || r->end == t->end);
}

static struct pf_region *tracked(struct pf_proc *q, const struct region *r)
{
	for (unsigned int i = 0; i < q->nr_regions; i++)
		if (same_region(&q->region[i], r))
			return &q->region[i];
	return NULL;
}

static int put_gone(struct pf *f, struct pf_proc *q, struct proc *p, struct pf_batch *b)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < q->nr_regions;) {
		struct pf_region *t = &q->region[i];

		if (same_region(t, aspace_find(&p->aspace, t->start)) ||
		    same_region(t, aspace_find(&p->aspace, t->end - 1))) {
			i++;
			continue;
		}
		err = pf_count(f, b, t->uuid, 0);
		*t = q->region[--q->nr_regions];
	}
	return err;
}

static bool wanted(const struct region *r)
{
	int64_t res = region_resident(r);

	return r->residency != RES_UNKNOWN && (res >= LARGE || res - r->base_res >= GROWN);
}

static int put_regions(struct pf *f, struct pf_proc *q, struct proc *p, struct pf_batch *b)
{
	int err = put_gone(f, q, p, b);
	struct region *r;

	aspace_for_each(r, &p->aspace) {
		struct pf_region *t;

		if (err)
			break;
		/* most regions are small and have none */
		if (!wanted(r) && !q->nr_regions)
			continue;
		t = tracked(q, r);
		if (!t && (!wanted(r) || q->nr_regions == NR_REGIONS))
			continue;
		if (!t) {
			t = &q->region[q->nr_regions++];
			*t = (struct pf_region){ .kind = r->kind, .sent = -1 };
			t->uuid = pf_mix(pf_mix(q->uuid, ++q->serial), r->start);
			err = name_region(f, q, r, t, b->time_ns);
		}
		t->start = r->start;
		t->end = r->end;
		if (!err && t->sent != region_resident(r)) {
			t->sent = region_resident(r);
			err = pf_count(f, b, t->uuid, t->sent);
		}
	}
	return err;
}

int pf_regions_end(struct pf *f, struct pf_proc *q, uint64_t time_ns)
{
	struct pf_batch b = { .time_ns = time_ns };
	int err = 0;

	for (unsigned int i = 0; !err && i < q->nr_regions; i++)
		err = pf_count(f, &b, q->region[i].uuid, 0);
	q->nr_regions = 0;
	return err ? err : pf_batch_send(f, &b);
}

/* ---- stacks */

static int put_stacks(struct pf *f, struct pf_proc *q, const struct proc *p, struct pf_batch *b)
{
	int err = 0;

	for (const struct thread *m = p->threads; !err && m; m = m->hh.next) {
		struct pf_thread *t = pf_thread(q, m->tid);
		struct stack_info si;

		if (!t)
			t = pf_thread_adopt(f, q, m, b->time_ns);
		if (!t)
			return f->x->out.err ? f->x->out.err : -ENOMEM;
		thread_stack_info(p, m, &si);
		if (si.depth >= 0 && si.depth != t->depth) {
			t->depth = si.depth;
			err = pf_count(f, b, pf_mix(t->uuid, 1), si.depth);
		}
		if (!err && si.high_water >= 0 && si.high_water != t->high) {
			t->high = si.high_water;
			err = pf_count(f, b, pf_mix(t->uuid, 2), si.high_water);
		}
	}
	return err;
}

int pf_proc_counters(struct pf *f, struct pf_proc *q, struct proc *p, uint64_t time_ns)
{
	struct pf_batch b = { .time_ns = time_ns };
	int err = put_rss(f, q, p, &b);

	if (!err)
		err = put_kinds(f, q, p, &b);
	if (!err)
		err = put(f, q, &b, PC_MINOR, (int64_t)(p->minor_rate + 0.5));
	if (!err)
		err = put(f, q, &b, PC_MAJOR, (int64_t)(p->major_rate + 0.5));
	if (!err && p->k_minflt >= 0)
		err = put(f, q, &b, PC_UNSEEN, (int64_t)proc_unseen(p));
	if (!err)
		err = put_regions(f, q, p, &b);
	if (!err)
		err = put_stacks(f, q, p, &b);
	return err ? err : pf_batch_send(f, &b);
}

/* The process is gone, and its memory with it. */
int pf_counters_end(struct pf *f, struct pf_proc *q, uint64_t time_ns)
{
	/* what /proc told of it may be younger than its end, whose event came later */
	struct pf_batch b = { .time_ns = time_ns > q->rss_ns ? time_ns : q->rss_ns + 1 };
	int err = 0;

	for (enum pf_counter c = 0; !err && c <= PC_MAJOR; c++)
		if (q->known[c])
			err = put(f, q, &b, c, 0);
	if (!err)
		err = pf_batch_send(f, &b);
	return err ? err : pf_regions_end(f, q, time_ns);
}

/* ---- the address space */

struct smaps {
	Pf__PackedSmaps packed;
	char *names[SMAPS_CHUNK + 1];
	uint32_t name[SMAPS_CHUNK];
	uint64_t size[SMAPS_CHUNK], rss[SMAPS_CHUNK], anon[SMAPS_CHUNK], swap[SMAPS_CHUNK];
	uint64_t key[SMAPS_CHUNK + 1]; /* what a name was made from: string, kind and tid */
	unsigned int nr, nr_names;
};

/* What smaps would show, or the kind of memory that has no name there. */
static int smaps_name(struct pf *f, struct smaps *s, const struct region *r, uint32_t *ret_id)
{
	uint64_t key = r->name ? r->name : 1ull << 63 | (uint64_t)r->kind << 32 | r->tid;
	char buf[PF_TEXT];

	/* neighbours are often alike; a name that is there twice is no error */
	for (unsigned int i = s->nr_names; i-- > 1 && i + 16 > s->nr_names;)
		if (s->key[i] == key) {
			*ret_id = i;
			return 0;
		}
	if (r->name)
		pf_text(f, r->name, buf);
	else if (r->tid)
		snprintf(buf, sizeof(buf), "[%s:%u]", region_kind_name(r->kind), r->tid);
	else
		snprintf(buf, sizeof(buf), "[%s]", region_kind_name(r->kind));
	s->names[s->nr_names] = strdup(buf);
	if (!s->names[s->nr_names])
		return -ENOMEM;
	s->key[s->nr_names] = key;
	*ret_id = s->nr_names++;
	return 0;
}

static void smaps_empty(struct smaps *s)
{
	for (unsigned int i = 1; i < s->nr_names; i++)
		free(s->names[i]);
	s->names[0] = (char *)"";
	s->nr_names = 1;
	s->nr = 0;
}

static int smaps_send(struct pf *f, const struct pf_proc *q, struct smaps *s, uint64_t time_ns)
{
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__Smaps smaps = PF__SMAPS__INIT;
	Pf__PackedSmaps *p = &s->packed;

	if (!s->nr)
		return 0;
	pf__packed_smaps__init(p);
	p->n_string_table = s->nr_names;
	p->string_table = s->names;
	p->n_name_id = p->n_size_kb = p->n_rss_kb = p->n_anonymous_kb = p->n_swap_kb = s->nr;
	p->name_id = s->name;
	p->size_kb = s->size;
	p->rss_kb = s->rss;
	p->anonymous_kb = s->anon;
	p->swap_kb = s->swap;
	smaps.has_pid = 1;
	smaps.pid = q->pid;
	smaps.packed = p;
	smaps.has_recording_type = smaps.recording_type = 1;
	pk.has_timestamp = 1;
	pk.timestamp = time_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_TRACKS;
	pk.smaps_packet = &smaps;
	return pf_packet(f, &pk);
}

static int smaps_add(struct pf *f, struct smaps *s, const struct region *r)
{
	int err = smaps_name(f, s, r, &s->name[s->nr]);

	if (err)
		return err;
	s->size[s->nr] = region_size(r) >> 10;
	s->rss[s->nr] = (uint64_t)region_resident(r) >> 10;
	s->anon[s->nr] = (uint64_t)positive(r->res[MTR_ANON]) >> 10;
	s->swap[s->nr] = (uint64_t)positive(r->res[MTR_SWAP]) >> 10;
	if (s->anon[s->nr] > s->rss[s->nr])
		s->anon[s->nr] = s->rss[s->nr];
	s->nr++;
	return 0;
}

int pf_smaps(struct pf *f, struct pf_proc *q, struct proc *p, uint64_t time_ns, bool anyhow)
{
	struct region *r;
	struct smaps *s;
	int err = 0;

	if (!p->maps_known || (q->keyframe_ns && q->keyframe_ns == time_ns))
		return 0;
	if (!anyhow)
		aspace_for_each(r, &p->aspace)
			if (!counted(r))
				return 0; /* the next interval will know */
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	smaps_empty(s);
	aspace_for_each(r, &p->aspace) {
		if (err || r->start >= KERNEL_HALF)
			break;
		err = smaps_add(f, s, r);
		if (!err && s->nr == SMAPS_CHUNK) {
			err = smaps_send(f, q, s, time_ns);
			smaps_empty(s);
		}
	}
	if (!err)
		err = smaps_send(f, q, s, time_ns);
	smaps_empty(s);
	free(s);
	q->keyframe_ns = time_ns;
	return err;
}
