// SPDX-License-Identifier: GPL-2.0
/* memtrace.conf: what is taken, what is refused with which line, and files that are meant to harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "serve/conf.h"
#include "util/clock.h"

FIXTURE(conf)
{
	char dir[64], file[96], dropin[128];
	struct conf *c;
	struct conf_error e;
};

FIXTURE_SETUP(conf)
{
	snprintf(self->dir, sizeof(self->dir), "/tmp/memtrace-conf.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->file, sizeof(self->file), "%s/m.conf", self->dir);
	snprintf(self->dropin, sizeof(self->dropin), "%s/conf.d", self->dir);
	self->c = NULL;
}

FIXTURE_TEARDOWN(conf)
{
	char cmd[128];

	conf_free(self->c);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", self->dir);
	EXPECT_EQ(0, system(cmd));
}

static void put_file(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fwrite(text, 1, len, f);
		fclose(f);
	}
}

/* 0: it was taken; else the line it was refused at (−1: the file as a whole) */
static int load(FIXTURE_DATA(conf) * self, const char *text)
{
	put_file(self->file, text, strlen(text));
	conf_free(self->c);
	self->c = conf_load(self->file, &self->e);
	return self->c ? 0 : self->e.line ? (int)self->e.line : -1;
}

TEST_F(conf, defaults)
{
	ASSERT_EQ(0, load(self, ""));
	EXPECT_TRUE(self->c->follow);
	EXPECT_FALSE(self->c->all);
	EXPECT_EQ(1000, self->c->max_procs);
	EXPECT_EQ(NSEC_PER_SEC, self->c->interval_ns);
	EXPECT_STREQ("/run/memtrace/memtrace.sock", self->c->socket);
	EXPECT_STREQ("memtrace", self->c->group);
	EXPECT_EQ(NULL, self->c->http);
	EXPECT_TRUE(self->c->blackbox);
	EXPECT_EQ(1ull << 30, self->c->keep_bytes);
	EXPECT_EQ(25, self->c->step_percent);
	EXPECT_EQ(7 * 86400 * NSEC_PER_SEC, self->c->keep_ns);
}

TEST_F(conf, values)
{
	ASSERT_EQ(0, load(self,
			  "[trace]\r\n  all = yes  \r\npid=12\npid = 13\nname = redis *\n"
			  "user=root\nuser=33\ncgroup=a.service\nfollow=no\nmax-processes=7\n"
			  "interval = 500ms\nmax-overhead = 2.5\n"
			  "[socket]\npath=/x/y\ngroup=adm\nmax-clients=3\nclient-queue=1M\n"
			  "[http]\nlisten=[::1]:9464\ntoken-file=/t\ntop=5\n"
			  "[blackbox]\nenabled=off\nfolder=/v\nkeep-size=2G\nkeep-time=2h\n"
			  "past=1min\nmemory=8M\nstep=50%\nstep-time=30s\nheadroom=5\npause=1h"));
	EXPECT_TRUE(self->c->all);
	ASSERT_EQ(2, self->c->pids.nr);
	EXPECT_STREQ("13", self->c->pids.item[1]);
	EXPECT_STREQ("redis *", self->c->names.item[0]);
	ASSERT_EQ(2, self->c->users.nr);
	EXPECT_EQ(0, self->c->uids[0]);
	EXPECT_EQ(33, self->c->uids[1]);
	EXPECT_FALSE(self->c->follow);
	EXPECT_EQ(7, self->c->max_procs);
	EXPECT_EQ(NSEC_PER_SEC / 2, self->c->interval_ns);
	EXPECT_EQ(2.5, self->c->max_overhead);
	EXPECT_STREQ("/x/y", self->c->socket);
	EXPECT_EQ(3, self->c->max_clients);
	EXPECT_EQ(1 << 20, self->c->client_queue);
	EXPECT_STREQ("[::1]:9464", self->c->http);
	EXPECT_STREQ("/t", self->c->http_token_file);
	EXPECT_EQ(5, self->c->top);
	EXPECT_FALSE(self->c->blackbox);
	EXPECT_EQ(2ull << 30, self->c->keep_bytes);
	EXPECT_EQ(7200 * NSEC_PER_SEC, self->c->keep_ns);
	EXPECT_EQ(60 * NSEC_PER_SEC, self->c->minutes_ns);
	EXPECT_EQ(8 << 20, self->c->memory);
	EXPECT_EQ(50, self->c->step_percent);
	EXPECT_EQ(5, self->c->headroom_percent);
	EXPECT_EQ(3600 * NSEC_PER_SEC, self->c->pause_ns);
}

TEST_F(conf, later_ones_count)
{
	ASSERT_EQ(0,
		  load(self, "[trace]\nname=a\nmax-processes=1\nname=\nname=b\nmax-processes=2\n"));
	ASSERT_EQ(1, self->c->names.nr);
	EXPECT_STREQ("b", self->c->names.item[0]);
	EXPECT_EQ(2, self->c->max_procs);
}

TEST_F(conf, refused_with_its_line)
{
	static const struct {
		const char *text, *why;
		int line;
	} bad[] = {
		{ "name = a\n", "before any section", 1 },
		{ "[trace]\nnames = a\n", "did you mean 'name'?", 2 },
		{ "\n\n[trac]\n", "did you mean [trace]?", 3 },
		{ "[trace\n", "[trace]", 1 },
		{ "[trace]\nall\n", "neither a section", 2 },
		{ "[trace]\n= yes\n", "neither a section", 2 },
		{ "[trace]\nall = maybe\n", "yes or no", 2 },
		{ "[trace]\npid = 0\n", "process id", 2 },
		{ "[trace]\npid = -1\n", "process id", 2 },
		{ "[trace]\npid = 99999999999999999999\n", "process id", 2 },
		{ "[trace]\npid = 12x\n", "process id", 2 },
		{ "[trace]\nuser = no-such-user-here\n", "no user", 2 },
		{ "[trace]\nuser = 4294967295\n", "no user", 2 },
		{ "[trace]\nmax-processes = 0\n", "from 1 to", 2 },
		{ "[trace]\nmax-processes = 1e3\n", "from 1 to", 2 },
		{ "[trace]\ninterval = 5m\n", "10min", 2 },
		{ "[trace]\ninterval = 1ms\n", "from 0.1s", 2 },
		{ "[trace]\nmax-overhead = 0\n", "percentage", 2 },
		{ "[trace]\nmax-overhead = nan\n", "percentage", 2 },
		{ "[trace]\nmax-overhead = 101\n", "percentage", 2 },
		{ "[socket]\npath = run/x\n", "absolute", 2 },
		{ "[socket]\npath =\n", "must not be empty", -1 },
		{ "[socket]\nclient-queue = 1\n", "size", 2 },
		{ "[trace]\nlisten = x\n", "no key", 2 },
		{ "[http]\ntop = 99999999\n", "from 0 to", 2 },
		{ "[blackbox]\nfolder =\n", "enabled = no", -1 },
		{ "[blackbox]\nstep = -1\n", "percentage", 2 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(bad[i].line, load(self, bad[i].text))
		{
			TH_LOG("%s: %s", bad[i].text, self->e.text);
		}
		EXPECT_NE(NULL, strstr(self->e.text, bad[i].why))
		{
			TH_LOG("%s: %s", bad[i].text, self->e.text);
		}
		EXPECT_STREQ(self->file, self->e.file);
	}
}

TEST_F(conf, names_are_made_fit_to_print)
{
	ASSERT_EQ(2, load(self, "[trace]\n\x1b[31mred\x07 = 1\n"));
	EXPECT_EQ(NULL, strchr(self->e.text, '\x1b'));
	EXPECT_EQ(NULL, strchr(self->e.text, '\x07'));
}

TEST_F(conf, nul_bytes_and_long_lines)
{
	char *big = malloc((1 << 20) + 64);

	ASSERT_NE(NULL, big);
	put_file(self->file, "[trace]\nname = a\0b\n", 19);
	EXPECT_EQ(NULL, conf_load(self->file, &self->e));
	EXPECT_EQ(2, self->e.line);
	memset(big, 'x', 1 << 20);
	put_file(self->file, big, 5000);
	EXPECT_EQ(NULL, conf_load(self->file, &self->e));
	EXPECT_EQ(1, self->e.line);
	memset(big, '\n', (1 << 20) + 1);
	put_file(self->file, big, (1 << 20) + 1);
	EXPECT_EQ(NULL, conf_load(self->file, &self->e));
	EXPECT_EQ(0, self->e.line);
	free(big);
}

TEST_F(conf, too_many_of_a_list)
{
	char *text = malloc(1 << 16), *at;

	ASSERT_NE(NULL, text);
	at = text + sprintf(text, "[trace]\n");
	for (int i = 0; i < 1025; i++)
		at += sprintf(at, "name = n%d\n", i);
	EXPECT_EQ(1026, load(self, text));
	free(text);
}

/* Bytes that mean nothing, many of them: it is told, and nothing is read that is not there. */
TEST_F(conf, random_bytes)
{
	static const char *const bits[] = { "[trace]", "\n",	 "=",	"name", " ", "[",
					    "]",       "\xff",	 "pid", "#",	"%", "1",
					    "\r",      "[http]", "top", "user" };
	unsigned int seed = 12345;
	char text[512];

	for (int i = 0; i < 3000; i++) {
		size_t n = 0;

		while (n < 400 && rand_r(&seed) % 40) {
			const char *b = bits[(unsigned int)rand_r(&seed) % 16];

			n += (size_t)sprintf(text + n, "%s", b);
		}
		text[n] = '\0';
		if (load(self, text))
			EXPECT_NE('\0', self->e.text[0]);
	}
}

TEST_F(conf, dropins_in_the_order_of_their_names)
{
	char path[192];

	ASSERT_EQ(0, mkdir(self->dropin, 0700));
	snprintf(path, sizeof(path), "%s/20.conf", self->dropin);
	put_file(path, "[http]\ntop=20\n", 14);
	snprintf(path, sizeof(path), "%s/10.conf", self->dropin);
	put_file(path, "[http]\ntop=10\n[trace]\nname=b\n", 29);
	snprintf(path, sizeof(path), "%s/30.conf~", self->dropin);
	put_file(path, "[http]\ntop=30\n", 14);
	ASSERT_EQ(0, load(self, "[trace]\nname=a\n[http]\ntop=1\n"));
	EXPECT_EQ(20, self->c->top);
	ASSERT_EQ(2, self->c->names.nr);
	EXPECT_STREQ("b", self->c->names.item[1]);
	snprintf(path, sizeof(path), "%s/25.conf", self->dropin);
	put_file(path, "\nall = yes\n", 11);
	EXPECT_EQ(2, load(self, ""));
	EXPECT_STREQ(path, self->e.file);
}

TEST_F(conf, what_is_no_file)
{
	EXPECT_EQ(NULL, conf_load(self->dir, &self->e));
	EXPECT_NE(NULL, strstr(self->e.text, "regular"));
	EXPECT_EQ(NULL, conf_load("/nonexistent/x.conf", &self->e));
	EXPECT_NE(NULL, strstr(self->e.text, "No such file"));
	ASSERT_EQ(0, mkfifo(self->file, 0600)); /* nobody writes to it: not waited for */
	EXPECT_EQ(NULL, conf_load(self->file, &self->e));
}

TEST_HARNESS_MAIN
