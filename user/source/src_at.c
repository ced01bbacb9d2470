// SPDX-License-Identifier: GPL-2.0
#include "source/src_at.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memtrace.skel.h"
#include "mtr_wire.h"
#include "source/quiet.h"

#define MAX_PLACES 64

struct src_at {
	struct memtrace_bpf *skel;
	struct bpf_link *link[MAX_PLACES];
	unsigned int nr;
};

/* How deep memtrace's own pid namespace is: "NSpid: 4242 17" is level 1. */
static unsigned int own_level(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned int level = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "NSpid:", 6))
			continue;
		for (const char *s = line + 6; *s; s++)
			level += *s == '\t';
		level -= level > 0;
		break;
	}
	if (f)
		fclose(f);
	return level;
}

int src_at_open(struct src_at **ret_sa)
{
	struct src_at *sa = calloc(1, sizeof(*sa));
	int err;

	if (!sa)
		return -ENOMEM;
	err = quiet_open(&sa->skel);
	if (!err) {
		sa->skel->rodata->at_level = own_level();
		bpf_map__set_autocreate(sa->skel->maps.at_hits, true);
		bpf_program__set_autoload(sa->skel->progs.at_hit, true);
		err = quiet_load(sa->skel);
	}
	if (err) {
		src_at_close(sa);
		return err;
	}
	*ret_sa = sa;
	return 0;
}

void src_at_clear(struct src_at *sa)
{
	for (unsigned int i = 0; i < sa->nr; i++)
		bpf_link__destroy(sa->link[i]);
	sa->nr = 0;
}

void src_at_close(struct src_at *sa)
{
	if (!sa)
		return;
	src_at_clear(sa);
	memtrace_bpf__destroy(sa->skel);
	free(sa);
}

int src_at_plant(struct src_at *sa, pid_t pid, const char *path, uint64_t offset)
{
	struct bpf_link *link;

	if (sa->nr == MAX_PLACES)
		return -E2BIG;
	link = bpf_program__attach_uprobe(sa->skel->progs.at_hit, false, pid, path, offset);
	if (!link)
		return -errno;
	sa->link[sa->nr++] = link;
	return 0;
}

bool src_at_hit(struct src_at *sa, pid_t tid, struct mtr_regs *ret)
{
	uint32_t key = (uint32_t)tid;
	struct mtr_w_at at;

	if (bpf_map__lookup_and_delete_elem(sa->skel->maps.at_hits, &key, sizeof(key), &at,
					    sizeof(at), 0))
		return false;
	memcpy(ret->r, at.r, sizeof(ret->r));
	ret->valid = (1u << MTR_NR_REGS) - 1;
	return true;
}
