// SPDX-License-Identifier: GPL-2.0
#include "session_facts.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "util/clock.h"

static void read_line(const char *path, char *buf, size_t sz)
{
	FILE *f = fopen(path, "re");

	buf[0] = '\0';
	if (!f)
		return;
	if (fgets(buf, (int)sz, f))
		buf[strcspn(buf, "\n")] = '\0';
	fclose(f);
}

static void set_command(struct trace_facts *f, char **cmd)
{
	char buf[FACT_VALUE_SZ];
	size_t len = 0;

	for (; *cmd && len + 1 < sizeof(buf); cmd++) {
		int n = snprintf(buf + len, sizeof(buf) - len, "%s%s", len ? " " : "", *cmd);

		len += n > 0 ? (size_t)n : 0;
	}
	facts_set(f, "command", "%s", buf);
}

void session_facts(struct trace_facts *f, struct session *s, const struct opts *o, pid_t cmd_pid)
{
	uint64_t real = clock_ns(CLOCK_REALTIME), boot = boot_ns();
	char buf[256];
	struct utsname u;

	facts_set(f, "memtrace.version", "%s", MEMTRACE_VERSION);
	facts_set(f, "clock", "CLOCK_BOOTTIME");
	facts_set(f, "start.boottime_ns", "%llu", (unsigned long long)boot);
	facts_set(f, "start.realtime_ns", "%llu", (unsigned long long)real);
	facts_set(f, "start.monotonic_ns", "%llu", (unsigned long long)clock_ns(CLOCK_MONOTONIC));
	read_line("/proc/sys/kernel/random/boot_id", buf, sizeof(buf));
	facts_set(f, "boot_id", "%s", buf);
	if (!uname(&u)) {
		facts_set(f, "kernel.release", "%s", u.release);
		facts_set(f, "kernel.version", "%s", u.version);
		facts_set(f, "machine", "%s", u.machine);
		facts_set(f, "host", "%s", u.nodename);
	}
	facts_set(f, "byte_order", __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? "little" : "big");
	facts_set(f, "page_size", "%ld", sysconf(_SC_PAGESIZE));
	facts_set(f, "cpus", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	facts_set(f, "flight_recorder", "%d", o->last_ns || o->last_size);
	facts_set(f, "rung", "%s", session_rung(s));
	if (o->cmd)
		facts_set(f, "command.pid", "%d", cmd_pid);
	facts_set(f, "stacks", "%d", o->stacks);
	facts_set(f, "calls", "%d", session_calls(s));
	facts_set(f, "follow", "%d", o->follow);
	facts_set(f, "interval_ns", "%llu", (unsigned long long)o->interval_ns);
	if (o->cmd)
		set_command(f, o->cmd);
	if (o->when)
		facts_set(f, "when", "%s", o->when);
}
