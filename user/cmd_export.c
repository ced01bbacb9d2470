// SPDX-License-Identifier: GPL-2.0
/* `memtrace export FILE --format F -o OUT`: a recording in a format that other tools read. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/exporter.h"
#include "export/trace_json.h"
#include "folded.h"
#include "opts.h"
#include "output.h"
#include "player.h"
#include "util/log.h"
#include "util/units.h"

struct export
{
	const struct opts *o;
	const struct export_ops *ops;
	struct player *pl;
	struct exporter *x;
	int fd;
	bool to_stdout;
	bool folded; /* no exporter: a sum over all of it */
};

static int check_opts(struct export *e)
{
	const struct opts *o = e->o;

	if (!o->format)
		return log_error(EX_USAGE_ERR, "give one: --format FORMAT",
				 "which format? There is %s", exporter_names());
	e->ops = exporter_ops(o->format);
	e->folded = !strcmp(o->format, "folded");
	if (!e->ops && !e->folded)
		return log_error(EX_USAGE_ERR, NULL, "no format '%s': there is %s", o->format,
				 exporter_names());
	if (o->debuginfod && !e->folded && e->ops != &export_perfetto)
		return log_error(EX_USAGE_ERR, NULL,
				 "--debuginfod is about names, and %s has addresses", o->format);
	e->to_stdout = !o->output || !strcmp(o->output, "-");
	if (e->to_stdout && e->ops == &export_perfetto && isatty(STDOUT_FILENO))
		return log_error(EX_USAGE_ERR, "give a file: -o FILE",
				 "a Perfetto trace is nothing for a terminal");
	return 0;
}

static int read_failed(const struct export *e, int err)
{
	return log_error(EX_FAILED, NULL, "cannot read %s: %s", e->o->files[0], strerror(-err));
}

/* Of writing, or for want of something to write. */
static int write_failed(const struct export *e, int err)
{
	/* who reads the pipe has read enough */
	if (err == -EPIPE && e->to_stdout)
		return 0;
	if (err == -ENODATA)
		return log_error(EX_FAILED, "see: memtrace info FILE",
				 "%s has no events: nothing was exported", e->o->files[0]);
	if (err == -ENOMEM)
		return log_error(EX_FAILED, NULL, "out of memory");
	return output_failed(e->to_stdout ? "standard output" : e->o->output, -err);
}

static int begin(struct export *e)
{
	const struct trace_facts *f = player_facts(e->pl);
	const struct export_info info = {
		.clocks = { .boot_ns = facts_u64(f, "start.boottime_ns"),
			    .mono_ns = facts_u64(f, "start.monotonic_ns"),
			    .real_ns = facts_u64(f, "start.realtime_ns") },
		.rung = facts_get(f, "rung"),
		.sysname = "Linux",
		.release = facts_get(f, "kernel.release"),
		.version = facts_get(f, "kernel.version"),
		.machine = facts_get(f, "machine"),
		.stacks = player_stacks(e->pl),
		.debuginfod = e->o->debuginfod,
		.calls = facts_u64(f, "calls"),
	};

	return exporter_new(e->ops, &info, player_strings(e->pl), e->fd, &e->x);
}

/* Everything in the file; 0 or an exit status after one line on stderr. */
static int pass_on(struct export *e)
{
	struct mtr_event ev;
	int ret = 0, err = begin(e);

	if (!err && e->ops == &export_perfetto && facts_u64(player_facts(e->pl), "stacks"))
		err = player_modules(e->pl, e->x->mods);
	while (!err && (ret = player_event(e->pl, &ev)) > 0)
		err = exporter_feed(e->x, &ev);
	if (!err && ret < 0)
		return read_failed(e, ret);
	if (!err)
		err = exporter_finish(e->x);
	if (!e->to_stdout && close(e->fd) && !err)
		err = -errno;
	e->fd = -1;
	return err ? write_failed(e, err) : 0;
}

/* Lines for flame graphs. 0 or an exit status after one line on stderr. */
static int fold(struct export *e)
{
	int err, fd = e->to_stdout ? dup(e->fd) : e->fd;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!e->to_stdout)
		e->fd = -1;
	if (!f) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return write_failed(e, err);
	}
	err = folded_write(e->pl, e->o->debuginfod, f);
	if (fclose(f) && !err)
		err = -errno;
	if (err == -ENODATA)
		return log_error(EX_FAILED, "record them: memtrace record --stacks -p PID",
				 "%s has no call stacks: nothing was exported", e->o->files[0]);
	return err ? write_failed(e, err) : 0;
}

static int say(const struct export *e)
{
	const struct export_summary sum = {
		.from = e->o->files[0],
		.to = e->to_stdout ? NULL : e->o->output,
		.format = e->ops->name,
		.bytes = e->x->out.written,
		.events = e->x->nr,
		.lost = e->x->nr_lost,
		.by_kind = e->x->counts,
	};
	char n[UNITS_LEN], size[UNITS_LEN];

	if (e->o->json)
		return export_summary_json(e->to_stdout ? stderr : stdout, &sum) ? EX_FAILED : 0;
	if (!e->to_stdout)
		log_info("%s: %s events, %s, lost %llu", e->o->output,
			 fmt_count(n, (double)sum.events), fmt_size(size, (int64_t)sum.bytes),
			 (unsigned long long)sum.lost);
	return 0;
}

int cmd_export(struct opts *o, int argc, char **argv)
{
	struct export e = { .o = o, .fd = -1 };
	int ret = check_opts(&e);

	(void)argc;
	(void)argv;
	if (ret)
		return ret;
	signal(SIGPIPE, SIG_IGN);
	ret = player_open(o->files[0], &e.pl);
	if (ret)
		return ret;
	e.fd = e.to_stdout ? STDOUT_FILENO : output_create(o->output);
	ret = e.fd < 0 ? EX_FAILED : e.folded ? fold(&e) : pass_on(&e);
	if (!ret && e.x)
		ret = say(&e);
	if (!ret)
		ret = player_status(e.pl);
	if (e.fd > STDERR_FILENO)
		close(e.fd);
	exporter_free(e.x);
	player_close(e.pl);
	return ret;
}
