// SPDX-License-Identifier: GPL-2.0
/* Where the daemon's HTTP listens. Addresses are numbers: a name could lead anywhere tomorrow. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/http_int.h"
#include "util/log.h"

#define FORMS "PORT, ADDR:PORT, [ADDR6]:PORT or unix:/PATH, as in --http 127.0.0.1:9464"
#define BACKLOG 64

static const char *parse_unix(const char *path, struct http_addr *ret)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&ret->sa;

	if (*path != '/')
		return "the path of a Unix socket begins with /";
	if (strlen(path) >= sizeof(un->sun_path))
		return "the path is longer than one of a Unix socket may be";
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	ret->len = sizeof(*un);
	return NULL;
}

static bool is_port(const char *s)
{
	char *end;

	return *s >= '0' && *s <= '9' && strtoul(s, &end, 10) <= 65535 && !*end && strlen(s) <= 5;
}

const char *http_addr_parse(const char *text, struct http_addr *ret)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				  .ai_socktype = SOCK_STREAM };
	char host[INET6_ADDRSTRLEN + 32] = "127.0.0.1";
	const char *port = text, *colon = strrchr(text, ':');
	struct addrinfo *ai;
	size_t len;

	memset(ret, 0, sizeof(*ret));
	if (!strncmp(text, "unix:", 5))
		return parse_unix(text + 5, ret);
	if (colon) {
		bool six = *text == '[';
		const char *from = text + six, *to = colon - six;

		if (six && (to < from || *to != ']'))
			return "an address in [ ] is followed by a colon and a port";
		len = (size_t)(to - from);
		if (!six && memchr(from, ':', len))
			return "an IPv6 address stands in [ ]";
		if (!len || len >= sizeof(host))
			return "there is no address before the colon";
		memcpy(host, from, len);
		host[len] = '\0';
		port = colon + 1;
		hints.ai_family = six ? AF_INET6 : AF_INET;
	}
	if (!is_port(port))
		return "the port is no number from 0 to 65535";
	if (!strcmp(host, "localhost"))
		strcpy(host, "127.0.0.1");
	if (getaddrinfo(host, port, &hints, &ai))
		return "the address is no number";
	memcpy(&ret->sa, ai->ai_addr, ai->ai_addrlen);
	ret->len = ai->ai_addrlen;
	freeaddrinfo(ai);
	return NULL;
}

bool http_addr_open(const struct http_addr *a)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;

	switch (a->sa.ss_family) {
	case AF_INET:
		return ntohl(in->sin_addr.s_addr) >> 24 != 127;
	case AF_INET6:
		return !IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	}
	return false;
}

/* A socket's file that nobody listens at any more, of a daemon that was killed. */
static int remove_stale(const struct sockaddr_un *un)
{
	struct stat st;
	int fd, err;

	if (lstat(un->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)un, sizeof(*un)) ? errno : EADDRINUSE;
	close(fd);
	if (err != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(un->sun_path) ? -errno : 0;
}

/* Only root: who connects is asked for, too. */
static int bind_unix(const struct http_addr *a, struct http_listen *l)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->sa;
	int err = remove_stale(un);
	struct stat st;
	mode_t mask;

	if (err)
		return err;
	mask = umask(0177);
	err = bind(l->fd, (const struct sockaddr *)un, a->len) ? -errno : 0;
	umask(mask);
	if (!err && lstat(un->sun_path, &st))
		err = -errno;
	if (!err) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	return err;
}

static int bind_inet(const struct http_addr *a, const struct http_listen *l)
{
	const int on = 1;

	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.ss_family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return bind(l->fd, (const struct sockaddr *)&a->sa, a->len) ? -errno : 0;
}

static int listen_at(const struct http_addr *a, struct http_listen *l)
{
	socklen_t len = sizeof(l->sa);
	int err;

	l->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	err = l->is_unix ? bind_unix(a, l) : bind_inet(a, l);
	if (!err && (listen(l->fd, BACKLOG) || getsockname(l->fd, (struct sockaddr *)&l->sa, &len)))
		err = -errno;
	if (!err)
		return 0;
	close(l->fd);
	l->fd = -1;
	return err;
}

int http_listen(const char *text, struct http_listen *ret)
{
	struct http_addr a;
	const char *why = http_addr_parse(text, &a);
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->fd = -1;
	if (why)
		return log_error(EX_USAGE_ERR, FORMS, "http: '%s': %s", text, why);
	ret->is_unix = a.sa.ss_family == AF_UNIX;
	err = listen_at(&a, ret);
	if (err == -EADDRINUSE)
		return log_error(EX_FAILED, "choose another one, or end who has it",
				 "http: cannot listen at %s: it is in use", text);
	if (err == -EACCES || err == -EPERM)
		return log_error(EX_PRIVILEGE, "run as root, or take a port above 1023",
				 "http: cannot listen at %s: %s", text, strerror(-err));
	if (err)
		return log_error(EX_FAILED, FORMS, "http: cannot listen at %s: %s", text,
				 strerror(-err));
	if (http_addr_open(&a))
		log_warn(
			"http: everybody who reaches %s can read /metrics; profiles need the token",
			text);
	return 0;
}

void http_unlisten(const struct http_listen *l)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&l->sa;
	struct stat st;

	if (l->is_unix && !lstat(un->sun_path, &st) && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(un->sun_path);
}

char *http_listen_text(char *dst, size_t sz, const struct http_listen *l)
{
	char host[INET6_ADDRSTRLEN + 32], port[8];

	if (l->is_unix)
		snprintf(dst, sz, "unix:%s", ((const struct sockaddr_un *)&l->sa)->sun_path);
	else if (getnameinfo((const struct sockaddr *)&l->sa, sizeof(l->sa), host, sizeof(host),
			     port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(dst, sz, "?");
	else
		snprintf(dst, sz, l->sa.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return dst;
}
