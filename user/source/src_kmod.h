/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memtrace.ko as a source: who is attached to it has its page table changes told by the
 * tracepoints that src_bpf listens to, and its pages counted by the module where the kernel
 * itself counts slowly. Everything works without it.
 */
#ifndef SOURCE_SRC_KMOD_H
#define SOURCE_SRC_KMOD_H

#include <sys/types.h>
#include "event/event.h"

struct src_kmod;

/* src_kmod_there() - 0; −ENOENT: not loaded; −EACCES; −EPROTO: it speaks another version */
int src_kmod_there(void);

/**
 * src_kmod_attach() - have the module watch the address space that a process has now
 *
 * Held until the close, through exec and exit: an exec needs another one. Returns 0, −ESRCH,
 * −EPERM, what src_kmod_there() returns, or −errno.
 */
int src_kmod_attach(pid_t pid, struct src_kmod **ret_k);
void src_kmod_close(struct src_kmod *k); /* safe on NULL */

/* src_kmod_watched() - give MTR_EV_INVALIDATE of phase WATCHED to @sink. Returns what it returns. */
int src_kmod_watched(const struct src_kmod *k, uint32_t as, event_sink_fn sink, void *ctx);

/* src_kmod_seq() - number of the last event of the address space; −errno */
int src_kmod_seq(const struct src_kmod *k, uint64_t *ret_seq);

/**
 * src_kmod_count() - count present pages of @c->start … @c->end, all of one region
 *
 * Fills present, anon, file, swap, huge. Returns 0, −EOPNOTSUPP when the module cannot count
 * this, −ESRCH when the address space is gone.
 */
int src_kmod_count(const struct src_kmod *k, struct mtr_ev_residency *c);

/**
 * src_kmod_probe() - does it work: a page of this process is touched and dropped; was it told?
 * @bpf: through BPF, too, as a session is told; else the module's own numbers have to do
 * @ret_why: on failure one line, static or owned by the probe
 *
 * Returns 0, −ENOMSG when nothing was told, or −errno.
 */
int src_kmod_probe(bool bpf, const char **ret_why);

#endif
