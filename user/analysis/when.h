/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Conditions on a process: --when 'rss > 2G and growth > 1M/s'. One grammar for every verb.
 *
 *   EXPR   = AND { "or" AND }              or: || works, too
 *   AND    = TERM { "and" TERM }           and: &&
 *   TERM   = "(" EXPR ")" | "not" TERM | METRIC OP VALUE
 *   METRIC = rss | virtual | swap | growth | headroom | a region kind (heap, anon, thread_stack …)
 *   OP     = > | >= | < | <=
 *   VALUE  = SIZE | SIZE/s | SIZE/min | SIZE/h | N%
 *
 * growth takes a rate; headroom (of the stack with the least room) a size or
 * percent of its limit; a region kind the resident bytes of all such regions.
 * What is not known makes its comparison false, whichever way it is put.
 */
#ifndef ANALYSIS_WHEN_H
#define ANALYSIS_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include "model/proc.h"

struct when;

/**
 * when_parse() - 0 with *@ret_w, −EINVAL, −ENOMEM
 * @why: on −EINVAL what is wrong, in words
 */
int when_parse(const char *text, struct when **ret_w, char *why, size_t why_sz);
void when_free(struct when *w);

/* when_holds() - now; of the last interval's end. proc_kinds() must have been called. */
bool when_holds(const struct when *w, struct proc *p);

#endif
