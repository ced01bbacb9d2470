/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files that make up struct proc; nobody else includes this. */
#ifndef MODEL_MODEL_INT_H
#define MODEL_MODEL_INT_H

#include "event/strtab.h"
#include "model/proc.h"

/* proc_map.c: events of the map */
int map_apply_vma(struct proc *p, const struct mtr_event *ev, struct strtab *st);
int map_apply_hole(struct proc *p, const struct mtr_event *ev);
int map_apply_name(struct proc *p, const struct mtr_event *ev);
int map_apply_file(struct proc *p, const struct mtr_event *ev, struct strtab *st);
int map_apply_snap(struct proc *p, const struct mtr_event *ev, struct strtab *st);
void map_settle(struct proc *p, uint64_t now_ns); /* end of an interval */
void map_free_files(struct proc *p);
/* map_fs_magic() - s_magic of a mapped file's filesystem; 0: not known */
uint32_t map_fs_magic(const struct proc *p, uint32_t dev, uint64_t ino);

#define HUGE_SZ (2 << 20) /* smaller sums may be two CPUs' changes that were counted together */

/* proc_pages.c: events of pages */
int pages_apply_fault(struct proc *p, const struct mtr_event *ev);
int pages_apply_rss(struct proc *p, const struct mtr_event *ev);
int pages_apply_residency(struct proc *p, const struct mtr_event *ev);

/* map_each_file() - of the names known; not 0 from @fn ends it with that */
int map_each_file(const struct proc *p,
		  int (*fn)(void *ctx, uint32_t dev, uint64_t ino, uint32_t fs_magic,
			    uint32_t name),
		  void *ctx);
int map_load_file(struct proc *p, uint32_t dev, uint64_t ino, uint32_t fs_magic, uint32_t name);

/* model.c, state.c */
struct model;
struct proc *model_add(struct model *m, uint32_t as);
int state_apply(struct model *m, const struct mtr_event *ev);
/* proc_watch.c: what is exact, with memtrace.ko */
int watch_apply(struct proc *p, const struct mtr_event *ev);
/* watch_changed() - pages of a watched process's region may have changed by this event; asked first: it is each fault's way */
void watch_changed(struct region *r, const struct mtr_event *ev);
/* watch_range() - the same of [start, end), by an invalidation; NULL: by a change of the map, which tells no epoch */
void watch_range(struct proc *p, uint64_t start, uint64_t end, const struct mtr_event *inv);
/* watch_lost_track() - the same, somewhere */
void watch_lost_track(struct proc *p);
/* watch_counted() - a region was counted just now: how well is that known? */
void watch_counted(struct proc *p, struct region *r, const struct mtr_event *ev);

/* page_change_counted() - a change that surely came before the region's last count */
static inline bool page_change_counted(const struct region *r, const struct mtr_event *ev)
{
	return r->res_time_ns && (int32_t)(ev->epoch - r->res_epoch) < 0;
}

/* thread.c */
struct thread *thread_add(struct proc *p, uint32_t tid);
int thread_apply(struct proc *p, const struct mtr_event *ev);
void thread_fault(struct proc *p, const struct mtr_event *ev, struct region *r);
void thread_signal(struct proc *p, const struct mtr_event *ev);
int thread_frame(struct proc *p, const struct mtr_event *ev);
void thread_free_all(struct proc *p);
void thread_locate_all(struct proc *p);

#endif
