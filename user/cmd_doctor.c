// SPDX-License-Identifier: GPL-2.0
/* memtrace doctor: the probe and the ladder, told to a person. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "export/doctor.h"
#include "opts.h"
#include "output.h"
#include "source/ladder.h"
#include "source/probe.h"
#include "util/log.h"
#include "util/units.h"

#define NOT_TRIED "not tried: needs CAP_BPF and CAP_PERFMON"

__attribute__((format(printf, 7, 8))) static void
check(struct doctor *d, enum doctor_section section, enum doctor_mark mark, const char *key,
      const char *title, const char *fix, const char *fmt, ...)
{
	struct doctor_check *c;
	va_list ap;

	if (d->nr_checks == DOCTOR_MAX_CHECKS)
		return;
	c = &d->check[d->nr_checks++];
	c->section = section;
	c->mark = mark;
	c->key = key;
	c->title = title;
	c->fix = fix;
	va_start(ap, fmt);
	vsnprintf(c->value, sizeof(c->value), fmt, ap);
	va_end(ap);
}

/* One program type. @lack: how bad it is when it does not load */
static void check_live(struct doctor *d, const struct probe *p, enum probe_live type,
		       enum doctor_mark lack, const char *key, const char *title)
{
	int err = p->live[type];

	if (!err)
		check(d, DOC_KERNEL, DOC_OK, key, title, NULL, "works");
	else if (!probe_privileged(p) && (err == -EPERM || err == -EACCES))
		check(d, DOC_KERNEL, DOC_NOTE, key, title, NULL, NOT_TRIED);
	else if (err == -ENOENT)
		check(d, DOC_KERNEL, lack, key, title, NULL, "not in this kernel");
	else
		check(d, DOC_KERNEL, lack, key, title, NULL, "refused: %s", strerror(-err));
}

/* DKMS signs what it builds; the machine's owner has to trust the key, once. */
#define KMOD_INSTALL \
	"sudo make kmod-install && sudo modprobe memtrace  # in memtrace's sources: exact residency"
#define KMOD_SIGN                                                                           \
	"sudo mokutil --import /var/lib/dkms/mok.pub && sudo reboot  # Secure Boot: trust " \
	"DKMS's key, then as docs/KMOD.md says"

static void check_module(struct doctor *d, const struct probe *p)
{
	bool signed_only = p->module_signed_only || p->lockdown == PLD_INTEGRITY;

	if (!p->module_loaded)
		check(d, DOC_KERNEL, DOC_NOTE, "module", "memtrace.ko",
		      p->modules_disabled ? NULL :
		      signed_only	  ? KMOD_SIGN :
					    KMOD_INSTALL,
		      "not loaded (optional)%s%s",
		      p->modules_disabled ? "; this kernel loads no modules" : "",
		      signed_only ? "; only signed ones are" : "");
	else if (!p->module_dev)
		check(d, DOC_KERNEL, DOC_NOTE, "module", "memtrace.ko", "sudo memtrace -p PID",
		      "loaded; /dev/memtrace not accessible");
	else if (p->module_live)
		check(d, DOC_KERNEL, DOC_NOTE, "module", "memtrace.ko", KMOD_INSTALL,
		      "loaded, not used: %s", p->module_why ? p->module_why : "not tried");
	else
		check(d, DOC_KERNEL, DOC_OK, "module", "memtrace.ko", NULL,
		      "works: it told of a page that was dropped");
}

static void check_kernel(struct doctor *d, const struct probe *p)
{
	check(d, DOC_KERNEL, probe_tp(p, PTP_MA_WRITE) || !p->btf ? DOC_OK : DOC_FAIL, "release",
	      "release", NULL, "%s %s, %u CPU%s", p->release, p->machine, p->nr_cpus,
	      p->nr_cpus == 1 ? "" : "s");
	if (p->btf)
		check(d, DOC_KERNEL, DOC_OK, "btf", "BTF", NULL, "/sys/kernel/btf/vmlinux");
	else
		check(d, DOC_KERNEL, DOC_FAIL, "btf", "BTF", NULL, "/sys/kernel/btf/vmlinux: %s",
		      strerror(-p->btf_err));
	check_live(d, p, PLV_TP_BTF, DOC_FAIL, "tp_btf", "BPF on tracepoints");
	check_live(d, p, PLV_RINGBUF, DOC_FAIL, "ringbuf", "BPF ring buffer");
	check_live(d, p, PLV_FENTRY, DOC_NOTE, "fentry", "BPF on functions (fentry)");
	check_live(d, p, PLV_KPROBE, DOC_NOTE, "kprobe", "kprobes");
	check_live(d, p, PLV_ITER_TASK_VMA, DOC_NOTE, "iter", "BPF iterators");
	check_live(d, p, PLV_PERF_PAGE_FAULTS, DOC_NOTE, "perf", "perf software events");
	check(d, DOC_KERNEL, p->pagemap_scan ? DOC_OK : DOC_NOTE, "pagemap_scan", "PAGEMAP_SCAN",
	      NULL,
	      p->pagemap_scan ? "works" : "not in this kernel (6.7): pagemap is read instead");
	check(d, DOC_KERNEL, p->procmap_query ? DOC_OK : DOC_NOTE, "procmap_query", "PROCMAP_QUERY",
	      NULL, p->procmap_query ? "works" : "not in this kernel (6.11): maps is read instead");
	check_module(d, p);
}

/* Instead of sudo, once */
#define SETCAP                                                                   \
	"sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep " \
	"\"$(command -v memtrace)\""

static const char *const cap_use[PCAP_NR] = {
	[PCAP_BPF] = "loading programs and maps",
	[PCAP_PERFMON] = "programs that read the kernel",
	[PCAP_SYS_PTRACE] = "other users' processes",
	[PCAP_SYS_ADMIN] = "the BPF run time of the COST line; paths in map_files",
	[PCAP_DAC_READ_SEARCH] = "other users' /proc files; tracefs",
};

static void check_privileges(struct doctor *d, const struct probe *p)
{
	bool able = probe_privileged(p);

	check(d, DOC_PRIVILEGES, able ? DOC_OK : DOC_FAIL, "user", "user", NULL, "uid %u%s%s",
	      p->euid, p->euid ? "" : " (root)",
	      p->init_userns ? "" : " of a container's user namespace");
	for (int i = 0; i < PCAP_NR; i++) {
		bool needed = i == PCAP_BPF || i == PCAP_PERFMON;
		bool have = p->caps[i] || (needed && p->caps[PCAP_SYS_ADMIN]);

		if (!cap_use[i])
			continue;
		check(d, DOC_PRIVILEGES,
		      have   ? DOC_OK :
		      needed ? DOC_FAIL :
			       DOC_NOTE,
		      probe_cap_name(i), probe_cap_name(i), have || i != PCAP_BPF ? NULL : SETCAP,
		      "%s: %s",
		      p->caps[i] ? "held" :
		      have	 ? "in CAP_SYS_ADMIN" :
				   "missing",
		      cap_use[i]);
	}
}

static void check_lockdown(struct doctor *d, const struct probe *p)
{
	switch (p->lockdown) {
	case PLD_UNKNOWN:
		check(d, DOC_SETTINGS, DOC_OK, "lockdown", "lockdown", NULL,
		      "not in this kernel, or securityfs is not mounted");
		break;
	case PLD_NONE:
	case PLD_INTEGRITY:
		check(d, DOC_SETTINGS, DOC_OK, "lockdown", "lockdown", NULL, "%s",
		      probe_lockdown_name(p->lockdown));
		break;
	case PLD_CONFIDENTIALITY:
		check(d, DOC_SETTINGS, DOC_FAIL, "lockdown", "lockdown", NULL,
		      "confidentiality: programs may not read kernel memory");
		break;
	}
}

/* Who may do without the rights above; with them these settings do not matter. */
static void check_sysctls(struct doctor *d, const struct probe *p)
{
	bool able = p->init_userns && (p->caps[PCAP_PERFMON] || p->caps[PCAP_SYS_ADMIN]);
	bool ptrace = p->caps[PCAP_SYS_PTRACE];

	if (p->perf_event_paranoid == INT_MIN)
		check(d, DOC_SETTINGS, DOC_NOTE, "perf_event_paranoid", "perf_event_paranoid", NULL,
		      "not in this kernel: no perf events");
	else
		check(d, DOC_SETTINGS, able || p->perf_event_paranoid < 1 ? DOC_OK : DOC_NOTE,
		      "perf_event_paranoid", "perf_event_paranoid", NULL, "%d%s",
		      p->perf_event_paranoid, able ? ": no matter with CAP_PERFMON" : "");
	if (p->unprivileged_bpf_disabled >= 0)
		check(d, DOC_SETTINGS, DOC_OK, "unprivileged_bpf_disabled",
		      "unprivileged_bpf_disabled", NULL,
		      "%d: no matter, tracing needs CAP_BPF anyway", p->unprivileged_bpf_disabled);
	if (p->yama_ptrace_scope < 0)
		check(d, DOC_SETTINGS, DOC_OK, "yama", "yama ptrace_scope", NULL,
		      "not in this kernel");
	else
		check(d, DOC_SETTINGS, p->yama_ptrace_scope == 0 || ptrace ? DOC_OK : DOC_NOTE,
		      "yama", "yama ptrace_scope", NULL, "%d%s", p->yama_ptrace_scope,
		      p->yama_ptrace_scope == 3 ? ": nobody may attach, root neither" :
		      ptrace			? ": no matter with CAP_SYS_PTRACE" :
			       ": snapshot shows stack pointers of own children only");
	if (p->bpf_stats_enabled == 1)
		check(d, DOC_SETTINGS, DOC_NOTE, "bpf_stats", "bpf_stats_enabled",
		      "sudo sysctl kernel.bpf_stats_enabled=0",
		      "1: every BPF program reads the clock twice a run");
}

static void check_settings(struct doctor *d, const struct probe *p)
{
	char buf[UNITS_LEN];

	check_lockdown(d, p);
	check_sysctls(d, p);
	if (p->tracefs[0])
		check(d, DOC_SETTINGS, DOC_OK, "tracefs", "tracefs", NULL, "%s", p->tracefs);
	else
		check(d, DOC_SETTINGS, DOC_OK, "tracefs", "tracefs", NULL, "%s",
		      p->tracefs_hidden ? "mounted, not readable: not needed" :
					  "not mounted: not needed");
	check(d, DOC_SETTINGS, DOC_OK, "bpffs", "bpffs", NULL, "%s",
	      p->bpffs ? "/sys/fs/bpf" : "not mounted: not needed");
	check(d, DOC_SETTINGS, DOC_OK, "memory_cgroup", "memory cgroup", NULL, "%s",
	      p->cgroup_v2_memory ? "v2" :
	      p->cgroup_v1_memory ? "v1" :
				    "none: cgroup limits are not known");
	check(d, DOC_SETTINGS, DOC_OK, "thp", "transparent huge pages", NULL, "%s",
	      p->thp[0] ? p->thp : "not in this kernel");
	if (p->memlock_bytes != UINT64_MAX)
		fmt_size(buf, (int64_t)p->memlock_bytes);
	check(d, DOC_SETTINGS, DOC_OK, "memlock", "RLIMIT_MEMLOCK", NULL,
	      "%s: no matter since Linux 5.11", p->memlock_bytes == UINT64_MAX ? "unlimited" : buf);
}

static void fill_events(struct doctor *d, const struct ladder *l)
{
	for (int i = 0; i < LAD_NR && d->nr_events < DOCTOR_MAX_EVENTS; i++) {
		const struct ladder_row *r = &l->row[i];

		d->event[d->nr_events++] = (struct doctor_event){
			.mark = r->rung == RUNG_NONE ? DOC_FAIL :
				r->unseen	     ? DOC_NOTE :
						       DOC_OK,
			.key = ladder_event_name(i),
			.title = ladder_event_title(i),
			.rung = ladder_rung_name(r->rung),
			.hook = r->hook,
			.why = r->why,
			.unseen = r->unseen,
			.fix = r->fix,
		};
	}
}

static void diagnose(const struct probe *p, struct doctor *d)
{
	static const int exits[] = {
		[LAD_CAN] = EX_DONE,
		[LAD_NO_PRIVILEGE] = EX_PRIVILEGE,
		[LAD_NO_KERNEL] = EX_KERNEL,
	};
	struct ladder l;

	memset(d, 0, sizeof(*d));
	ladder_choose(p, &l);
	d->version = MEMTRACE_VERSION;
	d->release = p->release;
	d->machine = p->machine;
	d->can_trace = l.can == LAD_CAN;
	d->exit_code = exits[l.can];
	d->rung = ladder_rung_name(l.rung);
	d->text = l.text;
	d->fix = l.fix;
	d->assumed = l.assumed;
	check_kernel(d, p);
	check_privileges(d, p);
	check_settings(d, p);
	fill_events(d, &l);
}

static int print(const struct opts *o, const struct doctor *d)
{
	bool to_file = o->output && strcmp(o->output, "-");
	FILE *f = output_open(o->output);
	bool color = o->color > 0 || (!o->color && !to_file && isatty(STDOUT_FILENO));
	int err = 0;

	if (!f)
		return EX_FAILED;
	if (o->json)
		err = doctor_json(f, d);
	else
		doctor_text(f, d, color);
	if (fflush(f) && !err)
		err = -errno;
	if (to_file && fclose(f) && !err)
		err = -errno;
	if (err)
		return output_failed(o->output, -err);
	return d->exit_code;
}

int cmd_doctor(struct opts *o, int argc, char **argv)
{
	static struct doctor d;
	struct probe p;
	int err;

	(void)argc;
	(void)argv;
	err = probe_kernel(&p);
	if (err)
		return log_error(EX_FAILED, NULL, "doctor: %s", strerror(-err));
	probe_attach(&p);
	diagnose(&p, &d);
	return print(o, &d);
}
