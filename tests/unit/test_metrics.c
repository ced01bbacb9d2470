// SPDX-License-Identifier: GPL-2.0
/* The text that Prometheus scrapes: hostile names, who has series, sums, and the list in docs/METRICS.md. */
#include "kselftest_harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "export/metrics.h"

#define NR 50u
#define TOP 6u

struct fixture {
	struct metrics_proc proc[NR];
	struct metrics_group group[NR];
	struct metrics_table t;
	char comm[NR][16];
};

FIXTURE(metrics)
{
	struct fixture *f;
	char *text;
};

/* Process i has i MiB, and grows the faster the smaller it is; groups of two. */
FIXTURE_SETUP(metrics)
{
	self->text = NULL;
	self->f = calloc(1, sizeof(*self->f));
	ASSERT_NE(NULL, self->f);
	for (unsigned int i = 0; i < NR; i++) {
		struct metrics_proc *p = &self->f->proc[i];

		snprintf(self->f->comm[i], sizeof(self->f->comm[i]), "p%u", i);
		*p = (struct metrics_proc){ .pid = 1000 + i,
					    .uid = i,
					    .comm = self->f->comm[i],
					    .cgroup = "/a/b",
					    .group = i / 2 };
		p->f.nr = 1;
		p->f.rss = (int64_t)i << 20;
		p->f.virt = 1 << 30;
		p->f.resident[RK_HEAP] = (int64_t)i << 20;
		p->f.known[0] = true;
		p->f.rate[0] = 1000.0 - i;
		p->f.headroom = 4096 * (1 + i);
		p->f.faults_known = true;
		p->f.minor = i;
		snprintf(self->f->group[i].name, METRICS_GROUP_LEN, "g%u", i);
	}
	self->f->t = (struct metrics_table){ .proc = self->f->proc,
					     .nr_procs = NR,
					     .group = self->f->group,
					     .nr_groups = NR / 2,
					     .top = TOP };
	self->f->t.self.version = "1";
	self->f->t.self.rung = "fentry";
}

FIXTURE_TEARDOWN(metrics)
{
	free(self->text);
	free(self->f);
}

static int put(struct fixture *f, enum metrics_format format, char **text)
{
	struct sink s;
	int err;

	if (sink_open(&s, -1))
		return -1;
	err = metrics_put(&s, &f->t, format);
	free(*text);
	*text = err ? NULL : strndup(s.buf, s.len);
	sink_close(&s);
	return err;
}

/* Lines that begin with it. */
static unsigned int count(const char *text, const char *begin)
{
	unsigned int n = 0;

	for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		n += !strncmp(at, begin, strlen(begin));
	return n;
}

/* The value behind a line's beginning; NAN: there is no such line, or several */
static double value(const char *text, const char *begin)
{
	const char *at = text;

	if (count(text, begin) != 1)
		return NAN;
	while (strncmp(at, begin, strlen(begin)) != 0)
		at = strchr(at, '\n') + 1;
	return strtod(at + strlen(begin), NULL);
}

TEST_F(metrics, only_the_top_have_series)
{
	double all = 0;
	char line[200];

	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	EXPECT_EQ(TOP + 1, count(self->text, "memtrace_process_rss_bytes{"));
	EXPECT_EQ(TOP, count(self->text, "memtrace_process_info{"));
	EXPECT_EQ(TOP + 1, count(self->text, "memtrace_group_rss_bytes{"));
	/* the largest and the fastest take turns */
	for (unsigned int i = 0; i < NR; i++) {
		bool shown = i < TOP / 2 || i >= NR - TOP / 2;

		EXPECT_EQ(shown, self->f->proc[i].shown);
		snprintf(line, sizeof(line),
			 "memtrace_process_rss_bytes{pid=\"%u\",comm=\"p%u\",group=\"g%u\"} ",
			 1000 + i, i, i / 2);
		EXPECT_EQ(shown, count(self->text, line));
		if (shown)
			EXPECT_EQ((double)(i << 20), value(self->text, line));
		all += (double)(i << 20);
		if (shown)
			all -= value(self->text, line);
	}
	/* and nothing is left out */
	EXPECT_EQ(all, value(self->text,
			     "memtrace_process_rss_bytes{pid=\"\",comm=\"other\",group=\"\"} "));
	EXPECT_EQ(
		(double)(4096 * (1 + TOP / 2)),
		value(self->text,
		      "memtrace_process_stack_headroom_bytes{pid=\"\",comm=\"other\",group=\"\"} "));
	EXPECT_EQ(0, count(self->text, "memtrace_process_faults_total{pid=\"\""));
	EXPECT_EQ(NR, value(self->text, "memtrace_processes "));
}

TEST_F(metrics, as_many_series_whatever_the_number)
{
	unsigned int lines;

	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	lines = count(self->text, "");
	self->f->t.nr_procs = NR / 2;
	self->f->t.nr_groups = NR / 4;
	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	EXPECT_EQ(lines, count(self->text, ""));
}

/* Nearly the same size: who has series keeps them. */
TEST_F(metrics, who_has_series_keeps_them)
{
	self->f->t.top = 1;
	ASSERT_EQ(0, put(self->f, METRICS_PROMETHEUS, &self->text));
	EXPECT_TRUE(self->f->proc[NR - 1].shown);
	self->f->proc[0].f.rss = (int64_t)(NR + 4) << 20;
	ASSERT_EQ(0, put(self->f, METRICS_PROMETHEUS, &self->text));
	EXPECT_TRUE(self->f->proc[NR - 1].shown);
	EXPECT_FALSE(self->f->proc[0].shown);
	self->f->proc[0].f.rss = (int64_t)(2 * NR) << 20;
	ASSERT_EQ(0, put(self->f, METRICS_PROMETHEUS, &self->text));
	EXPECT_FALSE(self->f->proc[NR - 1].shown);
	EXPECT_TRUE(self->f->proc[0].shown);
}

TEST_F(metrics, groups_add_up)
{
	self->f->group[0].minor = 77;
	self->f->t.top = NR;
	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	EXPECT_EQ(NR / 2, count(self->text, "memtrace_group_rss_bytes{"));
	EXPECT_EQ(0, count(self->text, "memtrace_group_rss_bytes{group=\"\"}"));
	EXPECT_EQ(2, value(self->text, "memtrace_group_processes{group=\"g3\"} "));
	EXPECT_EQ((double)(13 << 20), value(self->text, "memtrace_group_rss_bytes{group=\"g3\"} "));
	EXPECT_EQ((double)(13 << 20),
		  value(self->text, "memtrace_group_resident_bytes{group=\"g3\",kind=\"heap\"} "));
	EXPECT_EQ(1987.0,
		  value(self->text,
			"memtrace_group_growth_bytes_per_second{group=\"g3\",span=\"1m\"} "));
	EXPECT_EQ(77,
		  value(self->text, "memtrace_group_faults_total{group=\"g0\",type=\"minor\"} "));
}

/* Time is left to the limit that is full first; of a group, at the rate of all of it. */
TEST_F(metrics, time_to_limit)
{
	struct mtr_limits l = { .nr = 4 };

	l.lim[0] = (struct mtr_limit){ MTR_LIM_CGROUP, 9000000, 1000000, "" };
	l.lim[1] = (struct mtr_limit){ MTR_LIM_CGROUP, 3000000, 1000000, "" };
	l.lim[2] = (struct mtr_limit){ MTR_LIM_HOST, 8000000, 2000000, "" };
	l.lim[3] = (struct mtr_limit){ MTR_LIM_AS, 500, 400, "" };
	self->f->t.nr_procs = 5;
	self->f->t.nr_groups = 3;
	metrics_limits(&self->f->proc[0].f, &l);
	metrics_limits(&self->f->proc[1].f, &l);
	metrics_limits(&self->f->proc[2].f, &l);
	l.lim[1].used_bytes = 4000000;
	metrics_limits(&self->f->proc[4].f, &l);
	self->f->proc[2].f.rate[0] = -3;
	self->f->proc[3].f.known[0] = false;
	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
#define LEFT(who) value(self->text, "memtrace_process_time_to_limit_seconds{" who ",span=\"1m\"} ")
	EXPECT_EQ(2000.0, LEFT("pid=\"1000\",comm=\"p0\",group=\"g0\""));
	EXPECT_TRUE(isinf(LEFT("pid=\"1002\",comm=\"p2\",group=\"g1\"")));
	EXPECT_EQ(0, count(self->text, "memtrace_process_time_to_limit_seconds{pid=\"1003\""));
	EXPECT_EQ(0.0, LEFT("pid=\"1004\",comm=\"p4\",group=\"g2\""));
	EXPECT_EQ(3000000,
		  value(self->text, "memtrace_process_limit_bytes{pid=\"1000\",comm=\"p0\",group="
				    "\"g0\",limit=\"cgroup\"} "));
	EXPECT_EQ(400, value(self->text,
			     "memtrace_process_limit_used_bytes{pid=\"1000\",comm=\"p0\",group="
			     "\"g0\",limit=\"address_space\"} "));
	EXPECT_LT(fabs(2000000.0 / 1999 - value(self->text,
						"memtrace_group_time_to_limit_seconds{group=\"g0\","
						"span=\"1m\"} ")),
		  1e-3);
}

/* Every line is a comment or a sample, whatever a process or a cgroup is called. */
static bool well_formed(const char *line, size_t len)
{
	const char *end = line + len, *c = line;

	if (len > 2 && line[0] == '#' && line[1] == ' ')
		return true;
	while (c < end && ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_'))
		c++;
	if (c < end && *c == '{') {
		do {
			c++;
			while (c < end && ((*c >= 'a' && *c <= 'z') || *c == '_'))
				c++;
			if (end - c < 2 || c[0] != '=' || c[1] != '"')
				return false;
			for (c += 2; c < end && *c != '"'; c++)
				if (*c == '\\' && (++c == end || !strchr("\\\"n", *c)))
					return false;
			c++;
		} while (c < end && *c == ',');
		if (c >= end || *c++ != '}')
			return false;
	}
	return end - c >= 2 && *c == ' ' &&
	       strspn(c + 1, "+-.0123456789eInf") == (size_t)(end - c - 1);
}

TEST_F(metrics, hostile_names)
{
	static const char *const bad[] = { "\"} 1\nx 2", "back\\slash", "\\\"", "\xff\xfe",
					   "\033]0;x\a", "}{,=",	"" };
	unsigned int nr = sizeof(bad) / sizeof(*bad);
	char *at;

	self->f->t.top = NR;
	for (unsigned int i = 0; i < nr; i++) {
		self->f->proc[i].comm = bad[i];
		self->f->proc[i].cgroup = bad[nr - 1 - i];
		metrics_group_name(self->f->group[i].name, bad[i], "/");
	}
	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	at = self->text;
	for (char *end; *at; at = end + 1) {
		end = strchr(at, '\n');
		ASSERT_NE(NULL, end);
		EXPECT_TRUE(well_formed(at, (size_t)(end - at)))
		{
			TH_LOG("%.*s", (int)(end - at), at);
		}
		for (char *c = at; c < end; c++)
			EXPECT_TRUE((unsigned char)*c >= ' ' && *c != 0x7f);
	}
	EXPECT_EQ(1, count(self->text,
			   "memtrace_process_rss_bytes{pid=\"1001\",comm=\"back\\\\slash\","
			   "group=\"\\\"} 1"));
	/* the longest there can be: all of it is escaped, and none is cut within a label */
	for (unsigned int i = 0; i < METRICS_GROUP_LEN - 1; i++)
		self->f->group[0].name[i] = '\\';
	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	at = strstr(self->text, "memtrace_process_rss_bytes{pid=\"1000\"");
	ASSERT_NE(NULL, at);
	EXPECT_TRUE(well_formed(at, strcspn(at, "\n")));
	EXPECT_EQ(2 * (METRICS_GROUP_LEN - 1), strspn(strstr(at, "group=\"") + 7, "\\"));
}

TEST_F(metrics, group_names)
{
	char name[METRICS_GROUP_LEN];

	EXPECT_STREQ("a.service", metrics_group_name(name, "a.service", "/system.slice/a.service"));
	EXPECT_STREQ("/x", metrics_group_name(name, "", "/x"));
	/* never empty: that is the label of all others */
	EXPECT_STREQ("/", metrics_group_name(name, "", ""));
}

TEST_F(metrics, empty_table)
{
	self->f->t.nr_procs = self->f->t.nr_groups = 0;
	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	EXPECT_EQ(0, count(self->text, "memtrace_process_"));
	EXPECT_EQ(0, value(self->text, "memtrace_processes "));
	EXPECT_STREQ("# EOF\n", self->text + strlen(self->text) - 6);
	self->f->t.top = 0;
	self->f->t.nr_procs = NR;
	self->f->t.nr_groups = NR / 2;
	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	EXPECT_EQ(1, count(self->text, "memtrace_process_rss_bytes{"));
}

TEST_F(metrics, the_two_formats)
{
	ASSERT_EQ(0, put(self->f, METRICS_PROMETHEUS, &self->text));
	EXPECT_EQ(NULL, strstr(self->text, "# EOF"));
	EXPECT_EQ(NULL, strstr(self->text, "# UNIT"));
	EXPECT_EQ(1, count(self->text, "# TYPE memtrace_faults_total counter\n"));
	EXPECT_EQ(1, count(self->text, "# TYPE memtrace_build_info gauge\n"));
	ASSERT_EQ(0, put(self->f, METRICS_OPENMETRICS, &self->text));
	EXPECT_EQ(1, count(self->text, "# TYPE memtrace_faults counter\n"));
	EXPECT_EQ(1, count(self->text, "# TYPE memtrace_build info\n"));
	EXPECT_EQ(1, count(self->text, "# UNIT memtrace_bpf_seconds seconds\n"));
	EXPECT_EQ(1, count(self->text, "memtrace_build_info{version=\"1\",rung=\"fentry\"} 1\n"));
}

TEST(accept)
{
	static const struct {
		const char *header;
		enum metrics_format want;
	} c[] = {
		{ NULL, METRICS_PROMETHEUS },
		{ "", METRICS_PROMETHEUS },
		{ "*/*", METRICS_PROMETHEUS },
		{ "application/openmetrics-text", METRICS_OPENMETRICS },
		/* what Prometheus 2.42 sends */
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
		  "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  METRICS_OPENMETRICS },
		{ "text/plain;version=0.0.4;q=1,*/*;q=0.1", METRICS_PROMETHEUS },
		{ "application/openmetrics-text;q=0", METRICS_PROMETHEUS },
		{ "application/openmetrics-text; q=0.2, text/plain; q=0.9", METRICS_PROMETHEUS },
		{ "text/plain;q=0.2 , APPLICATION/OpenMetrics-Text ; version=1.0.0 ; q=0.3",
		  METRICS_OPENMETRICS },
		{ "application/openmetrics-text;q=", METRICS_PROMETHEUS },
		{ ",,;;,q=1,;q=1;application/openmetrics-text", METRICS_PROMETHEUS },
		{ "application/openmetrics-textual", METRICS_PROMETHEUS },
	};

	for (unsigned int i = 0; i < sizeof(c) / sizeof(*c); i++) {
		EXPECT_EQ(c[i].want, metrics_accept(c[i].header))
		{
			TH_LOG("%s", c[i].header);
		}
	}
}

/* | `name` | type | unit | … */
static bool documented(const char *doc, const struct metrics_family *f)
{
	char line[200];

	snprintf(line, sizeof(line), "| `%s` | %s | %s |", f->name, f->type,
		 *f->unit ? f->unit : "–");
	return count(doc, line) == 1;
}

TEST(the_list_in_docs)
{
	static char doc[64 << 10];
	struct metrics_family f;
	unsigned int i = 0;
	FILE *file = fopen("docs/METRICS.md", "r");

	if (!file)
		file = fopen("../docs/METRICS.md", "r");
	ASSERT_NE(NULL, file);
	ASSERT_LT(0, fread(doc, 1, sizeof(doc) - 1, file));
	fclose(file);
	for (; metrics_family(i, &f); i++) {
		EXPECT_TRUE(documented(doc, &f))
		{
			TH_LOG("docs/METRICS.md lacks %s, %s, '%s'", f.name, f.type, f.unit);
		}
	}
	/* and no other */
	EXPECT_EQ(i, count(doc, "| `memtrace_"));
}

TEST_HARNESS_MAIN
