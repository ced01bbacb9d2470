// SPDX-License-Identifier: GPL-2.0
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "util/log.h"

/* Whom the command runs as: NULL for nobody else than memtrace does. */
static struct passwd *run_as(const char *user, bool *ret_unknown)
{
	const char *name = user ? user : getenv("SUDO_USER");
	struct passwd *pw = NULL;

	*ret_unknown = false;
	if (!name || (!user && geteuid() != 0))
		return NULL;
	pw = getpwnam(name);
	*ret_unknown = !pw;
	return pw && pw->pw_uid == geteuid() ? NULL : pw;
}

static int become(const struct passwd *pw)
{
	if (!pw)
		return 0;
	if (initgroups(pw->pw_name, pw->pw_gid) || setgid(pw->pw_gid) || setuid(pw->pw_uid))
		return -errno;
	setenv("HOME", pw->pw_dir, 1);
	setenv("USER", pw->pw_name, 1);
	setenv("LOGNAME", pw->pw_name, 1);
	return 0;
}

/* Descriptors that lead elsewhere than to the terminal pass through a pty untouched. */
static void keep_redirected(int kept[3])
{
	for (int fd = 0; fd < 3; fd++)
		kept[fd] = isatty(fd) ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void use_redirected(const int kept[3], bool child)
{
	for (int fd = 0; fd < 3; fd++) {
		if (kept[fd] < 0)
			continue;
		if (child)
			dup2(kept[fd], fd);
		close(kept[fd]);
	}
}

/* In the child. Does not return. */
static void wait_and_exec(char **cmd, const struct passwd *pw, int go, int err_fd)
{
	sigset_t none;
	char byte;
	int err = become(pw);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* memtrace died before it was ready: so does the command that nobody would see */
	if (!err && read(go, &byte, 1) != 1)
		_exit(EX_CMD_FAILED);
	if (!err) {
		execvp(cmd[0], cmd);
		err = -errno;
	}
	err = -err;
	if (write(err_fd, &err, sizeof(err)) < 0)
		_exit(EX_CMD_FAILED);
	_exit(err == ENOENT ? 127 : 126);
}

int child_start(struct child *c, char **cmd, const char *user, bool pty, int rows, int cols)
{
	struct winsize ws = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };
	int go[2], errs[2], kept[3] = { -1, -1, -1 };
	struct passwd *pw;
	bool unknown;

	*c = (struct child){ .go_fd = -1, .err_fd = -1, .pty = -1 };
	pw = run_as(user, &unknown);
	if (unknown)
		return log_error(EX_CMD_FAILED, "name a user that exists: -u USER",
				 "there is no user %s", user ? user : getenv("SUDO_USER"));
	if (pipe2(go, O_CLOEXEC) || pipe2(errs, O_CLOEXEC))
		return log_error(EX_CMD_FAILED, NULL, "cannot start %s: %s", cmd[0],
				 strerror(errno));
	fflush(NULL);
	if (pty)
		keep_redirected(kept);
	c->pid = pty ? forkpty(&c->pty, NULL, NULL, &ws) : fork();
	if (c->pid < 0) {
		c->pid = 0;
		return log_error(EX_CMD_FAILED, NULL, "cannot start %s: %s", cmd[0],
				 strerror(errno));
	}
	use_redirected(kept, !c->pid);
	if (!c->pid) {
		close(go[1]);
		close(errs[0]);
		wait_and_exec(cmd, pw, go[0], errs[1]);
	}
	close(go[0]);
	close(errs[1]);
	c->go_fd = go[1];
	c->err_fd = errs[0];
	return 0;
}

int child_go_on(struct child *c)
{
	ssize_t n = write(c->go_fd, "g", 1);

	close(c->go_fd);
	c->go_fd = -1;
	return n == 1 ? 0 : log_error(EX_CMD_FAILED, NULL, "the command has ended too early");
}

int child_ran(struct child *c, const char *name)
{
	int err = 0;
	/* closed by a successful exec */
	ssize_t n = read(c->err_fd, &err, sizeof(err));

	close(c->err_fd);
	c->err_fd = -1;
	if (n != (ssize_t)sizeof(err))
		return 0;
	return log_error(err == ENOENT ? 127 : 126,
			 err == ENOENT ? "check the spelling, or give a path" : NULL,
			 "cannot run %s: %s", name, strerror(err));
}

int child_go(struct child *c, const char *name)
{
	int ret = child_go_on(c);

	return ret ? ret : child_ran(c, name);
}

void child_resize(struct child *c, int rows, int cols)
{
	struct winsize ws = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };

	if (c->pty >= 0)
		ioctl(c->pty, TIOCSWINSZ, &ws);
}

int child_end(struct child *c, int signo)
{
	int status = 0, left_ms = 2000;
	pid_t got;

	if (!c->pid)
		return 0;
	if (c->go_fd >= 0)
		close(c->go_fd);
	if (c->err_fd >= 0)
		close(c->err_fd);
	if (signo)
		kill(c->pid, signo);
	while (!(got = waitpid(c->pid, &status, signo ? WNOHANG : 0)) ||
	       (got < 0 && errno == EINTR)) {
		poll(NULL, 0, 20);
		left_ms -= 20;
		if (left_ms <= 0)
			kill(c->pid, SIGKILL);
	}
	if (c->pty >= 0)
		close(c->pty);
	c->pid = 0;
	c->pty = -1;
	if (got < 0)
		return EX_CMD_FAILED;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
