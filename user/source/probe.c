// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's settings and this process's rights, from /proc and /sys; the
 * rest of the probe is in probe_btf.c and probe_live.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "source/probe_priv.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

static const struct {
	const char *name;
	cap_value_t value;
} caps[PCAP_NR] = {
	[PCAP_BPF] = { "CAP_BPF", CAP_BPF },
	[PCAP_PERFMON] = { "CAP_PERFMON", CAP_PERFMON },
	[PCAP_SYS_PTRACE] = { "CAP_SYS_PTRACE", CAP_SYS_PTRACE },
	[PCAP_SYS_ADMIN] = { "CAP_SYS_ADMIN", CAP_SYS_ADMIN },
	[PCAP_DAC_READ_SEARCH] = { "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH },
	[PCAP_SYS_RESOURCE] = { "CAP_SYS_RESOURCE", CAP_SYS_RESOURCE },
};

const char *probe_cap_name(enum probe_cap cap)
{
	return caps[cap].name;
}

const char *probe_lockdown_name(enum probe_lockdown l)
{
	static const char *const names[] = {
		[PLD_UNKNOWN] = "unknown",
		[PLD_NONE] = "none",
		[PLD_INTEGRITY] = "integrity",
		[PLD_CONFIDENTIALITY] = "confidentiality",
	};

	return names[l];
}

/* First line of a small file, without its newline; −errno */
static int read_line(const char *path, char *buf, size_t sz)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, buf, sz - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static int read_int(const char *path, int absent)
{
	char buf[32];

	return read_line(path, buf, sizeof(buf)) ? absent : (int)strtol(buf, NULL, 10);
}

/* The word in brackets of "always [madvise] never" */
static void chosen_word(const char *line, char *ret, size_t sz)
{
	const char *open = strchr(line, '['), *close = open ? strchr(open, ']') : NULL;

	ret[0] = '\0';
	if (close)
		snprintf(ret, sz, "%.*s", (int)(close - open - 1), open + 1);
}

static void fill_identity(struct probe *p)
{
	struct utsname u;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!uname(&u)) {
		char *end;

		snprintf(p->release, sizeof(p->release), "%s", u.release);
		snprintf(p->machine, sizeof(p->machine), "%s", u.machine);
		p->major = (unsigned int)strtoul(u.release, &end, 10);
		if (*end == '.')
			p->minor = (unsigned int)strtoul(end + 1, NULL, 10);
		p->preempt = strstr(u.version, "PREEMPT") != NULL;
	}
	p->nr_cpus = cpus > 0 ? (unsigned int)cpus : 1;
}

int probe_rights(struct probe *p)
{
	cap_t mine = cap_get_proc();
	struct rlimit lim;
	char map[64];

	if (!mine)
		return -ENOMEM;
	for (int i = 0; i < PCAP_NR; i++) {
		cap_flag_value_t v;

		/* A capability that this kernel does not know yet is EINVAL: not there. */
		p->caps[i] = !cap_get_flag(mine, caps[i].value, CAP_EFFECTIVE, &v) && v == CAP_SET;
	}
	cap_free(mine);
	p->euid = geteuid();

	/* The initial user namespace maps all ids to themselves, in one line. */
	p->init_userns = true;
	if (!read_line("/proc/self/uid_map", map, sizeof(map))) {
		unsigned long in = 1, out = 1, len = 0;

		if (sscanf(map, "%lu %lu %lu", &in, &out, &len) == 3) /* NOLINT(cert-err34-c) */
			p->init_userns = in == 0 && out == 0 && len == UINT32_MAX;
	}
	if (!getrlimit(RLIMIT_MEMLOCK, &lim))
		p->memlock_bytes = lim.rlim_cur == RLIM_INFINITY ? UINT64_MAX : lim.rlim_cur;
	return 0;
}

static void take_mount(struct probe *p, const struct mntent *m)
{
	char path[PATH_MAX], line[256];

	if (!strcmp(m->mnt_type, "tracefs") && !p->tracefs[0]) {
		snprintf(path, sizeof(path), "%s/events", m->mnt_dir);
		if (access(path, R_OK | X_OK))
			p->tracefs_hidden = true;
		else
			snprintf(p->tracefs, sizeof(p->tracefs), "%s", m->mnt_dir);
	} else if (!strcmp(m->mnt_type, "cgroup") && hasmntopt(m, "memory")) {
		p->cgroup_v1_memory = true;
	} else if (!strcmp(m->mnt_type, "cgroup2")) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", m->mnt_dir);
		if (!read_line(path, line, sizeof(line)) && strstr(line, "memory"))
			p->cgroup_v2_memory = true;
	}
}

static void fill_mounts(struct probe *p)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent m;
	struct statfs fs;
	char buf[4096];

	while (f && getmntent_r(f, &m, buf, sizeof(buf)))
		take_mount(p, &m);
	if (f)
		endmntent(f);
	if (p->tracefs[0])
		p->tracefs_hidden = false;
	p->bpffs = !statfs("/sys/fs/bpf", &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* The last of the five bytes of the firmware's variable is its value. */
static bool secure_boot(void)
{
	FILE *f = fopen("/sys/firmware/efi/efivars/"
			"SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
			"re");
	unsigned char v[5] = { 0 };
	bool on = f && fread(v, 1, sizeof(v), f) == sizeof(v) && v[4] == 1;

	if (f)
		fclose(f);
	return on;
}

static bool signed_only(void)
{
	char line[64];

	if (!read_line("/sys/module/module/parameters/sig_enforce", line, sizeof(line)) &&
	    line[0] == 'Y')
		return true;
	return secure_boot();
}

static void fill_module(struct probe *p)
{
	FILE *f = fopen("/proc/modules", "re");
	char line[512];

	p->modules_disabled = !f || read_int("/proc/sys/kernel/modules_disabled", 0) == 1;
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "memtrace ", 9))
			p->module_loaded = true;
	if (f)
		fclose(f);
	p->module_dev = !access("/dev/memtrace", R_OK | W_OK);
	p->module_live = PROBE_NOT_TRIED;
	p->module_signed_only = signed_only();
}

static void fill_settings(struct probe *p)
{
	char line[256], word[32];

	p->perf_event_paranoid = read_int("/proc/sys/kernel/perf_event_paranoid", INT_MIN);
	p->unprivileged_bpf_disabled = read_int("/proc/sys/kernel/unprivileged_bpf_disabled", -1);
	p->yama_ptrace_scope = read_int("/proc/sys/kernel/yama/ptrace_scope", -1);
	p->bpf_stats_enabled = read_int("/proc/sys/kernel/bpf_stats_enabled", -1);

	if (!read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof(line)))
		chosen_word(line, p->thp, sizeof(p->thp));

	p->lockdown = PLD_UNKNOWN;
	if (!read_line("/sys/kernel/security/lockdown", line, sizeof(line))) {
		chosen_word(line, word, sizeof(word));
		for (int l = PLD_NONE; l <= PLD_CONFIDENTIALITY; l++)
			if (!strcmp(word, probe_lockdown_name(l)))
				p->lockdown = l;
	}
}

/* Both take a struct that begins with its own size; the build's headers may be older than they. */
static bool try_ioctl(const char *path, unsigned long request, uint64_t *arg, size_t sz)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return false;
	arg[0] = sz;
	err = ioctl(fd, request, arg) ? errno : 0;
	close(fd);
	return !err || err == ENOENT;
}

static void fill_proc_ioctls(struct probe *p)
{
	uint64_t here = (uint64_t)(uintptr_t)&p->release & ~0xfffull;
	/* struct pm_scan_arg: size, flags, start, end, walk_end, vec, vec_len, … */
	uint64_t scan[12] = { 0, 0, here, here + 0x1000 };
	/* struct procmap_query: size, query_flags, query_addr, … */
	uint64_t query[13] = { 0, 0, here };

	scan[11] = 1; /* return_mask: written pages; no vec: a trial */
	p->pagemap_scan = try_ioctl("/proc/self/pagemap", _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96),
				    scan, sizeof(scan));
	p->procmap_query = try_ioctl("/proc/self/maps", _IOC(_IOC_READ | _IOC_WRITE, 'f', 17, 104),
				     query, sizeof(query));
}

int probe_kernel(struct probe *p)
{
	int err;

	memset(p, 0, sizeof(*p));
	for (int i = 0; i < PLV_NR; i++)
		p->live[i] = PROBE_NOT_TRIED;
	fill_identity(p);
	err = probe_rights(p);
	if (err)
		return err;
	fill_mounts(p);
	fill_module(p);
	fill_settings(p);
	fill_proc_ioctls(p);
	err = probe_btf_fill(p);
	if (err)
		return err;
	probe_live_fill(p);
	return 0;
}
