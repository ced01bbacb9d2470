// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's socket: who connects, what they ask, and what they get.
 *
 *	/run/memtrace/memtrace.sock ──► client ──request──► answer()
 *	                                  │ SUBSCRIBE ──► feed.c
 *	                                  ▼
 *	                               queue.c ──► as fast as it reads
 *
 * Anybody may connect; what they may see is decided by the kernel's word on who they are. All that
 * a client can make the daemon do is bounded, because the thread that serves it empties the ring,
 * too: requests and keyframes by interval, memory by client, clients and sets by user.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/feed.h"
#include "serve/listen.h"
#include "serve/ps.h"
#include "serve/socket.h"
#include "session_facts.h"
#include "session_int.h"
#include "trace/writer.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define ACCEPTS 32 /* at a time; then the ring has its turn */
#define ASKS_PER_INTERVAL 16u /* of a client; what it asks beyond waits */
#define KEY_BUDGET (20 * NSEC_PER_MSEC) /* of keyframes, an interval */
#define JOIN_BUDGET (20 * NSEC_PER_MSEC) /* of looking at what users subscribe to, an interval */
#define PATIENCE (10 * NSEC_PER_SEC) /* for a first request, and for the rest of one */
#define IDLE_PATIENCE (60 * NSEC_PER_SEC) /* for the next one of who gets no events */
#define STUCK_PATIENCE (120 * NSEC_PER_SEC) /* of who reads nothing at all */
#define MARK_STRINGS 4096u /* new names that users may bring: they stay in memory */

/* The table as a user sees it, made once an interval. */
struct table {
	struct peer peer;
	struct piece *text;
};

struct server {
	struct serve *sv;
	char *path;
	int listen_fd;
	bool full; /* nobody is accepted: no descriptors are left */
	gid_t group;
	struct feeds *feeds;
	struct client *clients;
	unsigned int nr;
	struct piece *hello; /* what everybody gets first */
	struct table *table;
	unsigned int nr_tables;
	uint64_t key_left_ns, join_left_ns; /* of KEY_BUDGET, JOIN_BUDGET */
	unsigned int nr_mark_strings;
};

static void on_client(void *ctx, int fd, uint32_t events);

/* ---- clients come and go */

static void watch(struct server *s, struct client *c)
{
	/* the end of what it says would be told again and again while nobody listens */
	uint32_t events = c->deaf || c->closing ? 0 : EPOLLIN | EPOLLRDHUP;

	if (c->blocked)
		events |= EPOLLOUT;
	if (serve_watch(s->sv, c->fd, events, on_client, c))
		c->dead = true;
}

static void bury(struct server *s, struct client *c)
{
	feeds_leave(s->feeds, c);
	if (c->lost_chunks)
		log_verbose(
			"a client of uid %u lost %llu events in %llu parts, because it was behind",
			c->peer.uid, (unsigned long long)c->lost_events,
			(unsigned long long)c->lost_chunks);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->clients = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->nr--;
	serve_unwatch(s->sv, c->fd);
	client_free(c);
}

/* At the end of each turn: who is gone, and what the others wait for. */
static void settle(struct server *s)
{
	struct client *next;

	for (struct client *c = s->clients; c; c = next) {
		next = c->next;
		if (c->closing && !c->out.nr)
			c->dead = true;
		if (c->dead)
			bury(s, c);
		else if (c->watched_blocked != c->blocked ||
			 c->watched_deaf != (c->deaf || c->closing)) {
			c->watched_blocked = c->blocked;
			c->watched_deaf = c->deaf || c->closing;
			watch(s, c);
		}
	}
}

static void answer(struct client *c, unsigned int verb, unsigned int status, uint32_t pid,
		   const char *text)
{
	struct proto_answer a = { .verb = (uint16_t)verb, .status = (uint16_t)status, .pid = pid };

	snprintf(a.text, sizeof(a.text), "%s", text);
	client_answer(c, &a);
}

/* The last word to this client. */
static void dismiss(struct client *c, unsigned int status, const char *text)
{
	answer(c, 0, status, 0, text);
	c->closing = true;
	c->synced = c->want_key = false;
}

static unsigned int nr_of_user(const struct server *s, const struct peer *p)
{
	unsigned int n = 0;

	for (const struct client *c = s->clients; c; c = c->next)
		n += !c->peer.all && c->peer.uid == p->uid;
	return n;
}

/* One user does not take all places. */
static bool has_room(const struct server *s, const struct peer *p)
{
	unsigned int max = serve_conf(s->sv)->max_clients;

	return s->nr < max && (p->all || nr_of_user(s, p) < (max + 3) / 4);
}

#define SEND_BUFFER (64 << 10) /* the kernel holds that for who does not read, beside the queue */

static void add_client(struct server *s, int fd)
{
	const struct conf *cf = serve_conf(s->sv);
	struct client *c;
	struct peer peer;
	const int sz = SEND_BUFFER;
	bool room;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sz, sizeof(sz)) ||
	    peer_of(fd, s->group, &peer)) {
		close(fd);
		return;
	}
	room = has_room(s, &peer);
	c = client_new(fd, &peer, cf->client_queue, boot_ns());
	if (!c) {
		close(fd);
		return;
	}
	client_send(c, s->hello);
	if (!room)
		dismiss(c, PROTO_BUSY, "too many clients: try again later");
	/* its few bytes went, or will never go */
	if (!room || c->dead || serve_watch(s->sv, fd, EPOLLIN | EPOLLRDHUP, on_client, c)) {
		client_free(c);
		return;
	}
	c->server = s;
	c->next = s->clients;
	if (c->next)
		c->next->prev = c;
	s->clients = c;
	s->nr++;
}

static void on_connect(void *ctx, int fd, uint32_t events)
{
	struct server *s = ctx;

	(void)events;
	for (unsigned int i = 0; i < ACCEPTS; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (peer < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
			/* else the loop would turn and turn; the next interval tries again */
			s->full = true;
			serve_unwatch(s->sv, fd);
		}
		if (peer < 0)
			break;
		add_client(s, peer);
	}
	settle(s);
}

/* ---- requests */

static void drop_tables(struct server *s)
{
	for (unsigned int i = 0; i < s->nr_tables; i++)
		piece_put(s->table[i].text);
	s->nr_tables = 0;
}

static struct piece *make_table(struct server *s, const struct peer *peer)
{
	size_t len = 0;
	char *text = serve_ps_json(s->sv, peer->all, peer->uid, &len);
	struct chunk_info ci = { .type = CHUNK_TABLE,
				 .disk_len = (uint32_t)len,
				 .raw_len = (uint32_t)len };
	struct piece *p = NULL;
	uint8_t *buf;

	buf = text && len <= CHUNK_MAX_RAW ? malloc(CHUNK_HEADER_SZ + len) : NULL;
	if (buf) {
		memcpy(buf + CHUNK_HEADER_SZ, text, len);
		ci.data_crc = trace_crc(text, len);
		chunk_put(buf, &ci);
		p = piece_new(buf, CHUNK_HEADER_SZ + len);
	}
	free(buf);
	free(text);
	return p;
}

/* Borrowed; NULL: no memory */
static struct piece *find_table(struct server *s, const struct peer *peer)
{
	struct table *t;

	for (unsigned int i = 0; i < s->nr_tables; i++) {
		t = &s->table[i];
		if (t->peer.all == peer->all && (peer->all || t->peer.uid == peer->uid))
			return t->text;
	}
	t = reallocarray(s->table, s->nr_tables + 1, sizeof(*t));
	if (!t)
		return NULL;
	s->table = t;
	t += s->nr_tables;
	*t = (struct table){ .peer = *peer, .text = make_table(s, peer) };
	s->nr_tables += t->text != NULL;
	return t->text;
}

static void do_ps(struct server *s, struct client *c)
{
	struct piece *p = find_table(s, &c->peer);

	if (p && client_offer(c, p, c->max_queue + CHUNK_MAX_RAW))
		answer(c, PROTO_PS, PROTO_OK, 0, "");
	else if (p)
		answer(c, PROTO_PS, PROTO_BUSY, 0, "you are behind: read what was sent");
	else
		answer(c, PROTO_PS, PROTO_FAILED, 0, "out of memory");
}

/* Is it traced, and may they know it? Says why not. */
static bool may_ask_for(struct server *s, struct client *c, unsigned int verb, uint32_t pid)
{
	int ret = peer_may_see(&c->peer, (pid_t)pid);
	char text[PROTO_TEXT_MAX + 1];

	if (!ret) {
		snprintf(text, sizeof(text), "PID %u is another user's", pid);
		answer(c, verb, PROTO_DENIED, pid, text);
		return false;
	}
	if (ret > 0 && serve_find(s->sv, (pid_t)pid))
		return true;
	snprintf(text, sizeof(text), "the daemon does not trace PID %u", pid);
	answer(c, verb, PROTO_NOT_TRACED, pid, text);
	return false;
}

static void do_subscribe(struct server *s, struct client *c, const struct proto_request *rq)
{
	uint64_t begun, took;
	int err;

	if (c->feed) {
		answer(c, rq->verb, PROTO_BUSY, 0, "one set of processes a connection");
		return;
	}
	for (uint32_t i = 0; i < rq->nr_pids; i++)
		if (!may_ask_for(s, c, rq->verb, rq->pid[i]))
			return;
	begun = boot_ns();
	err = feeds_join(s->feeds, c, rq);
	took = boot_ns() - begun;
	s->join_left_ns -= took < s->join_left_ns ? took : s->join_left_ns;
	if (err == -EBUSY)
		answer(c, rq->verb, PROTO_BUSY, 0, "too many different sets of processes");
	else if (err)
		answer(c, rq->verb, PROTO_FAILED, 0, "out of memory");
	else
		answer(c, rq->verb, PROTO_OK, 0, "");
	if (!err && s->key_left_ns)
		s->key_left_ns = feeds_keys(s->feeds, s->key_left_ns);
}

static void do_mark(struct server *s, struct client *c, const struct proto_request *rq)
{
	struct session *ses = serve_session(s->sv);
	const struct strtab *st = session_model(ses)->st;
	uint32_t before = strtab_count(st);
	char name[PROTO_NAME_SZ];

	if (!may_ask_for(s, c, rq->verb, rq->pid[0]))
		return;
	if (!c->peer.all && s->nr_mark_strings >= MARK_STRINGS) {
		answer(c, rq->verb, PROTO_BUSY, 0, "too many different names of marks");
		return;
	}
	text_clean(name, sizeof(name), rq->name, 0);
	if (session_mark_proc(ses, (pid_t)rq->pid[0], name)) {
		answer(c, rq->verb, PROTO_FAILED, rq->pid[0], "out of memory");
		return;
	}
	s->nr_mark_strings += !c->peer.all && strtab_count(st) > before;
	answer(c, rq->verb, PROTO_OK, rq->pid[0], "");
}

static void do_request(struct server *s, struct client *c, const struct proto_request *rq)
{
	switch ((enum proto_verb)rq->verb) {
	case PROTO_HELLO:
		answer(c, rq->verb, PROTO_OK, 0, "memtrace " MEMTRACE_VERSION);
		break;
	case PROTO_PS:
		do_ps(s, c);
		break;
	case PROTO_SUBSCRIBE:
		do_subscribe(s, c, rq);
		break;
	case PROTO_MARK:
		do_mark(s, c, rq);
		break;
	}
}

/* As many of what has come as may be in this interval. */
static void take_requests(struct server *s, struct client *c)
{
	struct proto_request rq;
	ssize_t n = 1;

	while (n > 0 && c->in_len && !c->dead && !c->closing) {
		n = proto_request_get(c->in, c->in_len, &rq);
		c->deaf = c->asked >= ASKS_PER_INTERVAL ||
			  (n > 0 && rq.verb == PROTO_SUBSCRIBE && !c->peer.all && !s->join_left_ns);
		if (c->deaf)
			return;
		if (n == -EPROTONOSUPPORT)
			dismiss(c, PROTO_VERSION_UNKNOWN, "this daemon speaks version 1");
		else if (n < 0)
			dismiss(c, PROTO_MALFORMED, "this is no request");
		if (n <= 0)
			return;
		c->asked++;
		c->since_ns = boot_ns();
		c->has_asked = true;
		do_request(s, c, &rq);
		c->in_len -= (size_t)n;
		memmove(c->in, c->in + n, c->in_len);
	}
}

static void read_client(struct server *s, struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->dead = true;
	/* it asks no more: who gets events may still want them, the others get what is queued */
	if (!n && c->feed)
		c->deaf = c->half = true;
	else if (!n)
		c->closing = true;
	if (n <= 0)
		return;
	c->in_len += (size_t)n;
	take_requests(s, c);
}

static void on_client(void *ctx, int fd, uint32_t events)
{
	struct client *c = ctx;
	struct server *s = c->server;

	(void)fd;
	if (events & (EPOLLHUP | EPOLLERR))
		c->dead = true;
	if (events & EPOLLOUT && !c->dead)
		client_write(c);
	if (events & (EPOLLIN | EPOLLRDHUP) && !c->dead && !c->closing && !c->deaf)
		read_client(s, c);
	settle(s);
}

/* ---- intervals */

/* What happened since @now was taken was not long ago. */
static bool long_ago(uint64_t now, uint64_t then, uint64_t patience)
{
	return now > then && now - then > patience;
}

static void check_time(struct client *c, uint64_t now)
{
	if (c->closing) {
		/* who does not even read why */
		c->dead |= long_ago(now, c->since_ns, PATIENCE) &&
			   long_ago(now, c->wrote_ns, PATIENCE);
		return;
	}
	if (c->out.nr) {
		c->dead |= long_ago(now, c->wrote_ns, STUCK_PATIENCE);
		return;
	}
	if (!c->feed &&
	    long_ago(now, c->since_ns, c->has_asked && !c->in_len ? IDLE_PATIENCE : PATIENCE))
		dismiss(c, PROTO_TIMEOUT, "nothing was asked for too long");
}

static void tick(void *ctx)
{
	struct server *s = ctx;
	uint64_t now = boot_ns();

	drop_tables(s);
	feeds_tick(s->feeds);
	s->key_left_ns = feeds_keys(s->feeds, KEY_BUDGET);
	s->join_left_ns = JOIN_BUDGET;
	for (struct client *c = s->clients; c; c = c->next) {
		c->asked = 0;
		if (!c->half)
			c->deaf = false;
		take_requests(s, c);
		check_time(c, now);
		if (!c->out.nr)
			c->wrote_ns = now;
	}
	settle(s);
	if (s->full && !serve_watch(s->sv, s->listen_fd, EPOLLIN, on_connect, s))
		s->full = false;
}

static int event(void *ctx, const struct mtr_event *ev)
{
	struct server *s = ctx;

	feeds_event(s->feeds, ev);
	return 0;
}

/* ---- beginning and end */

/* Header and facts of a trace: whatever follows can be kept as a file. */
static struct piece *make_hello(struct session *s)
{
	struct trace_facts *f = calloc(1, sizeof(*f));
	uint8_t *buf = malloc(TRACE_HEADER_SZ + FACTS_CHUNK_MAX);
	struct piece *p = NULL;
	struct chunk_info ci;
	size_t len;

	if (f && buf) {
		session_facts(f, s, s->o, 0);
		/* who comes has not seen the beginning */
		facts_set(f, "flight_recorder", "1");
		facts_set(f, "daemon", "1");
		trace_put_header(buf);
		len = TRACE_HEADER_SZ + trace_facts_chunk(f, &ci, buf + TRACE_HEADER_SZ);
		p = piece_new(buf, len);
	}
	free(f);
	free(buf);
	return p;
}

static int cannot_listen(const char *path, int err)
{
	if (err == -EADDRINUSE)
		return log_error(EX_FAILED, "end it, or give another socket in the configuration",
				 "another daemon listens at %s", path);
	if (err == -EEXIST)
		return log_error(EX_FAILED,
				 "remove it, or give another socket in the configuration",
				 "cannot listen at %s: something else has that name", path);
	return log_error(EX_FAILED, "give another socket in the configuration",
			 "cannot listen at %s: %s", path, strerror(-err));
}

static void fini(void *ctx)
{
	struct server *s = ctx;

	for (struct client *c = s->clients; c; c = c->next)
		dismiss(c, PROTO_ENDING, "the daemon ends");
	while (s->clients)
		bury(s, s->clients);
	if (s->listen_fd >= 0) {
		if (!s->full)
			serve_unwatch(s->sv, s->listen_fd);
		close(s->listen_fd);
		unlink(s->path);
	}
	drop_tables(s);
	free(s->table);
	feeds_free(s->feeds);
	piece_put(s->hello);
	free(s->path);
	free(s);
}

static int init(struct serve *sv, void **ret_ctx)
{
	const struct conf *cf = serve_conf(sv);
	struct server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return log_error(EX_FAILED, NULL, "out of memory");
	s->sv = sv;
	s->listen_fd = -1;
	s->key_left_ns = KEY_BUDGET;
	s->join_left_ns = JOIN_BUDGET;
	s->group = peer_group(cf->group);
	s->path = strdup(cf->socket);
	s->feeds = feeds_new(sv);
	s->hello = make_hello(serve_session(sv));
	if (!s->path || !s->feeds || !s->hello) {
		fini(s);
		return log_error(EX_FAILED, NULL, "out of memory");
	}
	s->listen_fd = listen_at(s->path);
	err = s->listen_fd < 0 ? s->listen_fd :
				 serve_watch(sv, s->listen_fd, EPOLLIN, on_connect, s);
	if (err) {
		err = cannot_listen(s->path, err);
		fini(s);
		return err;
	}
	*ret_ctx = s;
	return 0;
}

/* The socket itself stays where it is: it is known by that name. */
static void reload(void *ctx, const struct conf *now)
{
	struct server *s = ctx;
	gid_t group = peer_group(now->group);

	if (strcmp(now->socket, s->path))
		log_warn("the socket stays at %s until the daemon is started again", s->path);
	s->group = group;
	for (struct client *c = s->clients; c; c = c->next)
		c->max_queue = now->client_queue;
}

const struct serve_part serve_socket = {
	.name = "socket",
	.init = init,
	.event = event,
	.tick = tick,
	.reload = reload,
	.fini = fini,
};
