/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The BPF object with none of its maps, for who needs one program of it. Without
 * the privilege it is no news that it cannot be loaded: libbpf says nothing.
 */
#ifndef SOURCE_QUIET_H
#define SOURCE_QUIET_H

struct memtrace_bpf;

/* quiet_open() - 0 or −errno; quiet_load() - the same, −EPERM when it is forbidden */
int quiet_open(struct memtrace_bpf **ret_skel);
int quiet_load(struct memtrace_bpf *skel);

#endif
