/* SPDX-License-Identifier: GPL-2.0 */
/* The live view, with a recording behind it: seek, speed, pause. */
#ifndef REPLAY_SCREEN_H
#define REPLAY_SCREEN_H

#include "opts.h"
#include "player.h"

/* replay_screen() - until the user leaves. Returns an exit status. */
int replay_screen(const struct opts *o, struct player *pl);

#endif
