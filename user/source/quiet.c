// SPDX-License-Identifier: GPL-2.0
#include "source/quiet.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include "memtrace.skel.h"

static int say_nothing(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
	return 0;
}

int quiet_open(struct memtrace_bpf **ret_skel)
{
	libbpf_print_fn_t was = libbpf_set_print(say_nothing);
	struct memtrace_bpf *skel = memtrace_bpf__open();
	int err = skel ? 0 : -errno;
	struct bpf_map *map;

	libbpf_set_print(was);
	if (err)
		return err;
	bpf_object__for_each_map(map, skel->obj)
	{
		if (!bpf_map__is_internal(map))
			bpf_map__set_autocreate(map, false);
	}
	*ret_skel = skel;
	return 0;
}

int quiet_load(struct memtrace_bpf *skel)
{
	libbpf_print_fn_t was = libbpf_set_print(say_nothing);
	int err = memtrace_bpf__load(skel);

	libbpf_set_print(was);
	return err == -EACCES ? -EPERM : err;
}
