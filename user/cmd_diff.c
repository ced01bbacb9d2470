// SPDX-License-Identifier: GPL-2.0
/* `memtrace diff A[@MOMENT] B[@MOMENT]`: two states side by side. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/growth_out.h"
#include "opts.h"
#include "output.h"
#include "player.h"
#include "util/log.h"

struct side {
	char path[PATH_MAX];
	const char *moment; /* NULL: none given */
	struct player *pl;
};

struct differ {
	const struct opts *o;
	struct side side[2];
	bool same_run; /* one recording at two moments, or two recordings of one boot */
	bool found; /* a difference */
};

/* "file@moment", where no file has all of it as its name. */
static void split(struct side *s, const char *arg)
{
	char *at;

	snprintf(s->path, sizeof(s->path), "%s", arg);
	at = strrchr(s->path, '@');
	if (!at || !access(arg, F_OK))
		return;
	*at = '\0';
	s->moment = arg + (at - s->path) + 1;
}

static int failed(const struct side *s, int err)
{
	return log_error(EX_FAILED, NULL, "cannot read %s: %s", s->path, strerror(-err));
}

static int go_to(struct side *s, bool to_begin)
{
	uint64_t ns = to_begin ? 0 : UINT64_MAX;
	int ret = s->moment ? player_moment(s->pl, s->moment, &ns) : 0, err;

	if (ret)
		return ret;
	err = player_seek(s->pl, ns);
	return err ? failed(s, err) : 0;
}

static bool same_fact(const struct differ *d, const char *name)
{
	const char *a = facts_get(player_facts(d->side[0].pl), name),
		   *b = facts_get(player_facts(d->side[1].pl), name);

	return a && b && !strcmp(a, b);
}

/* The same process at another moment: by its pid and when it started; an exec is another program. */
static bool same_proc(const struct differ *d, const struct proc *a, const struct proc *b)
{
	return d->same_run && a->pid == b->pid && a->start_time_ns == b->start_time_ns &&
	       a->exec_nr == b->exec_nr && a->start_code == b->start_code &&
	       a->start_stack == b->start_stack;
}

static bool alike(const struct differ *d, const struct proc *a, const struct proc *b)
{
	return !strcmp(strtab_str(player_model(d->side[0].pl)->st, a->comm),
		       strtab_str(player_model(d->side[1].pl)->st, b->comm));
}

/* The process of side B that belongs to @a: itself; else the first of the same name not taken yet. */
static struct player_proc *partner(struct differ *d, const struct proc *a, bool *taken)
{
	unsigned int nr;
	struct player_proc **procs = player_procs(d->side[1].pl, &nr);

	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < nr; i++) {
			if (taken[i] || player_hidden(d->side[1].pl, procs[i]))
				continue;
			if (pass ? !alike(d, a, procs[i]->p) : !same_proc(d, a, procs[i]->p))
				continue;
			taken[i] = true;
			return procs[i];
		}
	}
	return NULL;
}

static int one_pair(struct differ *d, FILE *out, struct proc *a, struct proc *b)
{
	struct report_style style = { .ascii = d->o->ascii, .bytes = d->o->bytes };
	struct diff diff;
	struct diff_out o = { .d = &diff, .same_space = a && b && same_proc(d, a, b) };
	int err;

	o.side[0].p = a;
	o.side[1].p = b;
	for (unsigned int i = 0; i < 2; i++) {
		o.side[i].st = player_model(d->side[i].pl)->st;
		o.path[i] = d->side[i].path;
		o.now_ns[i] = player_now(d->side[i].pl);
		o.real_ns[i] = player_real(d->side[i].pl);
		if (o.side[i].p)
			proc_kinds(o.side[i].p, o.side[i].st);
	}
	err = diff_make(&diff, o.side, o.same_space);
	if (err)
		return err;
	for (unsigned int i = 0; i < diff.nr; i++)
		d->found |= diff.row[i].what != DIFF_SAME;
	err = d->o->json ? diff_json(out, &o) : diff_text(out, &o, &style);
	diff_fini(&diff);
	return err;
}

static int pairs(struct differ *d, FILE *out)
{
	unsigned int nr[2];
	struct player_proc **a = player_procs(d->side[0].pl, &nr[0]), *b;
	struct player_proc **all_b = player_procs(d->side[1].pl, &nr[1]);
	bool *taken = calloc(nr[1] + 1, sizeof(*taken));
	int err = taken ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < nr[0] && !err; i++) {
		if (player_hidden(d->side[0].pl, a[i]))
			continue;
		b = partner(d, a[i]->p, taken);
		err = one_pair(d, out, a[i]->p, b ? b->p : NULL);
	}
	for (unsigned int i = 0; i < nr[1] && !err; i++)
		if (!taken[i] && !player_hidden(d->side[1].pl, all_b[i]))
			err = one_pair(d, out, NULL, all_b[i]->p);
	free(taken);
	return err;
}

static int say(struct differ *d)
{
	FILE *out = output_open(d->o->output);
	int err;

	if (!out)
		return EX_FAILED;
	err = pairs(d, out);
	if (out != stdout && fclose(out) && !err)
		err = -errno;
	return err ? output_failed(d->o->output, -err) : 0;
}

static int compare(struct differ *d)
{
	bool one_file = !strcmp(d->side[0].path, d->side[1].path);
	int ret, damaged;

	d->same_run = one_file || (same_fact(d, "boot_id") &&
				   *facts_get(player_facts(d->side[0].pl), "boot_id"));
	ret = go_to(&d->side[0], one_file && !d->side[0].moment);
	if (!ret)
		ret = go_to(&d->side[1], false);
	if (!ret)
		ret = say(d);
	if (ret)
		return ret;
	damaged = player_info(d->side[0].pl)->nr_damages ? player_status(d->side[0].pl) :
							   player_status(d->side[1].pl);
	return damaged ? damaged : d->found && d->o->exit_code ? EX_MATCHED : 0;
}

int cmd_diff(struct opts *o, int argc, char **argv)
{
	static struct differ d;
	int ret = 0;

	(void)argc;
	(void)argv;
	d.o = o;
	signal(SIGPIPE, SIG_IGN);
	for (unsigned int i = 0; i < 2 && !ret; i++) {
		split(&d.side[i], o->files[i]);
		ret = player_open(d.side[i].path, &d.side[i].pl);
	}
	if (!ret)
		ret = compare(&d);
	player_close(d.side[0].pl);
	player_close(d.side[1].pl);
	return ret;
}
