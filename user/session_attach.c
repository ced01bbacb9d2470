// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching: handles are opened and counters read before the hooks see a
 * process; its MTR_EV_ATTACH then finds both here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "remote.h"
#include "session_int.h"
#include "target.h"
#include "util/log.h"

static int keep(void *ctx, const struct mtr_event *ev)
{
	*(struct mtr_event *)ctx = *ev;
	return 0;
}

void session_opening_end(struct session *s)
{
	for (unsigned int i = 0; i < s->nr_opening; i++)
		src_proc_close(s->opening[i].sp);
	free(s->opening);
	s->opening = NULL;
	s->nr_opening = 0;
}

struct src_proc *session_opened(struct session *s, pid_t pid, struct mtr_event *ret_kernel0)
{
	for (unsigned int i = 0; i < s->nr_opening; i++) {
		struct opening *o = &s->opening[i];
		struct src_proc *sp = o->sp;

		if (!sp || src_proc_pid(sp) != pid)
			continue;
		o->sp = NULL;
		*ret_kernel0 = o->kernel0;
		return sp;
	}
	return NULL;
}

/* 0 or −errno of the last that could not be opened */
static int open_all(struct session *s, const pid_t *pids, unsigned int nr)
{
	int err = 0;

	session_opening_end(s);
	s->opening = calloc(nr + 1, sizeof(*s->opening));
	if (!s->opening)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++) {
		struct opening *o = &s->opening[s->nr_opening];
		int e = src_proc_open(pids[i], &o->sp);

		if (e) {
			err = e;
			continue;
		}
		/* before the hooks: what is counted in between shows as unseen, never as too much */
		src_proc_kernel(o->sp, 0, keep, &o->kernel0);
		s->nr_opening++;
	}
	return err;
}

int session_attach(struct session *s, const pid_t *pids, unsigned int nr)
{
	if (s->remote)
		return remote_attach(s);
	for (unsigned int i = 0; i < nr; i++) {
		int err = open_all(s, &pids[i], 1);

		if (err)
			return target_error(pids[i], err);
		err = src_bpf_attach(s->bpf, &pids[i], 1, s->o->follow);
		if (err < 0)
			return log_error(EX_FAILED, "see: memtrace doctor",
					 "cannot attach to PID %d: %s", pids[i], strerror(-err));
		if (src_bpf_drain(s->bpf, session_sink, s) < 0)
			return log_error(EX_FAILED, NULL, "out of memory");
		if (!err && !model_proc_by_pid(&s->model, (uint32_t)pids[i]))
			return target_error(pids[i], -ESRCH);
	}
	return 0;
}

int session_attach_some(struct session *s, const pid_t *pids, unsigned int nr)
{
	pid_t *there = calloc(nr + 1, sizeof(*there));
	int err, n;

	if (!there)
		return -ENOMEM;
	open_all(s, pids, nr);
	for (unsigned int i = 0; i < s->nr_opening; i++)
		there[i] = src_proc_pid(s->opening[i].sp);
	n = nr && !s->nr_opening ? 0 : src_bpf_attach(s->bpf, there, s->nr_opening, s->o->follow);
	free(there);
	if (n < 0)
		return n;
	err = src_bpf_drain(s->bpf, session_sink, s);
	session_opening_end(s);
	return err < 0 ? err : n;
}
