// SPDX-License-Identifier: GPL-2.0
#include "export/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "analysis/rows.h"
#include "event/call.h"

static const char *const names[F_NR] = {
	[F_START] = "start",
	[F_END] = "end",
	[F_ADDRESS] = "address",
	[F_PC] = "pc",
	[F_SP] = "sp",
	[F_PROT] = "prot",
	[F_FLAGS] = "flags",
	[F_KIND] = "kind",
	[F_NAME] = "name",
	[F_DEV] = "dev",
	[F_INODE] = "inode",
	[F_OFFSET] = "offset",
	[F_FS_MAGIC] = "fs_magic",
	[F_BYTES] = "bytes",
	[F_MEMBER] = "member",
	[F_WHY] = "why",
	[F_PRESENT_BYTES] = "present_bytes",
	[F_ANON_BYTES] = "anon_bytes",
	[F_FILE_BYTES] = "file_bytes",
	[F_SHMEM_BYTES] = "shmem_bytes",
	[F_SWAP_BYTES] = "swap_bytes",
	[F_HUGE_BYTES] = "huge_bytes",
	[F_LOWEST] = "lowest",
	[F_VIRTUAL_BYTES] = "virtual_bytes",
	[F_RESIDENT_BYTES] = "resident_bytes",
	[F_STACK_LIMIT_BYTES] = "stack_limit_bytes",
	[F_MINOR_FAULTS] = "minor_faults",
	[F_MAJOR_FAULTS] = "major_faults",
	[F_THREADS] = "threads",
	[F_COMM] = "comm",
	[F_EXE] = "exe",
	[F_PPID] = "ppid",
	[F_PREV_AS] = "prev_as",
	[F_FORKED] = "forked",
	[F_START_TIME_NS] = "start_time_ns",
	[F_START_CODE] = "start_code",
	[F_END_CODE] = "end_code",
	[F_START_DATA] = "start_data",
	[F_END_DATA] = "end_data",
	[F_START_BRK] = "start_brk",
	[F_START_STACK] = "start_stack",
	[F_PARENT_TID] = "parent_tid",
	[F_TLS] = "tls",
	[F_AT_ATTACH] = "at_attach",
	[F_SYSCALL_SP] = "syscall_sp",
	[F_STATE] = "state",
	[F_STATUS] = "status",
	[F_SIGNO] = "signo",
	[F_CODE] = "code",
	[F_FATAL] = "fatal",
	[F_WHAT] = "what",
	[F_COMPLETE] = "complete",
	[F_BEGIN_NS] = "begin_ns",
	[F_END_NS] = "end_ns",
	[F_EPOCH] = "epoch",
	[F_END_EPOCH] = "end_epoch",
	[F_COUNT] = "count",
	[F_SEQ] = "seq",
	[F_PHASE] = "phase",
	[F_STAYS] = "stays",
	[F_ELSEWHERE] = "elsewhere",
	[F_TO] = "to",
	[F_CALLSTACK] = "callstack",
	[F_FRAMES] = "frames",
	[F_CALL] = "call",
	[F_ADVICE] = "advice",
	[F_RESULT] = "result",
	[F_ERROR] = "error",
	[F_ARGS] = "args",
};

static const char *const vma_flags[32] = {
	[4] = "growsdown", [5] = "hugetlb",    [6] = "io",	  [7] = "locked",
	[8] = "special",   [9] = "wipeonfork", [10] = "dontcopy",
};
static const char *const fault_flags[32] = { "write", "user",	    "exec",   "major",
					     "gup",   "prev_major", "failed", "foreign" };
static const char *const members[] = { "file", "anon", "swap", "shmem" };
static const char *const phases[] = { NULL, "watched", "start", "end", "released", "doubt" };
static const char *const stack_whys[] = { NULL, "fault", "map", "syscall", "thread", NULL, "call" };
static const char *const no_flags[32];
static const char *const whys[] = { NULL, "fault", "syscall", "foreign", "other", "attach" };

#define VMA_FLAGS (~(MTR_P_RWX | MTR_P_SHARED))

const char *field_name(enum field_id id)
{
	return names[id];
}

static struct field *add(struct fields *o, enum field_id id, enum field_type type)
{
	struct field *f = &o->f[o->nr++];

	*f = (struct field){ .id = (uint8_t)id, .type = (uint8_t)type };
	return f;
}

static void number(struct fields *o, enum field_id id, uint64_t v)
{
	add(o, id, FT_NUMBER)->number = v;
}

static void change(struct fields *o, enum field_id id, int64_t v)
{
	struct field *f = add(o, id, FT_NUMBER);

	f->is_signed = true;
	f->number = (uint64_t)v;
}

/* Negative: not known. */
static void known(struct fields *o, enum field_id id, int64_t v)
{
	if (v < 0)
		add(o, id, FT_NULL);
	else
		number(o, id, (uint64_t)v);
}

/* 0: not known. */
static void nonzero(struct fields *o, enum field_id id, uint64_t v)
{
	if (v)
		number(o, id, v);
	else
		add(o, id, FT_NULL);
}

static void address(struct fields *o, enum field_id id, uint64_t v)
{
	add(o, id, FT_ADDRESS)->number = v;
}

static void maybe_address(struct fields *o, enum field_id id, uint64_t v)
{
	add(o, id, v ? FT_ADDRESS : FT_NULL)->number = v;
}

static void boolean(struct fields *o, enum field_id id, bool v)
{
	add(o, id, FT_BOOL)->number = v;
}

static void text(struct fields *o, enum field_id id, const char *s)
{
	add(o, id, s && *s ? FT_TEXT : FT_NULL)->text = s;
}

static void string(struct fields *o, struct exporter *x, enum field_id id, uint32_t str)
{
	text(o, id, strtab_str(x->st, str));
}

static void flags(struct fields *o, uint64_t bits, const char *const *tokens)
{
	struct field *f = add(o, F_FLAGS, FT_FLAGS);

	f->number = bits;
	f->tokens = tokens;
}

static void state(struct fields *o, char c)
{
	o->state[0] = c;
	text(o, F_STATE, o->state);
}

static void member(struct fields *o, unsigned int m)
{
	text(o, F_MEMBER, m < MTR_NR_RSS ? members[m] : NULL);
}

static void device(struct fields *o, uint32_t dev, uint64_t ino)
{
	if (!ino) {
		add(o, F_DEV, FT_NULL);
		add(o, F_INODE, FT_NULL);
		return;
	}
	snprintf(o->buf, sizeof(o->buf), "%02x:%02x", dev >> 20, dev & 0xfffff);
	text(o, F_DEV, o->buf);
	number(o, F_INODE, ino);
}

/* What the model knows of the region that holds an address. */
static void kind(struct fields *o, struct exporter *x, const struct mtr_event *ev, uint64_t addr)
{
	struct proc *p = model_proc(&x->model, ev->as);
	struct region *r = p ? aspace_find(&p->aspace, addr) : NULL;

	text(o, F_KIND, r && r->kind != RK_UNKNOWN ? region_kind_name(r->kind) : NULL);
}

static void of_proc(struct fields *o, struct exporter *x, const struct mtr_ev_proc *e)
{
	string(o, x, F_COMM, e->comm);
	string(o, x, F_EXE, e->exe);
	nonzero(o, F_PPID, e->ppid);
	nonzero(o, F_PREV_AS, e->prev_as);
	boolean(o, F_FORKED, e->forked);
	nonzero(o, F_START_TIME_NS, e->start_time_ns);
	change(o, F_ANON_BYTES, e->rss_bytes[MTR_ANON]);
	change(o, F_FILE_BYTES, e->rss_bytes[MTR_FILE]);
	change(o, F_SHMEM_BYTES, e->rss_bytes[MTR_SHMEM]);
	change(o, F_SWAP_BYTES, e->rss_bytes[MTR_SWAP]);
	known(o, F_MINOR_FAULTS, e->min_flt);
	known(o, F_MAJOR_FAULTS, e->maj_flt);
	maybe_address(o, F_START_CODE, e->start_code);
	maybe_address(o, F_END_CODE, e->end_code);
	maybe_address(o, F_START_DATA, e->start_data);
	maybe_address(o, F_END_DATA, e->end_data);
	maybe_address(o, F_START_BRK, e->start_brk);
	maybe_address(o, F_START_STACK, e->start_stack);
}

static void of_vma(struct fields *o, struct exporter *x, const struct mtr_ev_vma *e)
{
	struct field *f;

	address(o, F_START, e->start);
	address(o, F_END, e->end);
	f = add(o, F_PROT, FT_TEXT);
	f->text = rows_perms(o->buf + 16, e->prot);
	flags(o, e->prot & VMA_FLAGS, vma_flags);
	string(o, x, F_NAME, e->name);
	device(o, e->dev, e->ino);
	nonzero(o, F_OFFSET, e->pgoff);
	if (e->ino)
		o->f[o->nr - 1].type = FT_NUMBER;
}

static void of_fault(struct fields *o, struct exporter *x, const struct mtr_event *ev)
{
	const struct mtr_ev_fault *e = &ev->fault;

	address(o, F_ADDRESS, e->addr);
	maybe_address(o, F_PC, e->ip);
	maybe_address(o, F_SP, e->sp);
	flags(o, e->flags, fault_flags);
	kind(o, x, ev, e->addr);
	change(o, F_BYTES, e->bytes);
	member(o, e->member);
	number(o, F_EPOCH, ev->epoch);
}

static void of_rss(struct fields *o, const struct mtr_ev_rss *e, uint32_t epoch)
{
	change(o, F_BYTES, e->bytes);
	member(o, e->member);
	text(o, F_WHY, e->why < sizeof(whys) / sizeof(*whys) ? whys[e->why] : NULL);
	text(o, F_CALL, mtr_call_name(e->call));
	if (e->end > e->start) {
		address(o, F_START, e->start);
		address(o, F_END, e->end);
	} else {
		add(o, F_START, FT_NULL);
		add(o, F_END, FT_NULL);
	}
	number(o, F_EPOCH, epoch);
}

static void of_thread(struct fields *o, struct exporter *x, const struct mtr_ev_thread *e)
{
	maybe_address(o, F_SP, e->sp);
	string(o, x, F_COMM, e->comm);
	nonzero(o, F_START_TIME_NS, e->start_time_ns);
	nonzero(o, F_PARENT_TID, e->parent_tid);
	maybe_address(o, F_TLS, e->tls);
	boolean(o, F_AT_ATTACH, e->at_attach);
	boolean(o, F_SYSCALL_SP, e->syscall_sp);
	state(o, e->state);
}

static void of_signal(struct fields *o, const struct mtr_ev_signal *e)
{
	change(o, F_SIGNO, e->signo);
	change(o, F_CODE, e->code);
	boolean(o, F_FATAL, e->fatal);
	maybe_address(o, F_ADDRESS, e->addr);
	maybe_address(o, F_PC, e->ip);
	maybe_address(o, F_SP, e->sp);
}

static void of_snap(struct fields *o, const struct mtr_ev_snap *e)
{
	text(o, F_WHAT, e->what == MTR_SNAP_MAPS ? "maps" : "residency");
	boolean(o, F_COMPLETE, e->complete);
	number(o, F_BEGIN_NS, e->begin_ns);
	nonzero(o, F_END_NS, e->end_ns);
	address(o, F_START, e->start);
	address(o, F_END, e->end);
}

static void of_residency(struct fields *o, const struct mtr_ev_residency *e)
{
	address(o, F_START, e->start);
	address(o, F_END, e->end);
	change(o, F_PRESENT_BYTES, e->present);
	change(o, F_ANON_BYTES, e->anon);
	change(o, F_FILE_BYTES, e->file);
	change(o, F_SWAP_BYTES, e->swap);
	known(o, F_HUGE_BYTES, e->huge);
	maybe_address(o, F_LOWEST, e->lowest);
	number(o, F_BEGIN_NS, e->begin_ns);
	number(o, F_EPOCH, e->epoch);
	number(o, F_END_EPOCH, e->end_epoch);
}

static void of_kernel(struct fields *o, const struct mtr_ev_kernel *e)
{
	known(o, F_MINOR_FAULTS, e->minflt);
	known(o, F_MAJOR_FAULTS, e->majflt);
	known(o, F_VIRTUAL_BYTES, e->virt_bytes);
	known(o, F_RESIDENT_BYTES, e->rss_bytes);
	known(o, F_THREADS, e->nr_threads);
	known(o, F_STACK_LIMIT_BYTES, e->stack_limit_bytes);
	state(o, e->state);
}

static void of_file(struct fields *o, struct exporter *x, const struct mtr_ev_file *e)
{
	string(o, x, F_NAME, e->name);
	device(o, e->dev, e->ino);
	nonzero(o, F_FS_MAGIC, e->fs_magic);
}

static void of_range(struct fields *o, uint64_t start, uint64_t end)
{
	address(o, F_START, start);
	address(o, F_END, end);
}

static void of_invalidate(struct fields *o, const struct mtr_event *ev)
{
	const struct mtr_ev_invalidate *e = &ev->invalidate;

	of_range(o, e->start, e->end);
	text(o, F_PHASE, e->phase < sizeof(phases) / sizeof(*phases) ? phases[e->phase] : NULL);
	text(o, F_WHY, inv_why_name(e->why));
	number(o, F_SEQ, e->seq);
	boolean(o, F_STAYS, e->stays);
	boolean(o, F_ELSEWHERE, e->elsewhere);
	number(o, F_EPOCH, ev->epoch);
}

static void of_stack(struct fields *o, struct exporter *x, const struct mtr_ev_stack *e)
{
	const size_t nr_whys = sizeof(stack_whys) / sizeof(*stack_whys);

	maybe_address(o, F_PC, e->ip);
	maybe_address(o, F_SP, e->sp);
	text(o, F_WHY, e->why < nr_whys ? stack_whys[e->why] : NULL);
	boolean(o, F_COMPLETE, e->end == MTR_STACK_WHOLE);
	add(o, F_FRAMES, FT_ADDRESSES)->number =
		x->info.stacks ?
			stacktab_frames(x->info.stacks, e->stack, o->frames, STACKTAB_MAX_FRAMES) :
			0;
}

static void of_move(struct fields *o, const struct mtr_ev_move *e)
{
	of_range(o, e->from, e->from + e->len);
	address(o, F_TO, e->to);
	boolean(o, F_STAYS, e->stays);
}

/* As it was given, and by what it means. */
static void of_call(struct fields *o, const struct mtr_event *ev)
{
	const struct mtr_ev_call *e = &ev->call;
	const struct mtr_call *c = mtr_call_find(e->nr);
	uint64_t start = 0, end = 0;
	char *prot = o->buf + 16;

	text(o, F_CALL, c ? c->name : NULL);
	nonzero(o, F_BEGIN_NS,
		e->took_ns && e->took_ns < ev->time_ns ? ev->time_ns - e->took_ns : 0);
	mtr_call_range(e, &start, &end);
	maybe_address(o, F_START, start);
	maybe_address(o, F_END, end);
	rows_perms(prot, mtr_call_prot(e));
	if (c && c->prot && !c->flags)
		prot[3] = '\0'; /* whether it is shared is not said */
	text(o, F_PROT, c && c->prot ? prot : NULL);
	flags(o, mtr_call_flags(e), c && c->tokens ? c->tokens : no_flags);
	text(o, F_ADVICE, c && c->advice ? mtr_advice_name(mtr_call_arg(e, c->advice)) : NULL);
	if (c && c->gives_address && e->result > 0)
		address(o, F_RESULT, (uint64_t)e->result);
	else
		change(o, F_RESULT, e->result);
	text(o, F_ERROR, mtr_call_error_name(e));
	memcpy(o->frames, e->arg, sizeof(e->arg));
	add(o, F_ARGS, FT_ADDRESSES)->number = mtr_call_nr_args(e);
	maybe_address(o, F_PC, e->ip);
	maybe_address(o, F_SP, e->sp);
}

void fields_of(struct fields *o, struct exporter *x, const struct mtr_event *ev)
{
	o->nr = 0;
	o->state[1] = '\0';
	if (ev->callstack)
		number(o, F_CALLSTACK, ev->callstack);
	switch ((enum mtr_kind)ev->kind) {
	case MTR_EV_ATTACH:
	case MTR_EV_EXEC:
		of_proc(o, x, &ev->proc);
		return;
	case MTR_EV_VMA:
	case MTR_EV_SNAP_VMA:
		of_vma(o, x, &ev->vma);
		return;
	case MTR_EV_HOLE:
	case MTR_EV_RESYNC:
		of_range(o, ev->range.start, ev->range.end);
		return;
	case MTR_EV_NAME:
		of_range(o, ev->name.start, ev->name.end);
		string(o, x, F_NAME, ev->name.name);
		return;
	case MTR_EV_FILE:
		of_file(o, x, &ev->file);
		return;
	case MTR_EV_FAULT:
		of_fault(o, x, ev);
		return;
	case MTR_EV_INVALIDATE:
		of_invalidate(o, ev);
		return;
	case MTR_EV_STACK:
		of_stack(o, x, &ev->stack);
		return;
	case MTR_EV_MOVE:
		of_move(o, &ev->move);
		return;
	case MTR_EV_CALL:
		of_call(o, ev);
		return;
	case MTR_EV_RSS:
		of_rss(o, &ev->rss, ev->epoch);
		return;
	case MTR_EV_THREAD:
	case MTR_EV_COMM:
	case MTR_EV_SP:
		of_thread(o, x, &ev->thread);
		return;
	case MTR_EV_EXIT:
	case MTR_EV_THREAD_EXIT:
		known(o, F_STATUS, ev->exit.code);
		return;
	case MTR_EV_SIGNAL:
		of_signal(o, &ev->signal);
		return;
	case MTR_EV_SNAP_BEGIN:
	case MTR_EV_SNAP_END:
		of_snap(o, &ev->snap);
		return;
	case MTR_EV_RESIDENCY:
		of_residency(o, &ev->residency);
		return;
	case MTR_EV_KERNEL:
		of_kernel(o, &ev->kernel);
		return;
	case MTR_EV_LOST:
		text(o, F_WHAT, ev->lost.what ? event_kind_name(ev->lost.what) : "any");
		number(o, F_COUNT, ev->lost.count);
		return;
	case MTR_EV_MARK:
		string(o, x, F_NAME, ev->mark.name);
		return;
	case MTR_EV_TICK: /* the session's own doing */
	case MTR_EV_LIMITS:
	case MTR_EV_LIMIT:
	case MTR_EV_COST:
	case MTR_EV_FRAME:
	case MTR_EV_DROP:
	case MTR_EV_MODULE:
	case MTR_EV_STATE:
	case MTR_EV_SITE:
	case MTR_EV_OOM:
	case MTR_EV_MAX:
		return;
	}
}
