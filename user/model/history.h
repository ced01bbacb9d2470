/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A bounded time series of RSS by class. When full, neighbours are merged two
 * by two and the step doubles: memory stays constant, the whole run stays in view.
 */
#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include <stdint.h>
#include "model/kind.h"

enum hist_class {
	HC_HEAP, /* heap + arena */
	HC_STACK, /* stack + thread_stack */
	HC_ANON, /* other anonymous, bss and data included */
	HC_FILE, /* file-backed */
	HC_SHARED, /* shmem: shm, memfd, sysv */
	HC_SWAP,
	HC_NR
};

const char *hist_class_name(enum hist_class c);
/* hist_class_of() - the class that a region of this kind is counted and coloured in */
enum hist_class hist_class_of(enum region_kind kind);

struct hist_sample {
	uint64_t time_ns;
	int64_t bytes[HC_NR]; /* at the end of the step */
	int64_t rss; /* at the end of the step */
	int64_t rss_min, rss_max; /* within it */
};

#define HISTORY_LEN 1024

struct history {
	unsigned int nr; /* samples held */
	unsigned int per_sample; /* ticks merged into one sample */
	unsigned int pending; /* ticks merged into the last one so far */
	unsigned int cap; /* samples there is room for */
	unsigned int most; /* samples that it may have */
	struct hist_sample *s; /* grows up to HISTORY_LEN: most processes live shortly */
};

void history_init(struct history *h);
void history_fini(struct history *h);
/* history_add() - one tick; rss_min and rss_max of @s are set from rss when 0. Dropped when out of memory. */
void history_add(struct history *h, const struct hist_sample *s);

#endif
