// SPDX-License-Identifier: GPL-2.0
/*
 * Does memtrace.ko work here? A device that can be opened says little: the
 * module may be another version's, or its tracepoints out of BPF's reach. So a
 * page of memtrace's own is touched and dropped, the way a session would see it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/probe_priv.h"
#include "source/src_bpf.h"
#include "source/src_kmod.h"

struct seen {
	uint64_t page;
	unsigned int starts, ends;
};

static int look(void *ctx, const struct mtr_event *ev)
{
	const struct mtr_ev_invalidate *e = &ev->invalidate;
	struct seen *s = ctx;

	if (ev->kind != MTR_EV_INVALIDATE || e->start > s->page || e->end <= s->page)
		return 0;
	s->starts += e->phase == MTR_INV_START;
	s->ends += e->phase == MTR_INV_END;
	return 0;
}

static int drop_page(char *page, size_t sz)
{
	*(volatile char *)page = 1;
	return madvise(page, sz, MADV_DONTNEED) ? -errno : 0;
}

/* Through BPF: the events themselves. */
static int see_events(char *page, size_t sz, const char **ret_why)
{
	struct src_bpf_opts o = { .ring_bytes = 1 << 16, .max_targets = 4, .module = true };
	struct seen s = { .page = (uint64_t)(uintptr_t)page };
	struct strtab *st = strtab_new();
	struct src_bpf *sb = NULL;
	const pid_t self = getpid();
	int err = st ? src_bpf_open(&o, st, &sb, ret_why) : -ENOMEM;

	if (!err && !src_bpf_module(sb)) {
		*ret_why = "BPF cannot attach to its tracepoints";
		err = -ENOTSUP;
	}
	if (!err && src_bpf_attach(sb, &self, 1, false) < 1)
		err = -ESRCH;
	if (!err)
		err = drop_page(page, sz);
	if (!err && src_bpf_drain(sb, look, &s) >= 0 && (!s.starts || !s.ends)) {
		*ret_why = "MADV_DONTNEED of a page was not told";
		err = -ENOMSG;
	}
	src_bpf_close(sb);
	strtab_free(st);
	return err;
}

int src_kmod_probe(bool bpf, const char **ret_why)
{
	size_t sz = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t before = 0, after = 0;
	struct src_kmod *k = NULL;
	char *page;
	int err;

	*ret_why = NULL;
	page = mmap(NULL, sz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	err = src_kmod_attach(getpid(), &k);
	if (!err)
		err = src_kmod_seq(k, &before);
	if (!err)
		err = drop_page(page, sz);
	if (!err)
		err = src_kmod_seq(k, &after);
	if (!err && after < before + 2) {
		*ret_why = "it was told nothing of a page that went";
		err = -ENOMSG;
	}
	if (!err && bpf)
		err = see_events(page, sz, ret_why);
	src_kmod_close(k);
	munmap(page, sz);
	if (err == -EPROTO)
		*ret_why = "it is another version's: load the one that belongs to this memtrace";
	if (err && !*ret_why)
		*ret_why = strerror(-err);
	return err;
}
