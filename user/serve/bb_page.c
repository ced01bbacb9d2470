// SPDX-License-Identifier: GPL-2.0
/* What happened comes first, then what grew and by whom, then what is not known, and where to look on. */
#include "serve/bb_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "analysis/ended.h"
#include "analysis/layout.h"
#include "analysis/rows.h"
#include "analysis/top.h"
#include "growth_report.h"
#include "serve/bb_page_int.h"
#include "util/clock.h"
#include "util/text.h"

#define REGIONS 6u
#define STACKS 3u
#define LIMITS 4u
#define WORDS 1024

const uint64_t bb_spans[BB_SPANS] = { 60 * NSEC_PER_SEC, 600 * NSEC_PER_SEC, 3600 * NSEC_PER_SEC };
const struct report_style bb_style = {};

const char *bb_clean(char *buf, size_t sz, const char *raw)
{
	return text_clean(buf, sz, raw, false);
}

static const char *string(const struct bb_page *pg, uint32_t id)
{
	return strtab_str(session_model(pg->s)->st, id);
}

/* ---- what happened */

static void put_cause(FILE *f, const struct bb_page *pg)
{
	char what[WORDS], ended[512] = "", name[300], a[UNITS_LEN], b[UNITS_LEN];
	bool dead = pg->p->death != DEATH_NONE;

	if (dead)
		ended_text(ended, sizeof(ended), pg->p, session_model(pg->s)->st, false);
	switch (pg->cause) {
	case BB_OOM:
		snprintf(what, sizeof(what), "OUT OF MEMORY: the kernel's OOM killer chose it");
		break;
	case BB_SIGSEGV:
	case BB_SIGBUS:
	case BB_SIGABRT:
		snprintf(what, sizeof(what), "%s",
			 dead ? ended : "a fatal signal; it has not ended yet");
		ended[0] = '\0';
		break;
	case BB_HIGH:
	case BB_MAX:
		snprintf(what, sizeof(what), "its cgroup %s %s",
			 pg->cgroup_of ? pg->cgroup_of : "?",
			 pg->cause == BB_HIGH ? "passed memory.high" :
						"was at its limit when memory was asked for");
		break;
	case BB_STEP:
		snprintf(what, sizeof(what), "RSS made a step: %s within %s",
			 fmt_growth(a, pg->bytes), fmt_duration(b, pg->span_ns));
		break;
	case BB_HEADROOM:
		snprintf(what, sizeof(what),
			 "a stack is nearly used up: thread %" PRIu32 " has %s left", pg->tid,
			 fmt_size(a, pg->bytes));
		break;
	case BB_NR:
		what[0] = '\0';
	}
	if (ended[0] && pg->cause != BB_OOM)
		snprintf(what + strlen(what), sizeof(what) - strlen(what), "; then it %s", ended);
	fprintf(f, "memtrace black box: %s[%" PRIu32 "]\n\n",
		bb_clean(name, sizeof(name), string(pg, pg->p->comm)), pg->p->pid);
	style_words(f, "WHAT", bb_clean(ended, sizeof(ended), what));
}

static void put_when(FILE *f, const struct bb_page *pg)
{
	time_t at = (time_t)(pg->real_ns / NSEC_PER_SEC);
	char when[32], words[WORDS], host[80];
	struct utsname u = {};
	struct tm tm;

	uname(&u);
	gmtime_r(&at, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(words, sizeof(words), "%s UTC on %s, Linux %s", when,
		 bb_clean(host, sizeof(host), u.nodename), u.release);
	style_words(f, "WHEN", words);
}

static void put_process(FILE *f, const struct bb_page *pg)
{
	char words[WORDS], exe[512], cg[512], a[UNITS_LEN], b[UNITS_LEN];
	const struct proc *p = pg->p;
	size_t n;

	snprintf(words, sizeof(words), "%s, PID %" PRIu32 ", parent %" PRIu32,
		 p->exe ? bb_clean(exe, sizeof(exe), string(pg, p->exe)) : "(program not known)",
		 p->pid, p->ppid);
	n = strlen(words);
	if (pg->served)
		n += (size_t)snprintf(words + n, sizeof(words) - n, ", user %u",
				      (unsigned int)pg->served->uid);
	if (p->start_time_ns && p->start_time_ns < pg->time_ns)
		n += (size_t)snprintf(words + n, sizeof(words) - n, ", up %s",
				      fmt_duration(a, pg->time_ns - p->start_time_ns));
	snprintf(words + n, sizeof(words) - n, "; traced for %s%s",
		 fmt_duration(b, pg->time_ns > p->attach_ns ? pg->time_ns - p->attach_ns : 0),
		 p->from_start ? ", from its start on" : "");
	style_words(f, "PROCESS", words);
	if (!pg->cgroup && !(pg->served && pg->served->group[0]))
		return;
	snprintf(words, sizeof(words), "%s%s%s",
		 pg->served ? bb_clean(exe, sizeof(exe), pg->served->group) : "",
		 pg->served && pg->served->group[0] ? "  " : "",
		 pg->cgroup ? bb_clean(cg, sizeof(cg), pg->cgroup) : "");
	style_words(f, "CGROUP", words);
}

static void put_limits(FILE *f, const struct bb_page *pg)
{
	char name[300], clean[300], words[WORDS], a[UNITS_LEN], b[UNITS_LEN];

	for (unsigned int i = 0; pg->limits && i < pg->limits->nr && i < LIMITS; i++) {
		const struct mtr_limit *l = &pg->limits->lim[i];

		top_limit_name(name, sizeof(name), l, true);
		snprintf(words, sizeof(words), "%s: %s used of %s (%.0f%%)",
			 bb_clean(clean, sizeof(clean), name), fmt_size(a, (int64_t)l->used_bytes),
			 fmt_size(b, (int64_t)l->limit_bytes),
			 l->limit_bytes ? (double)l->used_bytes / (double)l->limit_bytes * 100 : 0);
		style_words(f, "LIMIT", words);
	}
}

/* ---- what grew */

static void put_verdict(FILE *f, const struct growth_report *r)
{
	char words[WORDS], a[UNITS_LEN];

	verdict_text(words, sizeof(words), &r->verdict, false);
	if (r->verdict.kind == VERDICT_LEAK_LIKE && r->limit && r->verdict.full_s >= 0 &&
	    r->verdict.full_s < 365.0 * 86400)
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "; %s full in ~%s",
			 r->limit->kind == MTR_LIM_CGROUP ? "its cgroup's limit" :
							    "the host's memory",
			 fmt_duration(a, (uint64_t)(r->verdict.full_s * (double)NSEC_PER_SEC)));
	style_words(f, "VERDICT", words);
}

const char *bb_growth(char b[UNITS_LEN], bool known, int64_t bytes)
{
	if (known)
		return fmt_growth(b, bytes);
	return "-";
}

/* The sample that was the latest at a moment; NULL: there was none yet. */
static const struct hist_sample *sample_at(const struct history *h, uint64_t time_ns)
{
	const struct hist_sample *s = NULL;

	for (unsigned int i = 0; i < h->nr && h->s[i].time_ns <= time_ns; i++)
		s = &h->s[i];
	return s;
}

static void put_rss(FILE *f, const struct bb_page *pg, const struct growth_report *r)
{
	static const char *const over[BB_SPANS] = { "1 min", "10 min", "1 h" };
	const struct history *h = &pg->p->history;
	int64_t rss = proc_rss(pg->p);
	char words[WORDS], a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN];
	size_t n = (size_t)snprintf(words, sizeof(words), "%s:", fmt_size(a, rss));

	for (unsigned int i = 0; i < BB_SPANS; i++) {
		const struct hist_sample *s = sample_at(h, pg->time_ns - bb_spans[i]);

		if (s)
			n += (size_t)snprintf(words + n, sizeof(words) - n, " %s in %s,",
					      fmt_growth(a, rss - s->rss), over[i]);
	}
	n += (size_t)snprintf(words + n, sizeof(words) - n, " %s since it is traced",
			      fmt_growth(a, r ? r->delta : rss - pg->p->base_rss));
	if (r)
		snprintf(words + n, sizeof(words) - n,
			 " = %s with a path + %s of what was there before + %s without",
			 fmt_growth(a, r->attributed), fmt_growth(b, r->before),
			 fmt_growth(c, growth_residual(r)));
	style_words(f, "RSS", words);
}

static void put_kinds(FILE *f, const struct bb_page *pg)
{
	const struct history *h = &pg->p->history;
	const struct hist_sample *now = h->nr ? &h->s[h->nr - 1] : NULL;
	char a[UNITS_LEN], g[UNITS_LEN];

	if (!now)
		return;
	fprintf(f, "\n%8s %8s %8s %8s  KIND\n", "BYTES", "1 MIN", "10 MIN", "1 H");
	for (unsigned int k = 0; k < HC_NR; k++) {
		if (!now->bytes[k])
			continue;
		fprintf(f, "%8s", fmt_size(a, now->bytes[k]));
		for (unsigned int i = 0; i < BB_SPANS; i++) {
			const struct hist_sample *s = sample_at(h, pg->time_ns - bb_spans[i]);

			fprintf(f, " %8s", bb_growth(g, s, s ? now->bytes[k] - s->bytes[k] : 0));
		}
		fprintf(f, "  %s\n", hist_class_name((enum hist_class)k));
	}
}

static int most_growth(const void *a, const void *b)
{
	const struct layout_row *x = a, *y = b;

	if (x->growth != y->growth)
		return x->growth < y->growth ? 1 : -1;
	return x->res < y->res ? 1 : x->res > y->res ? -1 : 0;
}

/* Rows as in the Layout view: neighbours that belong together are one. */
static void put_regions(FILE *f, const struct bb_page *pg)
{
	const struct strtab *st = session_model(pg->s)->st;
	char name[512], clean[64], a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN];
	struct layout l;

	layout_init(&l);
	if (layout_build(&l, pg->p, st))
		return;
	qsort(l.row, l.nr, sizeof(*l.row), most_growth);
	fprintf(f, "\n%8s %8s %8s  REGION, by growth since traced; %u in all\n", "BYTES", "GROWTH",
		"RATE", pg->p->aspace.nr);
	for (unsigned int i = 0; i < l.nr && i < REGIONS; i++) {
		const struct layout_row *r = &l.row[i];

		if (r->what != LAYOUT_REGIONS || r->res <= 0)
			continue;
		layout_label(name, sizeof(name), r, pg->p, st);
		fprintf(f, "%8s %8s %8s  %s %" PRIx64 "\n", fmt_size(a, r->res),
			fmt_growth(b, r->growth), fmt_rate(c, r->rate),
			bb_clean(clean, sizeof(clean), name), r->start);
	}
	layout_fini(&l);
}

static void put_stacks(FILE *f, const struct bb_page *pg)
{
	const struct strtab *st = session_model(pg->s)->st;
	struct thread_rows rows = {};
	char name[64], b[4][UNITS_LEN];

	if (rows_threads(&rows, pg->p, st, "", TSORT_HEADROOM, false))
		return;
	if (rows.nr)
		fprintf(f, "\n%8s %8s %8s %8s  STACK of thread, least room first, of %u\n", "DEPTH",
			"HIGH", "LIMIT", "LEFT", rows.total);
	for (unsigned int i = 0; i < rows.nr && i < STACKS; i++) {
		const struct stack_info *s = &rows.row[i].stack;
		const struct thread *t = rows.row[i].t;
		const int64_t v[4] = { s->depth, s->high_water, s->limit, s->headroom };

		for (unsigned int k = 0; k < 4; k++)
			fprintf(f, "%8s ", v[k] < 0 ? "-" : fmt_size(b[k], v[k]));
		fprintf(f, " %s#%" PRIu32 "\n",
			bb_clean(name, sizeof(name), strtab_str(st, t->comm)), t->tid);
	}
	rows_threads_fini(&rows);
}

/* ---- what is not known, and where to look on */

static void put_lost(FILE *f, const struct bb_page *pg)
{
	const struct model *m = session_model(pg->s);
	char words[WORDS];
	size_t n = 0;

	for (unsigned int k = 0; k < MTR_EV_MAX && n < sizeof(words) / 2; k++)
		if (m->lost[k])
			n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%" PRIu64 " %s",
					      n ? ", " : "", m->lost[k],
					      k ? event_kind_name(k) : "events");
	snprintf(words + n, sizeof(words) - n,
		 "%s of all processes since the daemon began; of this one %" PRIu64
		 " faults were not seen one by one, and its map was put right %" PRIu64
		 " times; %" PRIu64 " reports were not written",
		 n ? "" : "nothing", proc_unseen(pg->p), pg->p->nr_drift, pg->nr_missed);
	style_words(f, "LOST", words);
}

static void put_file(FILE *f, const struct bb_page *pg)
{
	char words[WORDS], a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN];
	const struct bb_wrote *w = &pg->wrote;

	if (pg->trace_err) {
		snprintf(words, sizeof(words), "no trace file: %s", strerror(-pg->trace_err));
		style_words(f, "EVENTS", words);
		return;
	}
	snprintf(words, sizeof(words),
		 "%" PRIu64
		 " of this process in %s of the last %s; events of all processes go back %s",
		 w->nr_events, fmt_duration(a, w->end_ns - w->begin_ns),
		 fmt_duration(b, pg->want_ns), fmt_duration(c, pg->held.span_ns));
	if (pg->held.dropped)
		snprintf(words + strlen(words), sizeof(words) - strlen(words),
			 ", %" PRIu64 " older ones were dropped", pg->held.dropped);
	if (pg->held.failed)
		snprintf(words + strlen(words), sizeof(words) - strlen(words),
			 ", %" PRIu64 " were not kept: memory was short", pg->held.failed);
	style_words(f, "EVENTS", words);
	fprintf(f, "SEE     memtrace report %s/%s.mtr\n", pg->folder, pg->base);
	fprintf(f, "        memtrace replay, growth, info, export: of the same file\n");
}

/* ---- */

static int put_body(FILE *f, const struct bb_page *pg, const struct growth_report *r)
{
	int err;

	put_cause(f, pg);
	put_when(f, pg);
	put_process(f, pg);
	put_limits(f, pg);
	if (r)
		put_verdict(f, r);
	put_rss(f, pg, r);
	err = bb_page_crash(f, pg);
	put_kinds(f, pg);
	if (r)
		bb_page_paths(f, r, pg->p->frames && pg->p->crash.signo);
	else
		fputs("\nNo call path is known: the ledger does not have this process.\n", f);
	put_regions(f, pg);
	put_stacks(f, pg);
	fputs("\n", f);
	put_lost(f, pg);
	put_file(f, pg);
	return err;
}

int bb_page_write(FILE *f, const struct bb_page *pg)
{
	struct growth_report r = { .model = session_model(pg->s),
				   .limits = pg->limits,
				   .to_ns = pg->time_ns,
				   .to_real_ns = pg->real_ns,
				   .rung = session_rung(pg->s) };
	int err = 0;

	proc_kinds(pg->p, session_model(pg->s)->st);
	if (pg->gp)
		err = growth_report(pg->g, pg->gp, &r);
	if (!err)
		err = put_body(f, pg, pg->gp ? &r : NULL);
	growth_report_fini(&r);
	return err ? err : ferror(f) ? -EIO : 0;
}
