// SPDX-License-Identifier: GPL-2.0
/* What the daemon's HTTP takes as an address, and whom its token lets in. */
#include "kselftest_harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "serve/http_int.h"

static bool is_inet(const char *text, const char *addr, unsigned int port)
{
	struct http_addr a;
	char got[64];

	if (http_addr_parse(text, &a) || a.sa.ss_family != AF_INET)
		return false;
	inet_ntop(AF_INET, &((struct sockaddr_in *)&a.sa)->sin_addr, got, sizeof(got));
	return !strcmp(got, addr) && ntohs(((struct sockaddr_in *)&a.sa)->sin_port) == port &&
	       a.len == sizeof(struct sockaddr_in);
}

static bool is_inet6(const char *text, const char *addr, unsigned int port)
{
	struct http_addr a;
	char got[64];

	if (http_addr_parse(text, &a) || a.sa.ss_family != AF_INET6)
		return false;
	inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a.sa)->sin6_addr, got, sizeof(got));
	return !strcmp(got, addr) && ntohs(((struct sockaddr_in6 *)&a.sa)->sin6_port) == port;
}

TEST(addresses)
{
	struct http_addr a;

	EXPECT_TRUE(is_inet("9464", "127.0.0.1", 9464));
	EXPECT_TRUE(is_inet("0", "127.0.0.1", 0));
	EXPECT_TRUE(is_inet("localhost:80", "127.0.0.1", 80));
	EXPECT_TRUE(is_inet("0.0.0.0:65535", "0.0.0.0", 65535));
	EXPECT_TRUE(is_inet6("[::1]:9464", "::1", 9464));
	EXPECT_TRUE(is_inet6("[::]:1", "::", 1));
	ASSERT_EQ(NULL, http_addr_parse("unix:/run/x", &a));
	EXPECT_EQ(AF_UNIX, a.sa.ss_family);
	EXPECT_STREQ("/run/x", ((struct sockaddr_un *)&a.sa)->sun_path);
}

TEST(what_is_no_address)
{
	static const char *const bad[] = {
		"",
		":",
		":80",
		"127.0.0.1",
		"127.0.0.1:",
		"1.2.3.4:x",
		"1.2.3.4:65536",
		"1.2.3.4:-1",
		"1.2.3.4:+1",
		"1.2.3.4: 1",
		"1.2.3.4:1 ",
		"::1:80",
		"[::1]",
		"[::1]80",
		"[::1",
		"[]:80",
		"[1.2.3.4]:80",
		"[::1:80",
		"example.com:80",
		"unix:",
		"unix:x",
		"unix:../x",
		"99999",
		"1.2.3:4:5",
		"]:80",
		"[:80",
		"123456",
		"0x50",
		"1.2.3.4:000080",
	};
	struct http_addr a;
	char long_one[400] = "unix:/";

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_NE(NULL, http_addr_parse(bad[i], &a))
		{
			TH_LOG("taken: %s", bad[i]);
		}
	}
	memset(long_one + 6, 'x', sizeof(long_one) - 7);
	EXPECT_NE(NULL, http_addr_parse(long_one, &a));
	memcpy(long_one, "111111", 6);
	memcpy(long_one + 390, ":80", 4);
	EXPECT_NE(NULL, http_addr_parse(long_one, &a));
}

TEST(who_is_warned)
{
	struct http_addr a;

	ASSERT_EQ(NULL, http_addr_parse("127.9.9.9:1", &a));
	EXPECT_FALSE(http_addr_open(&a));
	ASSERT_EQ(NULL, http_addr_parse("[::1]:1", &a));
	EXPECT_FALSE(http_addr_open(&a));
	ASSERT_EQ(NULL, http_addr_parse("unix:/x", &a));
	EXPECT_FALSE(http_addr_open(&a));
	ASSERT_EQ(NULL, http_addr_parse("0.0.0.0:1", &a));
	EXPECT_TRUE(http_addr_open(&a));
	ASSERT_EQ(NULL, http_addr_parse("[::]:1", &a));
	EXPECT_TRUE(http_addr_open(&a));
}

TEST(token)
{
	struct http_token t = { .text = "0123456789abcdef", .len = 16 }, none = { .len = 0 };

	EXPECT_TRUE(http_token_is(&t, "Bearer 0123456789abcdef"));
	EXPECT_TRUE(http_token_is(&t, "bearer  0123456789abcdef"));
	EXPECT_FALSE(http_token_is(&t, NULL));
	EXPECT_FALSE(http_token_is(&t, ""));
	EXPECT_FALSE(http_token_is(&t, "Bearer"));
	EXPECT_FALSE(http_token_is(&t, "Bearer "));
	EXPECT_FALSE(http_token_is(&t, "0123456789abcdef"));
	EXPECT_FALSE(http_token_is(&t, "Basic 0123456789abcdef"));
	EXPECT_FALSE(http_token_is(&t, "Bearer 0123456789abcdeF"));
	EXPECT_FALSE(http_token_is(&t, "Bearer 0123456789abcde"));
	EXPECT_FALSE(http_token_is(&t, "Bearer 0123456789abcdef0"));
	/* what is compared begins again: twice the token is not it */
	EXPECT_FALSE(http_token_is(&t, "Bearer 0123456789abcdef0123456789abcdef"));
	EXPECT_FALSE(http_token_is(&none, "Bearer "));
	EXPECT_FALSE(http_token_is(&none, "Bearer x"));
}

static const char *read_of(const char *path, const char *text, size_t len, mode_t mode,
			   struct http_token *t)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len || fchmod(fd, mode))
		return "cannot be written";
	close(fd);
	return http_token_read(path, t);
}

TEST(token_file)
{
	char folder[] = "/tmp/memtrace-token.XXXXXX", path[64], link[64], big[3000];
	struct http_token t = { .len = 0 };

	ASSERT_NE(NULL, mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/token", folder);
	snprintf(link, sizeof(link), "%s/link", folder);
	memset(big, 'x', sizeof(big));
	if (geteuid()) {
		EXPECT_STREQ("it is not root's", read_of(path, big, 20, 0600, &t));
	} else {
		EXPECT_EQ(NULL, read_of(path, "0123456789abcdef\n", 17, 0600, &t));
		EXPECT_EQ(16, t.len);
		EXPECT_EQ(NULL, read_of(path, big, HTTP_TOKEN_MAX, 0400, &t));
		EXPECT_EQ(HTTP_TOKEN_MAX, t.len);
		/* what is refused leaves the one before it */
		EXPECT_NE(NULL, read_of(path, big, sizeof(big), 0600, &t));
		EXPECT_NE(NULL, read_of(path, "", 0, 0600, &t));
		EXPECT_NE(NULL, read_of(path, "0123456789abcde\n", 16, 0600, &t));
		EXPECT_NE(NULL, read_of(path, "0123456789\nabcdef0123", 21, 0600, &t));
		EXPECT_NE(NULL, read_of(path, "0123456789\0abcdef0123", 21, 0600, &t));
		EXPECT_NE(NULL, read_of(path, big, 20, 0640, &t));
		EXPECT_NE(NULL, read_of(path, big, 20, 0604, &t));
		EXPECT_EQ(HTTP_TOKEN_MAX, t.len);
		EXPECT_EQ(NULL, read_of(path, big, 20, 0600, &t));
		ASSERT_EQ(0, chown(path, 65534, (gid_t)-1));
		EXPECT_STREQ("it is not root's", http_token_read(path, &t));
		ASSERT_EQ(0, chown(path, 0, (gid_t)-1));
		ASSERT_EQ(0, symlink(path, link));
		EXPECT_NE(NULL, http_token_read(link, &t));
	}
	EXPECT_NE(NULL, http_token_read("/nonexistent", &t));
	EXPECT_NE(NULL, http_token_read(folder, &t));
	EXPECT_NE(NULL, http_token_read("/dev/zero", &t));
	unlink(link);
	unlink(path);
	rmdir(folder);
}

TEST_HARNESS_MAIN
