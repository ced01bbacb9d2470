// SPDX-License-Identifier: GPL-2.0
#include "serve/bb_when.h"

#include <signal.h>

static const char *const names[BB_NR] = {
	[BB_OOM] = "oom",	  [BB_SIGSEGV] = "sigsegv",	    [BB_SIGBUS] = "sigbus",
	[BB_SIGABRT] = "sigabrt", [BB_HIGH] = "memory-high",	    [BB_MAX] = "memory-max",
	[BB_STEP] = "rss-step",	  [BB_HEADROOM] = "stack-headroom",
};

const char *bb_cause_name(enum bb_cause c)
{
	return names[c];
}

enum bb_cause bb_cause_of_signal(int signo)
{
	switch (signo) {
	case SIGSEGV:
		return BB_SIGSEGV;
	case SIGBUS:
		return BB_SIGBUS;
	case SIGABRT:
		return BB_SIGABRT;
	}
	return BB_NR;
}

void bb_step_reset(struct bb_step *s)
{
	s->since_ns = 0;
}

static void clear_slots(struct bb_step *s, uint64_t upto)
{
	uint64_t nr = upto - s->slot;

	for (uint64_t i = 1; i <= nr && i <= BB_SLOTS; i++)
		s->least[(s->slot + i) % BB_SLOTS] = -1;
	s->slot = upto;
}

int64_t bb_step_add(struct bb_step *s, int64_t rss, uint64_t now_ns, double percent,
		    uint64_t span_ns)
{
	uint64_t width = span_ns / (BB_SLOTS - 1), slot;
	int64_t least = rss, *now;

	if (!width || percent <= 0)
		return 0;
	slot = now_ns / width;
	/* the first, another span, a clock that went back */
	if (!s->since_ns || now_ns < s->since_ns || (s->slot && slot < s->slot)) {
		s->since_ns = now_ns;
		s->slot = 0;
	}
	if (now_ns - s->since_ns < span_ns)
		return 0;
	if (!s->slot)
		s->slot = slot - BB_SLOTS;
	if (slot != s->slot)
		clear_slots(s, slot);
	now = &s->least[slot % BB_SLOTS];
	if (*now < 0 || rss < *now)
		*now = rss;
	for (unsigned int i = 0; i < BB_SLOTS; i++)
		if (s->least[i] >= 0 && s->least[i] < least)
			least = s->least[i];
	if (rss - least < BB_STEP_LEAST || (double)(rss - least) < (double)least * percent / 100)
		return 0;
	return rss - least;
}

bool bb_pause_ask(struct bb_pause *p, enum bb_cause c, uint64_t now_ns, uint64_t pause_ns)
{
	uint64_t *last = &p->last_ns[c];

	if (*last && now_ns - *last < pause_ns)
		return false;
	*last = now_ns ? now_ns : 1;
	return true;
}

bool bb_low_ask(struct bb_low *l, uint32_t tid, int64_t headroom, int64_t limit, double percent)
{
	double left = limit > 0 ? (double)headroom / (double)limit * 100 : 100;
	unsigned int i = 0;

	while (i < BB_LOW && l->tid[i] != tid)
		i++;
	if (i < BB_LOW) {
		/* room again, by more than it goes up and down by */
		if (headroom >= 0 && left > 2 * percent)
			l->tid[i] = 0;
		return false;
	}
	if (headroom < 0 || left >= percent)
		return false;
	l->tid[l->next++ % BB_LOW] = tid;
	return true;
}
