// SPDX-License-Identifier: GPL-2.0
/*
 * `memtrace snapshot`: /proc, once. No BPF, nothing attached, no root for one's
 * own processes. The readings become events and those become the model, as in
 * every other verb.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "export/report.h"
#include "opts.h"
#include "output.h"
#include "source/limits.h"
#include "snap.h"
#include "util/clock.h"
#include "util/log.h"

static int report(struct snap *s, struct proc *p, const struct opts *o, FILE *out)
{
	const struct report_style style = { .ascii = o->ascii, .bytes = o->bytes };
	struct mtr_limits limits;
	struct report r = { .p = p, .model = &s->model, .rung = "proc" };

	if (!limits_read(s->pid, &limits))
		r.limits = &limits;
	r.now_ns = boot_ns();
	r.now_real_ns = clock_ns(CLOCK_REALTIME);
	return o->json ? report_json(out, &r) : report_text(out, &r, &style);
}

static int snapshot(pid_t pid, uint32_t as, const struct opts *o, FILE *out)
{
	struct proc *p;
	struct snap s;
	int err, ret;

	ret = snap_take(&s, pid, as, false, &p);
	if (ret)
		return ret;
	err = report(&s, p, o, out);
	snap_release(&s);
	if (err)
		return log_error(EX_FAILED, NULL, "cannot write the report: %s", strerror(-err));
	return EX_DONE;
}

int cmd_snapshot(struct opts *o, int argc, char **argv)
{
	FILE *out = output_open(o->output);
	int ret = EX_DONE;

	(void)argc;
	(void)argv;
	if (!out)
		return EX_FAILED;
	for (unsigned int i = 0; i < o->nr_pids; i++) {
		int one;

		if (i && !o->json)
			fputs("\n", out);
		one = snapshot(o->pids[i], i + 1, o, out);
		if (!ret)
			ret = one;
	}
	if (fflush(out) && !ret)
		ret = output_failed(o->output, errno);
	if (out != stdout)
		fclose(out);
	return ret;
}
