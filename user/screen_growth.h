/* SPDX-License-Identifier: GPL-2.0 */
/* Call paths for the live view: watched from when its Growth view is opened, told as rows that it draws. */
#ifndef SCREEN_GROWTH_H
#define SCREEN_GROWTH_H

#include "session.h"
#include "tui/tui.h"

struct screen_growth;

/* screen_growth_open() - switch call stacks on; NULL: memory is short */
struct screen_growth *screen_growth_open(struct session *s);
void screen_growth_close(struct screen_growth *sg); /* safe on NULL */

/* screen_growth_tick() - an interval ended: points of all series */
void screen_growth_tick(struct screen_growth *sg, struct session *s);

/* screen_growth_of() - rows of a process, copies that are valid until the next call; NULL: none */
const struct tui_growth *screen_growth_of(struct screen_growth *sg, struct session *s,
					  const struct sess_proc *sp);
/* screen_growth_last() - those of the latest call; NULL: none */
const struct tui_growth *screen_growth_last(const struct screen_growth *sg);

#endif
