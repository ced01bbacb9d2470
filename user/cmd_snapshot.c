// SPDX-License-Identifier: GPL-2.0
/*
 * `memtrace snapshot`: /proc, once. No BPF, nothing attached, no root for one's
 * own processes. The readings become events and those become the model, as in
 * every other verb.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/report.h"
#include "opts.h"
#include "output.h"
#include "source/limits.h"
#include "source/src_proc.h"
#include "target.h"
#include "util/clock.h"
#include "util/log.h"

/* A residency count that takes longer than this is given up: the rest is shown as unknown. */
#define RESIDENCY_BUDGET (10 * NSEC_PER_SEC)

/* One process, from opening to report. */
struct snap {
	pid_t pid;
	uint32_t as;
	struct src_proc *sp;
	struct strtab *st;
	struct model model;
};

static unsigned int ranges(struct proc *p, struct src_range *range)
{
	unsigned int nr = 0;
	struct region *r;

	aspace_for_each(r, &p->aspace)
		if (region_kind_has_pages(r->kind))
			range[nr++] = (struct src_range){ r->start, r->end };
	return nr;
}

static int read_residency(struct snap *s, struct proc *p)
{
	struct src_range *range = calloc(p->aspace.nr + 1, sizeof(*range));
	unsigned int done = 0, nr;
	int err;

	if (!range)
		return -ENOMEM;
	nr = ranges(p, range);
	err = src_proc_residency(s->sp, s->as, range, nr, RESIDENCY_BUDGET, model_apply, &s->model,
				 &done);
	free(range);
	/* pagemap may be forbidden where maps is not: then residency is not known, and says so. */
	if (err == -EACCES) {
		log_warn("resident pages of %d are not shown: /proc/%d/pagemap may not be read",
			 s->pid, s->pid);
		return 0;
	}
	if (!err && done < nr)
		log_warn("counting the pages of %d took too long: %u of %u regions are not known",
			 s->pid, nr - done, nr);
	return err;
}

static int read_all(struct snap *s, struct proc **ret_p)
{
	struct proc *p;
	int err;

	err = src_proc_attach(s->sp, s->as, s->st, model_apply, &s->model);
	if (!err)
		err = src_proc_maps(s->sp, s->as, s->st, model_apply, &s->model);
	if (!err)
		err = src_proc_threads(s->sp, s->as, s->st, model_apply, &s->model);
	if (!err)
		err = src_proc_sps(s->sp, s->as, s->st, model_apply, &s->model);
	if (!err)
		err = src_proc_kernel(s->sp, s->as, model_apply, &s->model);
	if (err)
		return err;
	p = model_proc(&s->model, s->as);
	if (!p)
		return -ENOMEM;
	/* Before residency: what kind a region is says which counter its pages are in. */
	proc_kinds(p, s->st);
	err = read_residency(s, p);
	if (err)
		return err;
	proc_kinds(p, s->st);
	*ret_p = p;
	return 0;
}

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
	struct snap s = { .pid = pid, .as = as };
	struct proc *p = NULL;
	int err, ret = EX_DONE;

	err = src_proc_open(pid, &s.sp);
	if (err)
		return target_error(pid, err);
	s.st = strtab_new();
	if (!s.st) {
		ret = target_error(pid, -ENOMEM);
		goto out_close;
	}
	model_init(&s.model, s.st);
	err = read_all(&s, &p);
	if (err) {
		ret = err == -ESRCH ? log_error(EX_NO_TARGET, NULL,
						"process %d ended while it was read", pid) :
				      target_error(pid, err);
		goto out_fini;
	}
	err = report(&s, p, o, out);
	if (err)
		ret = log_error(EX_FAILED, NULL, "cannot write the report: %s", strerror(-err));
out_fini:
	model_fini(&s.model);
	strtab_free(s.st);
out_close:
	src_proc_close(s.sp);
	return ret;
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
