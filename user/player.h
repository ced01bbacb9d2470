/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A recording, played: its events go into a model of their own, interval by
 * interval, as they did when it was made. What a session is to a live view.
 */
#ifndef PLAYER_H
#define PLAYER_H

#include "event/modtab.h"
#include "event/status.h"
#include "export/report.h"
#include "model/model.h"
#include "trace/reader.h"

struct player;

/* A process of the recording, in the order of attaching; an exec does not make another one of it. */
struct player_proc {
	struct proc *p; /* in the model */
	uint32_t as;
	struct mtr_limits limits;
	bool has_limits;
	bool left; /* said to have ended */
};

/**
 * player_open() - at the beginning of a file
 * Returns 0 or an exit status after one line on stderr.
 */
int player_open(const char *path, struct player **ret_pl);
void player_close(struct player *pl); /* safe on NULL */

/* player_tap() - a second taker of every event that the model gets; not 0 from it ends the playing */
void player_tap(struct player *pl, event_sink_fn fn, void *ctx);

/* player_all_keys() - read every keyframe, also those that are not needed: to see whether they are whole */
void player_all_keys(struct player *pl);

/* player_next() - on to the end of the next interval: 1, 0 at the end of the file, −errno */
int player_next(struct player *pl);

/* player_event() - the next event, of which the player's own model is not told: 1, 0 at the end, −errno */
int player_event(struct player *pl, struct mtr_event *ev);

/**
 * player_modules() - the modules of the whole file, wherever in it they are told of
 *
 * A module's build-id comes some time after its mapping, and call stacks through it may come
 * before: so that they have names, too, the file is read for its modules first. The position
 * stays. Returns 0 or −errno.
 */
int player_modules(struct player *pl, struct modtab *mods);

/* player_seek() - to the end of the interval in which @time_ns lies, or of the file. 0 or −errno */
int player_seek(struct player *pl, uint64_t time_ns);

struct model *player_model(struct player *pl);
struct strtab *player_strings(struct player *pl);
struct player_proc **player_procs(struct player *pl, unsigned int *ret_nr);
/* player_stacks() - frames of the call stacks that events have (event.callstack) */
const struct stacktab *player_stacks(struct player *pl);
const struct mtr_cost *player_cost(const struct player *pl); /* NULL: not known yet */
const char *player_rung(const struct player *pl);
uint64_t
player_now(const struct player *pl); /* CLOCK_BOOTTIME of the interval's end; 0: none has ended */
uint64_t player_real(const struct player *pl); /* the same in CLOCK_REALTIME */
uint64_t player_begin(const struct player *pl); /* earliest event of the file */
uint64_t player_end(const struct player *pl); /* latest */
uint64_t player_size(const struct player *pl); /* bytes */
const struct trace_facts *player_facts(const struct player *pl);
const struct trace_info *player_info(const struct player *pl);
/* player_hidden() - memtrace's own copy, before it became the command that was recorded */
bool player_hidden(const struct player *pl, const struct player_proc *pp);
/* player_report() - what report_json() and report_text() take */
void player_report(struct player *pl, struct player_proc *pp, struct report *ret_r);

/**
 * player_status() - was the file whole?
 * Returns 0, or EX_DAMAGED after one line on stderr. To be asked when it was read to its end.
 */
int player_status(const struct player *pl);

/**
 * player_moment() - a MOMENT (ux contract): a mark, +TIME, −TIME or RFC 3339
 * Returns 0 with CLOCK_BOOTTIME, or an exit status after one line on stderr. Moves the position.
 */
int player_moment(struct player *pl, const char *text, uint64_t *ret_ns);

#endif
