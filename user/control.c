// SPDX-License-Identifier: GPL-2.0
#include "control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/privilege.h"
#include "util/text.h"

#define FOLDER "/run/memtrace"
#define SUFFIX ".sock"
#define CLIENTS 8
#define PATIENCE_S 5 /* a session that counts pages answers late */

struct control {
	int folder, epfd, listen_fd;
	char name[32]; /* in the folder */
	int client[CLIENTS]; /* −1: free */
};

/* Root's, and nobody else's to write to: what is in it can be trusted. −errno */
static int open_folder(void)
{
	int fd = open(FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && !st.st_uid && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return fd;
	close(fd);
	return -EPERM;
}

/* By way of the folder that was looked at, whatever its name leads to meanwhile. */
static struct sockaddr_un address(int folder, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", folder, name);
	return sa;
}

/* The user on whose behalf root runs us. */
static uid_t caller(void)
{
	uid_t uid;

	privilege_caller(&uid, NULL);
	return uid;
}

static int listen_at(struct control *c)
{
	struct sockaddr_un sa = address(c->folder, c->name);
	mode_t mask;
	int err;

	c->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0)
		return -errno;
	unlinkat(c->folder, c->name, 0); /* of one that had our number and died */
	mask = umask(0177);
	err = bind(c->listen_fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	umask(mask);
	if (!err && caller() != geteuid() &&
	    fchownat(c->folder, c->name, caller(), (gid_t)-1, AT_SYMLINK_NOFOLLOW))
		err = -errno;
	if (!err && listen(c->listen_fd, CLIENTS))
		err = -errno;
	return err;
}

static int watch(const struct control *c, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(c->epfd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

int control_open(struct control **ret_c)
{
	struct control *c = malloc(sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->listen_fd = -1;
	for (unsigned int i = 0; i < CLIENTS; i++)
		c->client[i] = -1;
	snprintf(c->name, sizeof(c->name), "session-%d" SUFFIX, getpid());
	if (!geteuid())
		mkdir(FOLDER, 0755);
	c->folder = open_folder();
	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	err = c->folder < 0 ? c->folder : c->epfd < 0 ? -errno : listen_at(c);
	if (!err)
		err = watch(c, c->listen_fd);
	if (!err)
		*ret_c = c;
	else
		control_close(c);
	return err;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	if (c->listen_fd >= 0) {
		close(c->listen_fd);
		unlinkat(c->folder, c->name, 0);
	}
	for (unsigned int i = 0; i < CLIENTS; i++)
		if (c->client[i] >= 0)
			close(c->client[i]);
	if (c->folder >= 0)
		close(c->folder);
	if (c->epfd >= 0)
		close(c->epfd);
	free(c);
}

int control_fd(const struct control *c)
{
	return c->epfd;
}

/* Root or who runs this, as the kernel says. */
static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	return !peer.uid || peer.uid == geteuid() || peer.uid == caller();
}

static void take_client(struct control *c)
{
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	unsigned int at = 0;

	if (fd < 0)
		return;
	while (at < CLIENTS && c->client[at] >= 0)
		at++;
	if (at == CLIENTS || !may_ask(fd) || watch(c, fd)) {
		close(fd);
		return;
	}
	c->client[at] = fd;
}

/* "mark PID NAME" */
static const char *answer(char *ask, control_mark_fn mark, void *ctx)
{
	char name[CONTROL_NAME_LEN];
	int pid = 0, at = 0;

	if (sscanf(ask, "mark %d %n", &pid, &at) != 1 || !at || !ask[at])
		return "what";
	text_clean(name, sizeof(name), ask + at, 0);
	switch (mark(ctx, pid, name)) {
	case 0:
		return "ok";
	case -ESRCH:
		return "no";
	}
	return "failed";
}

static void serve_client(struct control *c, int fd, control_mark_fn mark, void *ctx)
{
	char ask[CONTROL_NAME_LEN + 32];
	ssize_t n = recv(fd, ask, sizeof(ask) - 1, 0);
	const char *say;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		ask[n] = '\0';
		say = answer(ask, mark, ctx);
		send(fd, say, strlen(say), MSG_NOSIGNAL);
	}
	for (unsigned int i = 0; i < CLIENTS; i++)
		if (c->client[i] == fd)
			c->client[i] = -1;
	close(fd);
}

void control_serve(struct control *c, control_mark_fn mark, void *ctx)
{
	struct epoll_event evs[CLIENTS + 1];
	int n = epoll_wait(c->epfd, evs, CLIENTS + 1, 0);

	for (int i = 0; i < n; i++) {
		if (evs[i].data.fd == c->listen_fd)
			take_client(c);
		else
			serve_client(c, evs[i].data.fd, mark, ctx);
	}
}

/* ---- who asks */

/* A session that ends while it is asked is as good as none. */
static bool is_gone(int err)
{
	return err == ECONNREFUSED || err == ENOENT || err == EPIPE || err == ECONNRESET;
}

/* 1: marked; 0: it does not trace that process, or is gone; −errno */
static int ask_one(int folder, const char *socket_name, const char *ask)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un sa = address(folder, socket_name);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), ret = 0;
	char said[16] = "";
	bool there;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	there = !connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (there && !may_ask(fd))
		ret = -EACCES;
	else if (!there || send(fd, ask, strlen(ask), MSG_NOSIGNAL) < 0 ||
		 recv(fd, said, sizeof(said) - 1, 0) < 0)
		ret = -errno;
	else
		ret = !strcmp(said, "ok");
	close(fd);
	return ret < 0 && is_gone(-ret) ? 0 : ret;
}

static bool is_socket(const char *name)
{
	size_t len = strlen(name);

	return len > strlen(SUFFIX) && len < 64 && !strcmp(name + len - strlen(SUFFIX), SUFFIX);
}

int control_mark(pid_t pid, const char *name)
{
	char ask[CONTROL_NAME_LEN + 32];
	int folder = open_folder(), marked = 0, err = -ESRCH, got;
	struct dirent *e;
	DIR *d;

	if (folder < 0)
		return folder == -ENOENT ? -ESRCH : folder;
	snprintf(ask, sizeof(ask), "mark %d %s", pid, name);
	d = opendir(FOLDER);
	while (d && (e = readdir(d))) {
		if (!is_socket(e->d_name))
			continue;
		got = ask_one(folder, e->d_name, ask);
		if (got > 0)
			marked++;
		else if (got < 0)
			err = got;
	}
	if (d)
		closedir(d);
	close(folder);
	return marked ? marked : err;
}
