// SPDX-License-Identifier: GPL-2.0
/* `memtrace report FILE`: how each recorded process grew, by region and by thread. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "export/growth_out.h"
#include "opts.h"
#include "output.h"
#include "player.h"
#include "util/log.h"

/* A process, or what an exec made of one. Kept when the model forgets it. */
struct tracked {
	uint32_t as;
	struct series s;
	struct proc *kept; /* a copy without a map: names and numbers */
	struct tracked *next;
};

struct growth {
	const struct opts *o;
	struct player *pl;
	struct tracked *first, **end, *last; /* in the order of attaching; last: looked up last */
};

static struct tracked *find(struct growth *g, uint32_t as)
{
	if (g->last && g->last->as == as)
		return g->last;
	for (struct tracked *t = g->first; t; t = t->next)
		if (t->as == as)
			return g->last = t;
	return NULL;
}

static struct tracked *track(struct growth *g, uint32_t as)
{
	struct tracked *t = find(g, as);

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->as = as;
	series_init(&t->s, player_begin(g->pl), player_end(g->pl));
	*g->end = t;
	g->end = &t->next;
	return g->last = t;
}

/* What is said of the process when its map is gone. */
static int keep(struct tracked *t, const struct proc *p)
{
	if (!t->kept)
		t->kept = calloc(1, sizeof(*t->kept));
	if (!t->kept)
		return -ENOMEM;
	t->kept->pid = p->pid;
	t->kept->comm = p->comm;
	t->kept->exe = p->exe;
	t->kept->start_time_ns = p->start_time_ns;
	t->kept->death = p->death;
	t->kept->exec_nr = p->exec_nr;
	return 0;
}

static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct growth *g = ctx;
	struct tracked *t;
	struct proc *p;
	int err;

	if (ev->kind != MTR_EV_FAULT && !(ev->kind == MTR_EV_TICK && ev->as))
		return 0;
	p = model_proc(player_model(g->pl), ev->as);
	t = p ? track(g, ev->as) : NULL;
	if (!t)
		return p ? -ENOMEM : 0;
	if (ev->kind == MTR_EV_FAULT)
		return series_fault(&t->s, p, ev);
	err = keep(t, p);
	return err || !series_due(&t->s, ev->time_ns) ?
		       err :
		       series_sample(&t->s, p, player_model(g->pl)->st, ev->time_ns);
}

/* The end is a sample in any case. */
static int last_samples(struct growth *g)
{
	unsigned int nr;
	struct player_proc **procs = player_procs(g->pl, &nr);
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++) {
		struct tracked *t = track(g, procs[i]->as);

		err = t ? keep(t, procs[i]->p) : -ENOMEM;
		if (!err && player_now(g->pl))
			err = series_sample(&t->s, procs[i]->p, player_model(g->pl)->st,
					    player_now(g->pl));
	}
	return err;
}

static int say_one(struct growth *g, struct tracked *t, FILE *out)
{
	struct report_style style = { .ascii = g->o->ascii, .bytes = g->o->bytes };
	struct series_out so = {
		.s = &t->s,
		.st = player_model(g->pl)->st,
		.p = t->kept,
		.path = g->o->files[0],
		.lost = model_lost(player_model(g->pl)),
		.boot_to_real_ns = (int64_t)(player_real(g->pl) - player_now(g->pl)),
	};
	struct player_proc hidden = { .p = t->kept };

	if (!t->kept || !t->s.any || player_hidden(g->pl, &hidden))
		return 0;
	series_sort(&t->s);
	return g->o->json ? series_json(out, &so) : series_text(out, &so, &style);
}

static int say(struct growth *g)
{
	FILE *out = output_open(g->o->output);
	int err = 0;

	if (!out)
		return EX_FAILED;
	for (struct tracked *t = g->first; t && !err; t = t->next)
		err = say_one(g, t, out);
	if (out != stdout && fclose(out) && !err)
		err = -errno;
	return err ? output_failed(g->o->output, -err) : 0;
}

static int read_all(struct growth *g)
{
	int err;

	player_tap(g->pl, on_event, g);
	do {
		err = player_next(g->pl);
	} while (err > 0);
	if (!err)
		err = last_samples(g);
	return err ? log_error(EX_FAILED, NULL, "cannot read %s: %s", g->o->files[0],
			       strerror(-err)) :
		     0;
}

int cmd_report(struct opts *o, int argc, char **argv)
{
	struct growth g = { .o = o };
	struct tracked *t;
	int ret;

	(void)argc;
	(void)argv;
	g.end = &g.first;
	if (o->format && strcmp(o->format, "text"))
		return log_error(EX_USAGE_ERR, "--format text, or --json",
				 "report has no format '%s'", o->format);
	signal(SIGPIPE, SIG_IGN);
	ret = player_open(o->files[0], &g.pl);
	if (!ret)
		ret = read_all(&g);
	if (!ret)
		ret = say(&g);
	if (!ret)
		ret = player_status(g.pl);
	while ((t = g.first)) {
		g.first = t->next;
		series_fini(&t->s);
		free(t->kept);
		free(t);
	}
	player_close(g.pl);
	return ret;
}
