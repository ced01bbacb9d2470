// SPDX-License-Identifier: GPL-2.0
/* Parts of the daemon without the daemon: rules, the list for a restart, rates over time, ps as JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/spans.h"
#include "export/ps.h"
#include "kselftest_harness.h"
#include "serve/rules.h"
#include "serve/serve_int.h"
#include "serve/traced.h"
#include "util/clock.h"

#define S NSEC_PER_SEC

/* ---- rules */

static char *names[] = { "redis*", "averylongprogramname" }, *pids[] = { "77" };
static char *users[] = { "www" }, *groups[] = { "nginx.service" };
static uid_t uids[] = { 33 };

static bool matches(const struct conf *c, pid_t pid, const char *comm, uid_t uid, const char *cg)
{
	const struct rules_facts f = { .pid = pid, .comm = comm, .uid = uid, .cgroup = cg };

	return rules_match(c, &f);
}

TEST(rules)
{
	struct conf c = {};
	bool uid, cgroup;

	EXPECT_FALSE(rules_any(&c));
	EXPECT_FALSE(matches(&c, 1, "init", 0, "/"));
	c.names = (struct conf_list){ names, 2 };
	rules_need(&c, &uid, &cgroup);
	EXPECT_FALSE(uid || cgroup);
	EXPECT_TRUE(rules_any(&c));
	EXPECT_TRUE(matches(&c, 1, "redis-server", 0, "/"));
	EXPECT_FALSE(matches(&c, 1, "my-redis", 0, "/"));
	EXPECT_TRUE(matches(&c, 1, "averylongprogra", 0, "/")); /* the kernel cuts it */
	EXPECT_FALSE(matches(&c, 1, "averylongprogr", 0, "/"));
	c.pids = (struct conf_list){ pids, 1 };
	EXPECT_TRUE(matches(&c, 77, "x", 0, "/"));
	EXPECT_FALSE(matches(&c, 7, "x", 0, "/"));
	c.users = (struct conf_list){ users, 1 };
	c.uids = uids;
	EXPECT_TRUE(matches(&c, 1, "x", 33, "/"));
	EXPECT_FALSE(matches(&c, 1, "x", (uid_t)-1, "/"));
	c.cgroups = (struct conf_list){ groups, 1 };
	rules_need(&c, &uid, &cgroup);
	EXPECT_TRUE(uid && cgroup);
	EXPECT_TRUE(matches(&c, 1, "x", 0, "/system.slice/nginx.service"));
	EXPECT_FALSE(matches(&c, 1, "x", 0, "/system.slice/ssh.service"));
	c.all = true;
	EXPECT_TRUE(matches(&c, 1, "x", 0, "/"));
}

TEST(rules_of_ourselves)
{
	struct rules_proc p;
	char comm[64];
	FILE *f = fopen("/proc/self/comm", "re");

	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(comm, sizeof(comm), f));
	fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	ASSERT_EQ(0, rules_read(getpid(), true, true, &p));
	EXPECT_STREQ(comm, p.comm);
	EXPECT_EQ(getuid(), p.uid);
	EXPECT_EQ(getuid() == geteuid() ? getuid() : 0, p.owner);
	EXPECT_FALSE(p.kthread);
	EXPECT_EQ('/', p.cgroup[0]);
	EXPECT_EQ(-ESRCH, rules_read(0x7ffffff0, true, true, &p));
}

/* ---- the list for a restart */

FIXTURE(list)
{
	char dir[64], socket[128], file[128];
	struct traced *t;
};

FIXTURE_SETUP(list)
{
	self->t = NULL;
	snprintf(self->dir, sizeof(self->dir), "/tmp/memtrace-traced.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->socket, sizeof(self->socket), "%s/m.sock", self->dir);
	snprintf(self->file, sizeof(self->file), "%s/traced", self->dir);
	ASSERT_EQ(0, traced_open(self->socket, &self->t));
}

FIXTURE_TEARDOWN(list)
{
	char cmd[128];

	traced_close(self->t);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", self->dir);
	EXPECT_EQ(0, system(cmd));
}

static const struct traced_proc three[] = { { 12, 3456 }, { 34, 1 }, { 4194304, UINT64_MAX / 2 } };

static unsigned int nr_same(const struct traced_proc *a, const struct traced_proc *b,
			    unsigned int nr)
{
	unsigned int n = 0;

	while (n < nr && a[n].pid == b[n].pid && a[n].start_ticks == b[n].start_ticks)
		n++;
	return n;
}

static void put_list(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

TEST_F(list, what_was_saved_is_loaded)
{
	struct traced_proc *got;
	uint64_t alive = 0;

	EXPECT_EQ(0, traced_load(self->t, &got, &alive));
	free(got);
	ASSERT_EQ(0, traced_save(self->t, three, 3, 5 * S));
	ASSERT_EQ(0, traced_save(self->t, three, 3, 6 * S)); /* in place */
	ASSERT_EQ(3, traced_load(self->t, &got, &alive));
	EXPECT_EQ(6 * S, alive);
	EXPECT_EQ(3, nr_same(got, three, 3));
	free(got);
	ASSERT_EQ(0, traced_save(self->t, three, 1, 7 * S));
	ASSERT_EQ(1, traced_load(self->t, &got, &alive));
	EXPECT_EQ(7 * S, alive);
	free(got);
	ASSERT_EQ(0, traced_save(self->t, NULL, 0, 8 * S));
	EXPECT_EQ(0, traced_load(self->t, &got, &alive));
	free(got);
}

TEST_F(list, of_many)
{
	struct traced_proc *many = calloc(1000, sizeof(*many)), *got;
	uint64_t alive;

	ASSERT_NE(NULL, many);
	for (int i = 0; i < 1000; i++)
		many[i] = (struct traced_proc){ i + 1, (uint64_t)i * 7 };
	ASSERT_EQ(0, traced_save(self->t, many, 1000, S));
	ASSERT_EQ(1000, traced_load(self->t, &got, &alive));
	EXPECT_EQ(1000, nr_same(got, many, 1000));
	free(got);
	free(many);
}

TEST_F(list, damaged_or_of_another_boot)
{
	static const char *const bad[] = {
		"",
		"memtrace-traced 2 x\nalive 1\n1 2\n",
		"memtrace-traced 1 11111111-2222-3333-4444-555555555555\nalive 1\n1 2\n",
		"memtrace-traced 1\n",
		"\xff\xfe",
	};
	struct traced_proc *got;
	uint64_t alive;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_list(self->file, bad[i]);
		EXPECT_EQ(0, traced_load(self->t, &got, &alive));
		free(got);
	}
}

TEST_F(list, one_daemon_only)
{
	struct traced *other = NULL;

	EXPECT_EQ(-EBUSY, traced_open(self->socket, &other));
	traced_close(self->t);
	self->t = NULL;
	ASSERT_EQ(0, traced_open(self->socket, &self->t));
}

TEST_F(list, not_where_others_may_write)
{
	struct traced *other = NULL;

	traced_close(self->t);
	self->t = NULL;
	ASSERT_EQ(0, chmod(self->dir, 0777));
	EXPECT_EQ(-EPERM, traced_open(self->socket, &other));
}

/* ---- rates */

static struct spans spans;

static void walk(uint64_t from_s, uint64_t to_s, int64_t bytes, int64_t per_s)
{
	for (uint64_t s = from_s; s <= to_s; s++)
		spans_add(&spans, s * S, bytes + (int64_t)(s - from_s) * per_s);
}

TEST(rates)
{
	double r;

	memset(&spans, 0, sizeof(spans));
	EXPECT_FALSE(spans_rate(&spans, 0, &r));
	walk(1000, 1029, 0, 1000);
	EXPECT_FALSE(spans_rate(&spans, 0, &r)); /* not half a minute */
	walk(1030, 1060, 30000, 1000);
	ASSERT_TRUE(spans_rate(&spans, 0, &r));
	EXPECT_EQ(1000, r);
	EXPECT_FALSE(spans_rate(&spans, 1, &r));
	walk(1061, 5000, 60000, 0);
	ASSERT_TRUE(spans_rate(&spans, 0, &r));
	EXPECT_EQ(0, r);
	ASSERT_TRUE(spans_rate(&spans, 1, &r));
	EXPECT_EQ(0, r);
	walk(5001, 5300, 61000, 1000);
	ASSERT_TRUE(spans_rate(&spans, 0, &r));
	EXPECT_EQ(1000, r);
	ASSERT_TRUE(spans_rate(&spans, 1, &r));
	EXPECT_EQ(true, r > 490 && r < 510); /* half of the ten minutes */
	ASSERT_TRUE(spans_rate(&spans, 2, &r));
	EXPECT_EQ(true, r > 80 && r < 86); /* 300 s of an hour */
}

TEST(verdicts)
{
	struct verdict v;

	memset(&spans, 0, sizeof(spans));
	walk(1000, 1005, 100 << 20, 0);
	spans_verdict(&spans, -1, &v);
	EXPECT_EQ(VERDICT_INSUFFICIENT, v.kind);
	walk(1006, 1060, 100 << 20, 0);
	spans_verdict(&spans, -1, &v);
	EXPECT_EQ(VERDICT_FLAT, v.kind);
	memset(&spans, 0, sizeof(spans));
	walk(1000, 2500, 100 << 20, 1 << 20);
	spans_verdict(&spans, 1 << 30, &v);
	EXPECT_EQ(VERDICT_LEAK_LIKE, v.kind);
	EXPECT_EQ(true, v.full_s > 1000 && v.full_s < 1050); /* 1G at 1M/s */
}

/* ---- ps as JSON */

TEST(ps_and_back)
{
	struct ps_table t, got;
	struct ps_row *r;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	ps_init(&t);
	t.pid = 7;
	t.nr_beyond = 3;
	t.lost = 5;
	t.now_ns = 99;
	r = ps_add(&t);
	ASSERT_NE(NULL, r);
	*r = (struct ps_row){ .pid = 4123,
			      .uid = UINT32_MAX,
			      .comm = "a\"b\\\n\xff\x1b",
			      .exe = strdup("/x y"),
			      .group = "docker:0123",
			      .rss = 1ll << 40,
			      .known = { true, false, true },
			      .rate = { -1.5, 7, 1e12 },
			      .verdict = "leak_like",
			      .full_s = -1,
			      .headroom = -1,
			      .faults_per_s = 12.5,
			      .gap_from_ns = 1,
			      .gap_to_ns = 2 };
	r->by_class[HC_HEAP] = 1234;
	r = ps_add(&t);
	ASSERT_NE(NULL, r);
	r->pid = 1;
	r->uid = 0;
	r->headroom = 4096;
	r->headroom_tid = 9;
	f = open_memstream(&text, &len);
	ASSERT_NE(NULL, f);
	EXPECT_EQ(0, ps_json(f, &t));
	fclose(f);
	EXPECT_EQ(text + len - 1, strchr(text, '\n')); /* one line */
	ASSERT_EQ(0, ps_parse(text, len, &got));
	ASSERT_EQ(2, got.nr);
	EXPECT_EQ(7, got.pid);
	EXPECT_EQ(3, got.nr_beyond);
	EXPECT_EQ(5, got.lost);
	EXPECT_EQ(4123, got.row[0].pid);
	EXPECT_EQ(UINT32_MAX, got.row[0].uid);
	EXPECT_STREQ("a\"b\\\n\xef\xbf\xbd\x1b", got.row[0].comm);
	EXPECT_STREQ("/x y", got.row[0].exe);
	EXPECT_EQ(NULL, got.row[0].cgroup);
	EXPECT_EQ(1ll << 40, got.row[0].rss);
	EXPECT_EQ(1234, got.row[0].by_class[HC_HEAP]);
	EXPECT_TRUE(got.row[0].known[0] && !got.row[0].known[1] && got.row[0].known[2]);
	EXPECT_EQ(-1.5, got.row[0].rate[0]);
	EXPECT_EQ(-1, got.row[0].headroom);
	EXPECT_EQ(2, got.row[0].gap_to_ns);
	EXPECT_EQ(0, got.row[1].uid);
	EXPECT_EQ(4096, got.row[1].headroom);
	EXPECT_EQ(9, got.row[1].headroom_tid);
	/* any part of it, and any byte changed: refused, or taken without harm */
	for (size_t n = 0; n < len; n++) {
		struct ps_table part;
		char was = text[n];

		if (!ps_parse(text, n, &part))
			ps_fini(&part);
		text[n] = '9';
		if (!ps_parse(text, len, &part))
			ps_fini(&part);
		text[n] = was;
	}
	ps_fini(&got);
	ps_fini(&t);
	free(text);
}

TEST(ps_order)
{
	struct ps_row a = { .pid = 1, .rss = 5, .headroom = -1, .comm = "b" };
	struct ps_row b = { .pid = 2, .rss = 3, .headroom = 7, .comm = "A" };

	EXPECT_EQ(-1, ps_cmp(&a, &b, PS_RSS));
	EXPECT_EQ(-1, ps_cmp(&a, &b, PS_PID));
	EXPECT_LT(0, ps_cmp(&a, &b, PS_NAME));
	EXPECT_EQ(1, ps_cmp(&a, &b, PS_HEADROOM)); /* not known goes last */
	b.known[0] = true;
	b.rate[0] = -1;
	EXPECT_EQ(1, ps_cmp(&a, &b, PS_RATE));
	b.faults_per_s = 1;
	EXPECT_EQ(1, ps_cmp(&a, &b, PS_FAULTS));
	b.rss = 5;
	EXPECT_EQ(-1, ps_cmp(&a, &b, PS_RSS)); /* by pid then */
	EXPECT_EQ(0, ps_cmp(&a, &a, PS_RSS));
}

/* ---- descriptors of parts */

static int calls;

static void count(void *ctx, int fd, uint32_t events)
{
	char c;

	(void)events;
	calls += *(int *)ctx;
	if (read(fd, &c, 1) != 1)
		calls += 1000;
}

TEST(loop)
{
	struct loop *l = loop_new();
	int p[2], one = 1, ten = 10;

	ASSERT_NE(NULL, l);
	ASSERT_EQ(0, pipe(p));
	calls = 0;
	ASSERT_EQ(0, loop_watch(l, p[0], EPOLLIN, count, &one));
	loop_run(l);
	EXPECT_EQ(0, calls);
	ASSERT_EQ(1, write(p[1], "x", 1));
	loop_run(l);
	EXPECT_EQ(1, calls);
	ASSERT_EQ(0, loop_watch(l, p[0], EPOLLIN, count, &ten)); /* again: with another function */
	ASSERT_EQ(1, write(p[1], "x", 1));
	loop_run(l);
	EXPECT_EQ(11, calls);
	ASSERT_EQ(0, loop_watch(l, p[0], 0, count, &ten)); /* not now */
	ASSERT_EQ(1, write(p[1], "x", 1));
	loop_run(l);
	EXPECT_EQ(11, calls);
	loop_unwatch(l, p[0]);
	loop_unwatch(l, p[0]);
	ASSERT_EQ(0, loop_watch(l, p[0], EPOLLIN, count, &one));
	loop_run(l);
	EXPECT_EQ(12, calls);
	EXPECT_EQ(-EBADF, loop_watch(l, 999, EPOLLIN, count, &one));
	loop_free(l);
	close(p[0]);
	close(p[1]);
}

TEST_HARNESS_MAIN
