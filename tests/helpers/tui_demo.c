// SPDX-License-Identifier: GPL-2.0
/*
 * The terminal view over a model that is made up: driven through tmux by
 * tests/unit/tui.sh, and by hand to look at it.
 *
 *	tui_demo [--ascii] [--mono] [--bytes] [--procs N] [--workers N] [--libs N] [--ticks N]
 *	         [--comm NAME] [--end exit|overflow|oom] [--live] [--pick] [--none]
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake_model.h"
#include "tui/tui.h"

static volatile sig_atomic_t resized, ended;

static void on_signal(int sig)
{
	if (sig == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

struct demo {
	struct fake fake;
	struct fake_opts fo;
	struct tui_opts to;
	unsigned int ticks;
	const char *end;
	bool live, pick, none;
};

static void parse(struct demo *d, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "ascii", 0, 0, 'a' },
		{ "mono", 0, 0, 'm' },
		{ "bytes", 0, 0, 'b' },
		{ "procs", 1, 0, 'p' },
		{ "workers", 1, 0, 'w' },
		{ "libs", 1, 0, 'l' },
		{ "ticks", 1, 0, 't' },
		{ "comm", 1, 0, 'c' },
		{ "end", 1, 0, 'e' },
		{ "live", 0, 0, 'L' },
		{ "pick", 0, 0, 'P' },
		{ "none", 0, 0, 'N' },
		{ 0 },
	};
	int c;

	d->to = (struct tui_opts){ .color = true, .interval_s = 1 };
	d->ticks = 148;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		unsigned int n = optarg ? (unsigned int)strtoul(optarg, NULL, 10) : 0;

		d->to.ascii |= c == 'a';
		d->to.color &= c != 'm';
		d->to.bytes |= c == 'b';
		d->live |= c == 'L';
		d->pick |= c == 'P';
		d->none |= c == 'N';
		d->fo.nr_procs = c == 'p' ? n : d->fo.nr_procs;
		d->fo.nr_workers = c == 'w' ? n : d->fo.nr_workers;
		d->fo.nr_libs = c == 'l' ? n : d->fo.nr_libs;
		d->ticks = c == 't' ? n : d->ticks;
		d->fo.comm = c == 'c' ? optarg : d->fo.comm;
		d->end = c == 'e' ? optarg : d->end;
	}
}

static void draw(struct demo *d, struct tui *t)
{
	struct proc *procs[16];
	unsigned int nr = d->fo.nr_procs ? d->fo.nr_procs : 1;
	struct tui_frame f = {
		.model = &d->fake.model,
		.procs = procs,
		.nr_procs = nr,
		.limits = &d->fake.limits,
		.cost = &d->fake.cost,
		.rung = "tracepoint",
		.now_ns = d->fake.now_ns,
		.now_real_ns = d->fake.real_ns,
	};

	for (unsigned int i = 0; i < nr && i < 16; i++)
		procs[i] = fake_proc(&d->fake, i);
	f.proc = d->none ? NULL : procs[tui_selected(t) < nr ? tui_selected(t) : 0];
	if (d->none)
		f.nr_procs = 0;
	tui_draw(t, &f);
}

static void draw_picker(struct tui *t)
{
	static const struct tui_pick_row rows[] = {
		{ 4123, "redis-server", "redis", 1524713390, 3.1e6, true },
		{ 812, "java", "tomcat", 4210000000, 0, false },
		{ 901, "evil\033[31m\033]0;pwned\007\xff", "mallory", 42000000, -2e5, true },
		{ 1, "systemd", "root", 12000000, 0, false },
		{ 2200, "postgres", "postgres", 180000000, 5e4, true },
	};

	tui_pick_draw(t, rows, sizeof(rows) / sizeof(rows[0]), NULL);
}

static unsigned int act(struct demo *d, struct tui *t, unsigned int flags)
{
	struct proc *p = fake_proc(&d->fake, tui_selected(t));

	if (flags & TUI_BASELINE && p) {
		proc_baseline(p, d->fake.now_ns);
		proc_tick(p, d->fake.now_ns, d->fake.st);
	}
	return flags;
}

static void loop(struct demo *d, struct tui *t)
{
	struct pollfd pfd = { .fd = tui_fd(t), .events = POLLIN };
	unsigned int flags = 0;

	while (!ended && !(flags & (TUI_QUIT | TUI_ATTACH))) {
		if (resized) {
			resized = 0;
			tui_resize(t);
		}
		if (d->pick)
			draw_picker(t);
		else
			draw(d, t);
		if (poll(&pfd, 1, d->live ? 1000 : -1) > 0)
			flags = d->pick ? tui_pick_input(t) : act(d, t, tui_input(t));
		else if (d->live && !resized && !tui_paused(t))
			fake_tick(&d->fake);
	}
}

int main(int argc, char **argv)
{
	struct demo d = { 0 };
	const char *why;
	struct tui *t;
	int picked;

	parse(&d, argc, argv);
	signal(SIGWINCH, on_signal);
	signal(SIGINT, on_signal);
	if (fake_init(&d.fake, &d.fo))
		return 1;
	for (unsigned int i = 0; i < d.ticks; i++)
		fake_tick(&d.fake);
	if (d.end && !strcmp(d.end, "overflow"))
		fake_overflow(&d.fake);
	else if (d.end && !strcmp(d.end, "oom"))
		fake_oom(&d.fake);
	else if (d.end)
		fake_exit(&d.fake, 3 << 8);
	t = tui_open(&d.to, &why);
	if (!t) {
		fprintf(stderr, "tui_demo: %s\n", why);
		fake_fini(&d.fake);
		return 1;
	}
	loop(&d, t);
	picked = tui_picked(t);
	tui_close(t);
	fake_fini(&d.fake);
	printf("closed, picked %d\n", picked);
	return 0;
}
