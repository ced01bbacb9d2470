// SPDX-License-Identifier: GPL-2.0
/*
 * Resident pages by the call stack that brought them, as heap profiles: memtrace.faults,
 * memtrace.mmap (pages that came in a system call: MAP_POPULATE, read(2) and the like) and
 * memtrace.stack (of stacks, whatever brought them). The ledger of `memtrace growth` keeps the books.
 *
 * Each profile has a sequence of its own that is never cleared: values are cumulative there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/perfetto_int.h"

#define SAMPLES 4096 /* to a packet: each takes some 20 bytes */

static const char *const heap_names[HEAP_NR] = {
	[HEAP_FAULTS] = "memtrace.faults",
	[HEAP_CALLS] = "memtrace.mmap",
	[HEAP_STACK] = "memtrace.stack",
};

static uint32_t path_of(uint32_t stack, enum pf_heap_kind k)
{
	return stack ? LEDGER_FIRST + stack * HEAP_NR + k : LEDGER_NO_PATH;
}

static int begin(struct pf *f, struct pf_proc *q)
{
	struct pf_ledger *l = calloc(1, sizeof(*l));

	if (!l || ledger_init(&l->ledger)) {
		free(l);
		return -ENOMEM;
	}
	for (unsigned int k = 0; k < HEAP_NR; k++)
		l->heap[k].names.seq = SEQ_HEAPS + f->nr_heaps++;
	q->ledger = l;
	return 0;
}

void pf_heap_free(struct pf_proc *q)
{
	struct pf_ledger *l = q->ledger;

	if (!l)
		return;
	for (unsigned int k = 0; k < HEAP_NR; k++)
		pf_names_free(&l->heap[k].names);
	ledger_fini(&l->ledger);
	free(l->sent);
	free(l);
	q->ledger = NULL;
}

static bool in_stack(const struct region *r)
{
	return r && (r->kind == RK_STACK || r->kind == RK_THREAD_STACK);
}

static bool counted(const struct region *r, uint32_t epoch)
{
	return r && r->res_time_ns && (int32_t)(epoch - r->res_epoch) < 0;
}

/* A count of the page tables: what is missing was there before, or nobody knows how it came. */
static int residency(struct pf_ledger *l, const struct mtr_ev_residency *e)
{
	return ledger_count(&l->ledger, e->start, e->end, e->present,
			    e->anon >= e->file ? MTR_ANON : MTR_FILE, LEDGER_NO_PATH);
}

int pf_heap_event(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	bool is_fault = ev->kind == MTR_EV_FAULT;
	struct proc *p;
	struct region *r;
	enum pf_heap_kind k;

	if (!q->ledger && ev->kind != MTR_EV_STACK)
		return 0;
	if (!q->ledger && begin(f, q))
		return -ENOMEM;
	if (ev->kind == MTR_EV_RESIDENCY)
		return residency(q->ledger, &ev->residency);
	if (!is_fault && ev->kind != MTR_EV_RSS)
		return ledger_apply(&q->ledger->ledger, ev, LEDGER_NO_PATH, false);
	p = model_proc(&f->x->model, ev->as);
	r = p ? aspace_find(&p->aspace, is_fault ? ev->fault.addr : ev->rss.start) : NULL;
	k = in_stack(r) ? HEAP_STACK : is_fault ? HEAP_FAULTS : HEAP_CALLS;
	return ledger_apply(&q->ledger->ledger, ev, path_of(ev->callstack, k),
			    counted(r, ev->epoch));
}

/* ---- points in time */

static int send(struct pf *f, const struct pf_names *n, Pf__Packet *pk, uint64_t time_ns)
{
	pk->has_timestamp = pk->has_sequence_id = pk->has_sequence_flags = 1;
	pk->timestamp = time_ns;
	pk->sequence_id = n->seq;
	return pf_packet(f, pk);
}

/* The first packet of a sequence begins its state. */
static int begin_heap(struct pf *f, struct pf_heap *h, uint64_t time_ns)
{
	Pf__Packet pk = PF__PACKET__INIT;

	if (h->begun)
		return 0;
	h->begun = true;
	pk.sequence_flags = 1;
	pk.has_first_packet_on_sequence = pk.first_packet_on_sequence = 1;
	return send(f, &h->names, &pk, time_ns);
}

static int send_samples(struct pf *f, const struct pf_proc *q, enum pf_heap_kind k,
			Pf__HeapSample **samples, size_t nr, bool more, uint64_t time_ns)
{
	struct pf_heap *h = &q->ledger->heap[k];
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__Profile profile = PF__PROFILE__INIT;
	Pf__Heap heap = PF__HEAP__INIT, *heaps = &heap;

	heap.has_pid = heap.has_timestamp = 1;
	heap.pid = q->pid;
	/* two profiles of one process at the same time would be added up */
	heap.timestamp = time_ns - f->clocks.boot_ns + f->clocks.mono_ns + k;
	heap.name = (char *)heap_names[k];
	heap.samples = samples;
	heap.n_samples = nr;
	profile.heaps = &heaps;
	profile.n_heaps = 1;
	profile.has_continued = profile.continued = more;
	profile.has_index = 1;
	profile.index = h->index++;
	pk.profile_packet = &profile;
	pk.sequence_flags = 2;
	return send(f, &h->names, &pk, time_ns);
}

/* What changed of a path since it was told last. False: nothing. */
static bool changed(const struct pf_ledger *l, uint32_t path, struct ledger_path *ret)
{
	const struct ledger_path *was = &l->sent[path];

	*ret = ledger_path(&l->ledger, path);
	/* a reader takes no value that gets smaller */
	if (ret->gross < was->gross)
		ret->gross = was->gross;
	if (ret->released < was->released)
		ret->released = was->released;
	return ret->gross != was->gross || ret->released != was->released;
}

static int dump_heap(struct pf *f, struct pf_proc *q, enum pf_heap_kind k, uint64_t time_ns)
{
	Pf__HeapSample *s = calloc(SAMPLES, sizeof(*s)), **ptr = calloc(SAMPLES, sizeof(*ptr));
	struct pf_ledger *l = q->ledger;
	struct ledger_path now;
	size_t nr = 0;
	int err = s && ptr ? begin_heap(f, &l->heap[k], time_ns) : -ENOMEM;

	for (uint32_t path = path_of(1, k); !err && path < l->nr_sent; path += HEAP_NR) {
		if (!changed(l, path, &now))
			continue;
		if (nr == SAMPLES) {
			err = send_samples(f, q, k, ptr, nr, true, time_ns);
			nr = 0;
		}
		l->sent[path] = now;
		pf__heap_sample__init(&s[nr]);
		s[nr].has_callstack_id = s[nr].has_allocated = s[nr].has_freed = 1;
		s[nr].has_alloc_count = 1;
		s[nr].allocated = (uint64_t)now.gross;
		s[nr].freed = (uint64_t)now.released;
		s[nr].alloc_count = now.nr;
		if (!err)
			err = pf_callstack(f, q, &l->heap[k].names, (path - LEDGER_FIRST) / HEAP_NR,
					   &s[nr].callstack_id);
		ptr[nr] = &s[nr];
		nr++;
	}
	if (!err && nr)
		err = send_samples(f, q, k, ptr, nr, false, time_ns);
	free(s);
	free(ptr);
	return err;
}

int pf_heap_dump(struct pf *f, struct pf_proc *q, uint64_t time_ns)
{
	struct pf_ledger *l = q->ledger;
	struct ledger_path *sent;
	int err = 0;

	/* heap profiles are told on a clock that has to be known */
	if (!l || !f->clocks.mono_ns)
		return 0;
	if (l->nr_sent < l->ledger.nr_paths) {
		sent = reallocarray(l->sent, l->ledger.nr_paths, sizeof(*sent));
		if (!sent)
			return -ENOMEM;
		memset(sent + l->nr_sent, 0, (l->ledger.nr_paths - l->nr_sent) * sizeof(*sent));
		l->sent = sent;
		l->nr_sent = l->ledger.nr_paths;
	}
	q->heap_ns = time_ns;
	for (enum pf_heap_kind k = 0; !err && k < HEAP_NR; k++)
		err = dump_heap(f, q, k, time_ns);
	return err;
}
