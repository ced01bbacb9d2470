// SPDX-License-Identifier: GPL-2.0
#include "source/decode.h"

#include <errno.h>
#include <linux/types.h>
#include <stddef.h>
#include <string.h>
#include "event/call.h"
#include "memtrace_uapi.h"
#include "mtr_wire.h"

#define PAGE_SIZE 4096

/* vm_flags bits (include/linux/mm.h); the same from 5.10 to 7.x */
#define VM_READ 0x1u
#define VM_WRITE 0x2u
#define VM_EXEC 0x4u
#define VM_MAYSHARE 0x80u
#define VM_GROWSDOWN 0x100u
#define VM_PFNMAP 0x400u
#define VM_LOCKED 0x2000u
#define VM_IO 0x4000u
#define VM_DONTCOPY 0x20000u
#define VM_HUGETLB 0x400000u
#define VM_WIPEONFORK 0x2000000u

static uint32_t prot_of(uint64_t f, bool special)
{
	static const struct {
		uint64_t vm;
		uint32_t p;
	} map[] = {
		{ VM_READ, MTR_P_READ },
		{ VM_WRITE, MTR_P_WRITE },
		{ VM_EXEC, MTR_P_EXEC },
		{ VM_MAYSHARE, MTR_P_SHARED },
		{ VM_GROWSDOWN, MTR_P_GROWSDOWN },
		{ VM_HUGETLB, MTR_P_HUGETLB },
		{ VM_PFNMAP | VM_IO, MTR_P_IO },
		{ VM_LOCKED, MTR_P_LOCKED },
		{ VM_WIPEONFORK, MTR_P_WIPEONFORK },
		{ VM_DONTCOPY, MTR_P_DONTCOPY },
	};
	uint32_t p = special ? MTR_P_SPECIAL : 0;

	for (unsigned int i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (f & map[i].vm)
			p |= map[i].p;
	return p;
}

static int proc_event(const void *d, struct strtab *st, struct mtr_event *ev)
{
	const struct mtr_w_proc *w = d;
	struct mtr_ev_proc *e = &ev->proc;

	e->pid = w->ns_tgid;
	e->ppid = w->ppid;
	e->prev_as = w->h.aux;
	e->forked = w->forked;
	e->start_time_ns = w->start_time_ns;
	for (unsigned int i = 0; i < MTR_NR_RSS; i++)
		e->rss_bytes[i] = (int64_t)((uint64_t)w->rss_pages[i] * PAGE_SIZE);
	e->min_flt = w->min_flt;
	e->maj_flt = w->maj_flt;
	e->start_code = w->start_code;
	e->end_code = w->end_code;
	e->start_data = w->start_data;
	e->end_data = w->end_data;
	e->start_brk = w->start_brk;
	e->start_stack = w->start_stack;
	e->comm = strtab_intern(st, w->comm, sizeof(w->comm));
	e->exe = 0;
	return 1;
}

static int vma_event(const void *d, struct mtr_event *ev)
{
	const struct mtr_w_vma *w = d;
	struct mtr_ev_vma *e = &ev->vma;

	e->start = w->start;
	e->end = w->end;
	e->prot = prot_of(w->flags, w->special);
	e->dev = w->dev;
	e->ino = w->ino;
	e->pgoff = w->pgoff;
	e->name = 0;
	e->src = w->h.aux;
	return 1;
}

int decode_faults(const void *data, size_t sz, uint32_t *ret_seq)
{
	const struct mtr_w_faults *w = data;
	const size_t head = offsetof(struct mtr_w_faults, f);

	if (sz < sizeof(w->h) || w->h.kind != MTR_W_FAULT)
		return 0;
	if (sz < head || w->nr > MTR_FAULT_BATCH || sz < head + w->nr * sizeof(w->f[0]))
		return -EBADMSG;
	*ret_seq = w->seq;
	return (int)w->nr;
}

static uint8_t fault_flags(uint32_t aux)
{
	static const struct {
		uint32_t w, e;
	} map[] = {
		{ MTR_FAULT_WRITE, MTR_FAULT_F_WRITE },
		{ MTR_FAULT_USER, MTR_FAULT_F_USER },
		{ MTR_FAULT_INSTR, MTR_FAULT_F_EXEC },
		{ MTR_FAULT_MAJOR, MTR_FAULT_F_MAJOR },
		{ MTR_FAULT_GUP, MTR_FAULT_F_GUP },
		{ MTR_FAULT_PREV_MAJOR, MTR_FAULT_F_PREV_MAJOR },
		{ MTR_FAULT_FAILED, MTR_FAULT_F_FAILED },
		{ MTR_FAULT_FOREIGN, MTR_FAULT_F_FOREIGN },
	};
	uint32_t flags = 0;

	for (unsigned int i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (aux & map[i].w)
			flags |= map[i].e;
	return (uint8_t)flags;
}

/* The clock is not read for each: then between those of the batch for which it was. */
static uint64_t fault_time(const struct mtr_w_faults *w, unsigned int i)
{
	unsigned int a = i, b = i + 1;

	while (a && !w->f[a].time_ns)
		a--;
	if (!w->f[a].time_ns)
		return w->h.time_ns;
	if (a == i)
		return w->f[a].time_ns;
	while (b < w->nr && !w->f[b].time_ns)
		b++;
	if (b < w->nr && w->f[b].time_ns > w->f[a].time_ns)
		return w->f[a].time_ns + (w->f[b].time_ns - w->f[a].time_ns) * (i - a) / (b - a);
	return w->f[a].time_ns;
}

void decode_fault(const void *data, unsigned int i, uint32_t epoch, struct mtr_event *ev)
{
	const struct mtr_w_faults *w = data;
	const struct mtr_w_fault *f = &w->f[i];
	struct mtr_ev_fault *e = &ev->fault;

	ev->kind = MTR_EV_FAULT;
	ev->cpu = w->h.cpu;
	ev->as = w->h.as;
	ev->tid = w->h.tid;
	ev->epoch = epoch - (uint16_t)(epoch - MTR_FAULT_EPOCH(f->aux));
	ev->time_ns = fault_time(w, i);
	e->addr = f->addr;
	e->ip = f->ip;
	e->sp = f->sp;
	e->bytes = (int64_t)f->pages * PAGE_SIZE;
	e->member = (uint8_t)MTR_FAULT_MEMBER(f->aux);
	e->flags = fault_flags(f->aux);
}

/* System calls of x86-64 whose first two arguments are a range of the caller's memory. */
static bool is_range_call(int nr)
{
	static const int nrs[] = { 9, 10, 11, 25, 26, 27, 28, 30, 149, 150, 325, 329 };

	for (unsigned int i = 0; i < sizeof(nrs) / sizeof(*nrs); i++)
		if (nrs[i] == nr)
			return true;
	return false;
}

#define SYS_BRK 12

static void rss_range(const struct mtr_w_rss *w, struct mtr_ev_rss *e)
{
	e->start = e->end = 0;
	if (e->why == MTR_WHY_FAULT) {
		e->start = w->arg0 & ~(uint64_t)(PAGE_SIZE - 1);
		e->end = e->start + PAGE_SIZE;
	} else if (e->why == MTR_WHY_SYSCALL && is_range_call(w->nr) &&
		   w->arg1 <= UINT64_MAX - w->arg0) {
		e->start = w->arg0;
		e->end = w->arg0 + w->arg1;
	} else if (e->why == MTR_WHY_SYSCALL && w->nr == SYS_BRK && w->arg0) {
		/* the heap that ends there now; pages that go were above, where nothing is any more */
		e->start = (w->arg0 - (e->bytes > 0)) & ~(uint64_t)(PAGE_SIZE - 1);
		e->end = e->start + PAGE_SIZE;
	}
}

static int rss_event(const void *d, struct mtr_event *ev)
{
	const struct mtr_w_rss *w = d;
	struct mtr_ev_rss *e = &ev->rss;

	e->bytes = (int64_t)w->pages * PAGE_SIZE;
	e->member = w->member < MTR_NR_RSS ? (uint8_t)w->member : 0;
	e->ip = w->ip;
	e->sp = w->sp;
	e->whole = w->h.aux & MTR_RSS_WHOLE;
	e->call = 0;
	ev->epoch = w->epoch;
	switch (w->h.aux & 0xff) {
	case MTR_RSS_IN_FAULT:
		e->why = MTR_WHY_FAULT;
		break;
	case MTR_RSS_IN_SYSCALL:
		e->why = MTR_WHY_SYSCALL;
		if (w->nr >= 0 && w->nr < UINT16_MAX)
			e->call = (uint16_t)(w->nr + 1);
		break;
	case MTR_RSS_FOREIGN:
		e->why = MTR_WHY_FOREIGN;
		break;
	case MTR_RSS_AT_ATTACH:
		e->why = MTR_WHY_ATTACH;
		break;
	default:
		e->why = MTR_WHY_OTHER;
	}
	rss_range(w, e);
	return 1;
}

static int thread_event(const void *d, struct strtab *st, struct mtr_event *ev)
{
	const struct mtr_w_thread *w = d;
	struct mtr_ev_thread *e = &ev->thread;

	memset(e, 0, sizeof(*e));
	e->sp = w->sp;
	e->start_time_ns = w->start_time_ns;
	e->parent_tid = w->parent_tid;
	e->at_attach = w->nr;
	e->tls = w->tls;
	e->comm = strtab_intern(st, w->comm, sizeof(w->comm));
	return 1;
}

/* task->__state: the letter that /proc shows */
static char state_letter(uint32_t state)
{
	if (!state)
		return 'R';
	if (state & 0x2)
		return state & 0x400 ? 'I' : 'D';
	if (state & 0x1)
		return 'S';
	if (state & 0x4)
		return 'T';
	if (state & 0x8)
		return 't';
	return 'S';
}

static int sp_event(const void *d, struct mtr_event *ev)
{
	const struct mtr_w_sp *w = d;
	struct mtr_ev_thread *e = &ev->thread;

	memset(e, 0, sizeof(*e));
	e->sp = w->sp;
	e->syscall_sp = !w->h.aux;
	e->state = state_letter(w->state);
	return 1;
}

static int signal_event(const void *d, struct mtr_event *ev)
{
	const struct mtr_w_signal *w = d;

	ev->signal.signo = (int)w->h.aux;
	ev->signal.code = w->code;
	ev->signal.fatal = w->fatal;
	ev->signal.addr = w->addr;
	ev->signal.ip = w->ip;
	ev->signal.sp = w->sp;
	return 1;
}

static int file_event(const void *d, struct strtab *st, struct mtr_event *ev)
{
	const struct mtr_w_file *w = d;

	ev->file.ino = w->ino;
	ev->file.dev = w->dev;
	ev->file.fs_magic = w->fs_magic;
	ev->file.name = strtab_intern(st, w->name, sizeof(w->name));
	return 1;
}

static int name_event(const void *d, struct strtab *st, struct mtr_event *ev)
{
	const struct mtr_w_name *w = d;
	char full[sizeof(w->name) + sizeof("[anon:]")] = "[anon:";
	size_t len = strnlen(w->name, sizeof(w->name));

	ev->name.start = w->start;
	ev->name.end = w->end;
	ev->name.name = 0;
	if (len) {
		memcpy(full + 6, w->name, len);
		full[6 + len] = ']';
		ev->name.name = strtab_intern(st, full, 7 + len);
	}
	return 1;
}

static int range_event(const void *d, struct mtr_event *ev)
{
	const struct mtr_w_hole *w = d;

	ev->range.start = w->start;
	ev->range.end = w->end;
	ev->range.src = w->h.aux;
	return 1;
}

#define SYS_IOCTL 16

static int invalidate_event(const void *d, struct mtr_event *ev)
{
	static const uint8_t whys[] = {
		[MEMTRACE_WHY_CLEARED] = MTR_INV_CLEARED,
		[MEMTRACE_WHY_UNMAPPED] = MTR_INV_UNMAPPED,
		[MEMTRACE_WHY_DROPPED] = MTR_INV_DROPPED,
		[MEMTRACE_WHY_RECLAIMED] = MTR_INV_RECLAIMED,
		[MEMTRACE_WHY_PROTECTED] = MTR_INV_PROTECTED,
		[MEMTRACE_WHY_MIGRATED] = MTR_INV_MIGRATED,
		[MEMTRACE_WHY_COLLAPSED] = MTR_INV_COLLAPSED,
	};
	const struct mtr_w_invalidate *w = d;
	struct mtr_ev_invalidate *e = &ev->invalidate;

	e->start = w->start & ~(uint64_t)(PAGE_SIZE - 1);
	e->end = w->end;
	e->seq = w->seq;
	e->why = w->why < sizeof(whys) ? whys[w->why] : MTR_INV_CLEARED;
	e->stays = w->event == MEMTRACE_EV_PROT_PAGE || w->event == MEMTRACE_EV_SOFT_DIRTY;
	e->elsewhere = w->nr == SYS_IOCTL && e->why == MTR_INV_CLEARED;
	ev->epoch = w->epoch;
	switch (w->h.aux) {
	case MTR_W_INV_START:
		e->phase = MTR_INV_START;
		break;
	case MTR_W_INV_END:
		e->phase = MTR_INV_END;
		break;
	default:
		e->phase = MTR_INV_RELEASED;
	}
	return 1;
}

static int comm_event(const void *d, struct strtab *st, struct mtr_event *ev)
{
	const struct mtr_w_comm *w = d;

	memset(&ev->thread, 0, sizeof(ev->thread));
	ev->thread.comm = strtab_intern(st, w->comm, sizeof(w->comm));
	return 1;
}

static int move_event(const void *d, struct mtr_event *ev)
{
	const struct mtr_w_move *w = d;

	ev->move.from = w->from;
	ev->move.to = w->to;
	ev->move.len = w->len;
	ev->move.stays = w->stays;
	return 1;
}

/* What is in the registers beyond the call's own arguments is nobody's business. */
static int call_event(const void *d, struct mtr_event *ev)
{
	const struct mtr_w_call *w = d;
	struct mtr_ev_call *e = &ev->call;

	memset(e, 0, sizeof(*e));
	e->nr = (uint16_t)w->h.aux;
	if (w->begin_ns && w->begin_ns < w->h.time_ns)
		e->took_ns = w->h.time_ns - w->begin_ns;
	memcpy(e->arg, w->arg, sizeof(e->arg));
	for (unsigned int i = mtr_call_nr_args(e); i < MTR_CALL_ARGS; i++)
		e->arg[i] = 0;
	e->result = w->result;
	e->ip = w->ip;
	e->sp = w->sp;
	return 1;
}

/* Where each register of DWARF's numbering stands in the kernel's pt_regs. */
static const uint8_t reg_at[MTR_NR_REGS] = { 10, 12, 11, 5, 13, 14, 4, MTR_STACK_SP, 9,
					     8,	 7,  6,	 3, 2,	1,  0, MTR_STACK_IP };

void decode_regs(const unsigned long long *wire, struct mtr_regs *ret)
{
	for (unsigned int i = 0; i < MTR_NR_REGS; i++)
		ret->r[i] = wire[reg_at[i]];
	ret->valid = (1u << MTR_NR_REGS) - 1;
}

int decode_stack(const void *data, size_t sz, struct mtr_stack_copy *copy, struct mtr_event *ev)
{
	const struct mtr_w_stack *w = data;

	if (sz < sizeof(*w) || w->h.kind != MTR_W_STACK)
		return 0;
	if (w->size > MTR_STACK_MAX || sz < sizeof(*w) + w->size)
		return -EBADMSG;
	memset(copy, 0, sizeof(*copy));
	decode_regs(w->regs, &copy->regs);
	if (w->size) {
		copy->part[0].addr = w->regs[MTR_STACK_SP] + w->skip;
		copy->part[0].size = w->size;
		copy->part[0].data = (uint8_t *)w->data;
	}
	ev->kind = MTR_EV_STACK;
	ev->cpu = w->h.cpu;
	ev->as = w->h.as;
	ev->tid = w->h.tid;
	ev->epoch = 0;
	ev->time_ns = w->h.time_ns;
	ev->stack.ip = w->regs[MTR_STACK_IP];
	ev->stack.sp = w->regs[MTR_STACK_SP];
	ev->stack.why = (uint8_t)w->h.aux;
	ev->stack.copy = copy;
	return 1;
}

/* Size and canonical kind of each wire kind; a kind not in here is skipped. */
static const struct {
	uint16_t sz, kind;
} kinds[MTR_W_MAX] = {
	[MTR_W_ATTACH] = { sizeof(struct mtr_w_proc), MTR_EV_ATTACH },
	[MTR_W_EXEC] = { sizeof(struct mtr_w_proc), MTR_EV_EXEC },
	[MTR_W_EXIT] = { sizeof(struct mtr_w_exit), MTR_EV_EXIT },
	[MTR_W_VMA] = { sizeof(struct mtr_w_vma), MTR_EV_VMA },
	[MTR_W_HOLE] = { sizeof(struct mtr_w_hole), MTR_EV_HOLE },
	[MTR_W_NAME] = { sizeof(struct mtr_w_name), MTR_EV_NAME },
	[MTR_W_FILE] = { sizeof(struct mtr_w_file), MTR_EV_FILE },
	[MTR_W_FAULT] = { offsetof(struct mtr_w_faults, f), MTR_EV_FAULT },
	[MTR_W_RSS] = { sizeof(struct mtr_w_rss), MTR_EV_RSS },
	[MTR_W_THREAD] = { sizeof(struct mtr_w_thread), MTR_EV_THREAD },
	[MTR_W_THREAD_EXIT] = { sizeof(struct mtr_w_exit), MTR_EV_THREAD_EXIT },
	[MTR_W_SIGNAL] = { sizeof(struct mtr_w_signal), MTR_EV_SIGNAL },
	[MTR_W_OOM] = { sizeof(struct mtr_w_hdr), MTR_EV_OOM },
	[MTR_W_RESYNC] = { sizeof(struct mtr_w_hole), MTR_EV_RESYNC },
	[MTR_W_COMM] = { sizeof(struct mtr_w_comm), MTR_EV_COMM },
	[MTR_W_STACK] = { sizeof(struct mtr_w_stack), MTR_EV_STACK },
	[MTR_W_CRASH] = { sizeof(struct mtr_w_crash), MTR_EV_STACK },
	[MTR_W_MOVE] = { sizeof(struct mtr_w_move), MTR_EV_MOVE },
	[MTR_W_CALL] = { sizeof(struct mtr_w_call), MTR_EV_CALL },
	[MTR_W_SP] = { sizeof(struct mtr_w_sp), MTR_EV_SP },
	[MTR_W_INVALIDATE] = { sizeof(struct mtr_w_invalidate), MTR_EV_INVALIDATE },
};

unsigned int decode_kind(unsigned int wire_kind)
{
	return wire_kind < MTR_W_MAX ? kinds[wire_kind].kind : 0;
}

int decode_record(const void *data, size_t sz, struct strtab *st, struct mtr_event *ev)
{
	const struct mtr_w_hdr *h = data;

	if (sz < sizeof(*h))
		return -EBADMSG;
	if (h->kind >= MTR_W_MAX || !kinds[h->kind].kind)
		return 0;
	if (sz < kinds[h->kind].sz)
		return -EBADMSG;
	ev->kind = kinds[h->kind].kind;
	ev->cpu = h->cpu;
	ev->as = h->as;
	ev->tid = h->tid;
	ev->time_ns = h->time_ns;
	switch ((enum mtr_wire_kind)h->kind) {
	case MTR_W_FAULT: /* decode_fault() */
	case MTR_W_STACK: /* decode_stack() */
	case MTR_W_CRASH: /* crashcopy_add() */
		return 0;
	case MTR_W_RSS:
		return rss_event(data, ev);
	case MTR_W_VMA:
		return vma_event(data, ev);
	case MTR_W_HOLE:
	case MTR_W_RESYNC:
		return range_event(data, ev);
	case MTR_W_ATTACH:
	case MTR_W_EXEC:
		return proc_event(data, st, ev);
	case MTR_W_NAME:
		return name_event(data, st, ev);
	case MTR_W_FILE:
		return file_event(data, st, ev);
	case MTR_W_THREAD:
		return thread_event(data, st, ev);
	case MTR_W_SP:
		return sp_event(data, ev);
	case MTR_W_THREAD_EXIT:
	case MTR_W_EXIT:
		ev->exit.code = ((const struct mtr_w_exit *)data)->exit_code;
		return 1;
	case MTR_W_SIGNAL:
		return signal_event(data, ev);
	case MTR_W_COMM:
		return comm_event(data, st, ev);
	case MTR_W_INVALIDATE:
		return invalidate_event(data, ev);
	case MTR_W_MOVE:
		return move_event(data, ev);
	case MTR_W_CALL:
		return call_event(data, ev);
	case MTR_W_OOM:
		return 1;
	case MTR_W_MAX:
		break;
	}
	return 0;
}
