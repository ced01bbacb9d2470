// SPDX-License-Identifier: GPL-2.0
/*
 * The token that opens the profiles over TCP. Profiles name functions of everybody's
 * programs, and to make one costs work: neither is for whoever can open a connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/http_int.h"

const char *http_token_read(const char *path, struct http_token *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct http_token t = { 0 };
	const char *why = NULL;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st))
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "it is no file";
	else if (st.st_uid != 0)
		why = "it is not root's";
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		why = "others than root may use it: chmod 600";
	else
		n = read(fd, t.text, sizeof(t.text));
	close(fd);
	if (why)
		return why;
	if (n < 0)
		return strerror(errno);
	if (n > (ssize_t)HTTP_TOKEN_MAX)
		return "the token is longer than 1024 bytes";
	while (n > 0 && (t.text[n - 1] == '\n' || t.text[n - 1] == '\r'))
		n--;
	t.text[n] = '\0';
	t.len = (size_t)n;
	if (t.len < HTTP_TOKEN_MIN)
		return "the token is shorter than 16 bytes";
	for (size_t i = 0; i < t.len; i++)
		if (t.text[i] <= ' ' || t.text[i] > '~')
			return "the token has other than printable ASCII characters in it";
	*ret = t;
	return NULL;
}

bool http_token_is(const struct http_token *t, const char *header)
{
	static const char scheme[] = "Bearer ";
	size_t len;
	volatile unsigned int differs = 0; /* not to be left early */

	if (!t->len || !header || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return false;
	header += sizeof(scheme) - 1;
	header += strspn(header, " ");
	len = strlen(header);
	/* each byte of what was sent is looked at, whatever came before */
	for (size_t i = 0; i < len; i++)
		differs |= (unsigned char)header[i] ^ (unsigned char)t->text[i % t->len];
	return !(differs | (len ^ t->len));
}
