// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "source/cost.h"
#include "util/clock.h"

#define DEFAULT_WINDOW_NS (100 * NSEC_PER_MSEC)
#define CPU_INTERVAL_MIN_NS (100 * NSEC_PER_MSEC)
#define DEFAULT_PERIOD_NS (5 * NSEC_PER_SEC)

struct cost_meter {
	uint64_t window_ns, period_ns;

	/* BPF run time */
	int *fds; /* of the programs; the caller's */
	unsigned int nr_fds;
	int stats_fd; /* holds the statistics on; −1: not on by us */
	bool open; /* inside a window */
	uint64_t begin_ns; /* of the window */
	uint64_t begin_run_ns, begin_runs;
	uint64_t next_ns; /* when the next window opens or the open one closes */
	double percent; /* of the last window; −1: not known */
	struct cost_bpf total;

	/* Own CPU, since the last cost_get() */
	uint64_t cpu_ns, cpu_time_ns;
	double cpu_percent;
};

struct cost_meter *cost_new(uint64_t window_ns, uint64_t period_ns)
{
	struct cost_meter *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->window_ns = window_ns ? window_ns : DEFAULT_WINDOW_NS;
	c->period_ns = period_ns ? period_ns : DEFAULT_PERIOD_NS;
	c->stats_fd = -1;
	c->percent = -1;
	c->cpu_percent = -1;
	return c;
}

void cost_free(struct cost_meter *c)
{
	if (!c)
		return;
	if (c->stats_fd >= 0)
		close(c->stats_fd);
	free(c->fds);
	free(c);
}

int cost_set_progs(struct cost_meter *c, const int *fds, unsigned int nr)
{
	int *copy = NULL;

	if (nr) {
		copy = malloc(nr * sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, fds, nr * sizeof(*copy));
	}
	free(c->fds);
	c->fds = copy;
	c->nr_fds = nr;
	/* An open window would compare the sums of two sets. */
	if (c->open)
		c->begin_ns = 0;
	return 0;
}

static void sum_progs(const struct cost_meter *c, uint64_t *ret_ns, uint64_t *ret_runs)
{
	*ret_ns = 0;
	*ret_runs = 0;
	for (unsigned int i = 0; i < c->nr_fds; i++) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(c->fds[i], &info, &len))
			continue;
		*ret_ns += info.run_time_ns;
		*ret_runs += info.run_cnt;
	}
}

int cost_start_window(struct cost_meter *c, uint64_t now_ns)
{
	int err = 0;

	if (c->open)
		return 0;
	c->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (c->stats_fd < 0) {
		err = -errno;
		c->stats_fd = -1;
	}
	c->open = true;
	c->begin_ns = now_ns;
	sum_progs(c, &c->begin_run_ns, &c->begin_runs);
	return err;
}

int cost_end_window(struct cost_meter *c, uint64_t now_ns)
{
	uint64_t ns, runs, len = now_ns - c->begin_ns;
	bool counted = c->stats_fd >= 0;

	if (!c->open)
		return -EINVAL;
	sum_progs(c, &ns, &runs);
	if (c->stats_fd >= 0)
		close(c->stats_fd);
	c->stats_fd = -1;
	c->open = false;
	if (!c->begin_ns || now_ns <= c->begin_ns)
		return -EAGAIN;
	/* Refused to us, but the counters moved: somebody else has the statistics on. */
	if (!counted && runs == c->begin_runs)
		return -EPERM;
	ns -= c->begin_run_ns;
	runs -= c->begin_runs;
	c->percent = 100.0 * (double)ns / (double)len;
	c->total.run_ns += ns;
	c->total.runs += runs;
	c->total.window_ns += len;
	c->total.nr_windows++;
	return 0;
}

bool cost_tick(struct cost_meter *c, uint64_t now_ns)
{
	if (now_ns < c->next_ns)
		return false;
	if (!c->open) {
		cost_start_window(c, now_ns);
		c->next_ns = now_ns + c->window_ns;
		return false;
	}
	c->next_ns = now_ns + (c->period_ns > c->window_ns ? c->period_ns - c->window_ns : 1);
	/* A loop that was held up makes the window longer, not the figure wrong. */
	return cost_end_window(c, now_ns) == 0;
}

uint64_t cost_next(const struct cost_meter *c)
{
	return c->next_ns;
}

static uint64_t own_rss(void)
{
	unsigned long size, rss = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f) {
		if (fscanf(f, "%lu %lu", &size, &rss) != 2) /* NOLINT(cert-err34-c) */
			rss = 0;
		fclose(f);
	}
	return (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE);
}

void cost_get(struct cost_meter *c, uint64_t now_ns, struct mtr_cost *cost)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	/* A short interval, as the last one, is all report and no tracing: it would mean nothing. */
	if (now_ns >= c->cpu_time_ns + CPU_INTERVAL_MIN_NS) {
		if (c->cpu_time_ns)
			c->cpu_percent = 100.0 * (double)(cpu - c->cpu_ns) /
					 (double)(now_ns - c->cpu_time_ns);
		c->cpu_ns = cpu;
		c->cpu_time_ns = now_ns;
	}
	cost->bpf_percent = c->percent;
	cost->self_cpu_percent = c->cpu_percent;
	cost->self_rss_bytes = own_rss();
}

void cost_bpf_total(const struct cost_meter *c, struct cost_bpf *ret_total)
{
	*ret_total = c->total;
}
