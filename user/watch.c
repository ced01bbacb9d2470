// SPDX-License-Identifier: GPL-2.0
/*
 * memtrace.ko and the session: each address space gets an attachment of its own
 * when it becomes known, by attach, fork or exec. The module numbers its events;
 * when fewer came than there were, one was missed, and nothing is exact until
 * all was counted again.
 */
#include <errno.h>
#include <string.h>

#include "session_int.h"
#include "source/src_kmod.h"
#include "util/clock.h"
#include "util/log.h"

void watch_end(struct sess_proc *sp)
{
	if (sp->sp)
		src_proc_kmod(sp->sp, NULL);
	src_kmod_close(sp->kmod);
	sp->kmod = NULL;
}

void watch_begin(struct session *s, struct sess_proc *sp)
{
	pid_t pid = sp->sp ? src_proc_pid(sp->sp) : 0;
	int err;

	watch_end(sp);
	if (!pid || !s->bpf || !src_bpf_module(s->bpf))
		return;
	err = src_kmod_attach(pid, &sp->kmod);
	if (err) {
		log_verbose("memtrace.ko does not watch PID %d: %s", pid, strerror(-err));
		return;
	}
	sp->inv_short = false;
	src_proc_kmod(sp->sp, sp->kmod);
	src_kmod_watched(sp->kmod, sp->p->as, session_sink, s);
}

void watch_numbers(struct session *s)
{
	for (unsigned int i = 0; i < s->nr_procs; i++) {
		struct sess_proc *sp = s->procs[i];

		if (!sp->kmod || src_kmod_seq(sp->kmod, &sp->inv_seq))
			sp->inv_seq = 0;
	}
}

/* A number may have been given and its event be on its way: twice in a row it is lost. */
int watch_check(struct session *s, struct sess_proc *sp)
{
	struct mtr_event ev = { .as = sp->p->as, .time_ns = s->now_ns };
	struct proc *p = sp->p;
	uint64_t came;

	if (!sp->kmod || !p->watch_ns || !sp->inv_seq)
		return 0;
	came = p->inv_seq0 + p->nr_inv;
	if (sp->inv_seq <= came) {
		sp->inv_short = false;
		return 0;
	}
	sp->inv_short = !sp->inv_short;
	if (sp->inv_short) {
		ev.kind = MTR_EV_INVALIDATE;
		ev.invalidate.phase = MTR_INV_DOUBT;
	} else {
		ev.kind = MTR_EV_LOST;
		ev.lost.what = MTR_EV_INVALIDATE;
		ev.lost.count = sp->inv_seq - came;
		p->nr_inv += ev.lost.count;
	}
	return session_sink(s, &ev);
}
