// SPDX-License-Identifier: GPL-2.0
/* Cgroup, rlimit and meminfo texts as kernels print them; then this machine's own. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

#include "source/limits.h"
#include "source/limits_parse.h"

TEST(mount_v1_memory)
{
	struct limits_mount m;

	ASSERT_TRUE(limits_parse_mount(
		"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n",
		&m));
	EXPECT_FALSE(m.v2);
	EXPECT_STREQ("/", m.root);
	EXPECT_STREQ("/sys/fs/cgroup/memory", m.dir);
	/* No optional fields, two controllers, a container's root, a blank in the path */
	ASSERT_TRUE(limits_parse_mount(
		"9 8 0:3 /docker/ab /mnt/a\\040b ro - cgroup none rw,cpu,memory\n", &m));
	EXPECT_STREQ("/docker/ab", m.root);
	EXPECT_STREQ("/mnt/a b", m.dir);
}

TEST(mount_v2)
{
	struct limits_mount m;

	ASSERT_TRUE(limits_parse_mount(
		"41 31 0:38 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", &m));
	EXPECT_TRUE(m.v2);
	EXPECT_STREQ("/../..", m.root);
}

TEST(mount_others)
{
	struct limits_mount m;

	EXPECT_FALSE(limits_parse_mount("32 31 0:29 / /c/cpu rw - cgroup cgroup rw,cpu\n", &m));
	EXPECT_FALSE(
		limits_parse_mount("40 31 0:37 / /c/s rw - cgroup memory rw,name=systemd\n", &m));
	EXPECT_FALSE(limits_parse_mount("1 2 0:9 / /m rw - tmpfs tmpfs rw,memory\n", &m));
	EXPECT_FALSE(limits_parse_mount("1 2 0:9 / /m rw - cgroup cgroup rw,memory_x\n", &m));
	EXPECT_FALSE(limits_parse_mount("garbage\n", &m));
	EXPECT_FALSE(limits_parse_mount("", &m));
	EXPECT_FALSE(limits_parse_mount(" - cgroup2 ", &m));
}

TEST(cgroup_line)
{
	char path[PATH_MAX];
	bool v2;

	ASSERT_TRUE(limits_parse_cgroup("4:memory:/process_api/19\n", &v2, path));
	EXPECT_FALSE(v2);
	EXPECT_STREQ("/process_api/19", path);
	ASSERT_TRUE(limits_parse_cgroup("12:cpu,memory:/a:b\n", &v2, path));
	EXPECT_STREQ("/a:b", path);
	ASSERT_TRUE(limits_parse_cgroup("0::/redis.slice/r.service (deleted)\n", &v2, path));
	EXPECT_TRUE(v2);
	EXPECT_STREQ("/redis.slice/r.service", path);
	ASSERT_TRUE(limits_parse_cgroup("0::/\n", &v2, path));
	EXPECT_STREQ("/", path);
	EXPECT_FALSE(limits_parse_cgroup("9:name=systemd:/\n", &v2, path));
	EXPECT_FALSE(limits_parse_cgroup("3:cpuset:/memory\n", &v2, path));
	EXPECT_FALSE(limits_parse_cgroup("", &v2, path));
	EXPECT_FALSE(limits_parse_cgroup("0:", &v2, path));
}

TEST(below_in_one_namespace)
{
	EXPECT_STREQ("/a/b", limits_below("/", "/a/b"));
	EXPECT_STREQ("", limits_below("/", "/"));
	EXPECT_STREQ("", limits_below("/docker/x", "/docker/x"));
	EXPECT_STREQ("/y", limits_below("/docker/x", "/docker/x/y"));
	EXPECT_EQ(NULL, limits_below("/docker/x", "/docker/xy"));
	EXPECT_EQ(NULL, limits_below("/docker/x", "/docker"));
	EXPECT_EQ(NULL, limits_below("/docker/x", "/"));
}

TEST(below_across_namespaces)
{
	EXPECT_STREQ("", limits_below("/../..", "/../.."));
	EXPECT_STREQ("/c", limits_below("/../..", "/../../c"));
	EXPECT_STREQ("/d", limits_below("/../c", "/../c/d"));
	EXPECT_EQ(NULL, limits_below("/../c", "/../cd"));
	/* The process sits deeper in our namespace than the mount's root, names between unknown */
	EXPECT_STREQ("", limits_below("/..", "/a"));
	EXPECT_STREQ("", limits_below("/../..", "/../a"));
	EXPECT_EQ(NULL, limits_below("/../c", "/a"));
	/* It sits outside of what is mounted */
	EXPECT_EQ(NULL, limits_below("/", "/../a"));
	EXPECT_EQ(NULL, limits_below("/..", "/../../a"));
	/* "..a" is a name */
	EXPECT_STREQ("/..a", limits_below("/", "/..a"));
}

TEST(bytes)
{
	uint64_t v = 1;

	EXPECT_EQ(0, limits_parse_bytes("max\n", &v));
	EXPECT_EQ(LIMITS_NONE, v);
	EXPECT_EQ(0, limits_parse_bytes("2147483648\n", &v));
	EXPECT_EQ(2147483648u, v);
	EXPECT_EQ(0, limits_parse_bytes("9223372036854771712\n", &v)); /* v1, 4 KiB pages */
	EXPECT_EQ(LIMITS_NONE, v);
	EXPECT_EQ(0, limits_parse_bytes("9223372036854710272\n", &v)); /* v1, 64 KiB pages */
	EXPECT_EQ(LIMITS_NONE, v);
	EXPECT_EQ(0, limits_parse_bytes("0\n", &v));
	EXPECT_EQ(0u, v);
	EXPECT_EQ(-EINVAL, limits_parse_bytes("", &v));
	EXPECT_EQ(-EINVAL, limits_parse_bytes("-1\n", &v));
	EXPECT_EQ(-EINVAL, limits_parse_bytes("maximum\n", &v));
	EXPECT_EQ(-EINVAL, limits_parse_bytes("99999999999999999999\n", &v));
}

static const char limits_text[] =
	"Limit                     Soft Limit           Hard Limit           Units     \n"
	"Max cpu time              unlimited            unlimited            seconds   \n"
	"Max data size             1073741824           unlimited            bytes     \n"
	"Max stack size            8388608              unlimited            bytes     \n"
	"Max address space         unlimited            unlimited            bytes     \n";

TEST(rlimit)
{
	uint64_t v = 0;

	EXPECT_EQ(0, limits_parse_rlimit(limits_text, "Max data size", &v));
	EXPECT_EQ(1073741824u, v);
	EXPECT_EQ(0, limits_parse_rlimit(limits_text, "Max stack size", &v));
	EXPECT_EQ(8388608u, v);
	EXPECT_EQ(0, limits_parse_rlimit(limits_text, "Max address space", &v));
	EXPECT_EQ(LIMITS_NONE, v);
	EXPECT_EQ(-ENOENT, limits_parse_rlimit(limits_text, "Max locked memory", &v));
	EXPECT_EQ(-ENOENT, limits_parse_rlimit("", "Max data size", &v));
}

TEST(kb)
{
	const char *text =
		"MemTotal:       24670584 kB\nMemAvailable:   23 kB\nVmData:\t     184 kB\nX: y\n";
	uint64_t v = 0;

	EXPECT_EQ(0, limits_parse_kb(text, "MemTotal", &v));
	EXPECT_EQ(24670584ull * 1024, v);
	EXPECT_EQ(0, limits_parse_kb(text, "VmData", &v));
	EXPECT_EQ(184u * 1024, v);
	EXPECT_EQ(-ENOENT, limits_parse_kb(text, "Mem", &v));
	EXPECT_EQ(-EINVAL, limits_parse_kb(text, "X", &v));
}

static const struct mtr_limit *find(const struct mtr_limits *l, enum mtr_limit_kind kind)
{
	for (unsigned int i = 0; i < l->nr; i++)
		if (l->lim[i].kind == kind)
			return &l->lim[i];
	return NULL;
}

/* A child with limits of its own, so that this process's are not touched. */
TEST(own_rlimits)
{
	struct rlimit as = { 3ull << 30, 3ull << 30 }, data = { 1ull << 30, 1ull << 30 };
	struct rlimit stack = { 4u << 20, 8u << 20 };
	struct mtr_limits l = { 0 };
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		setrlimit(RLIMIT_AS, &as);
		setrlimit(RLIMIT_DATA, &data);
		setrlimit(RLIMIT_STACK, &stack);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	EXPECT_EQ(0, limits_read(pid, &l));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ASSERT_NE(NULL, find(&l, MTR_LIM_AS));
	EXPECT_EQ(3ull << 30, find(&l, MTR_LIM_AS)->limit_bytes);
	EXPECT_GT(find(&l, MTR_LIM_AS)->used_bytes, 1u << 20);
	ASSERT_NE(NULL, find(&l, MTR_LIM_DATA));
	EXPECT_EQ(1ull << 30, find(&l, MTR_LIM_DATA)->limit_bytes);
	EXPECT_GT(find(&l, MTR_LIM_DATA)->used_bytes, 0u);
	EXPECT_LT(find(&l, MTR_LIM_DATA)->used_bytes, find(&l, MTR_LIM_AS)->used_bytes);
	EXPECT_EQ(4u << 20, l.stack_limit_bytes);
	ASSERT_NE(NULL, find(&l, MTR_LIM_HOST));
	EXPECT_GT(find(&l, MTR_LIM_HOST)->limit_bytes, find(&l, MTR_LIM_HOST)->used_bytes);
	EXPECT_GE(l.max_map_count, 1024u);
}

TEST(gone)
{
	struct mtr_limits l = { .nr = 77 };
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(-ESRCH, limits_read(pid, &l));
	EXPECT_EQ(77u, l.nr);
}

TEST_HARNESS_MAIN
