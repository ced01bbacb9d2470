/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a client and the daemon say to each other, byte by byte: docs/PROTOCOL.md. The client asks
 * in small frames; the daemon answers in chunks of a trace, among which are those of its answers.
 *
 *	client ──[request]──► daemon
 *	       ◄──[header of a trace][facts] [answer][keyframe][events][events]…
 *
 * Pure: bytes in, a struct out, and back. All numbers are little endian.
 */
#ifndef TRACE_PROTO_H
#define TRACE_PROTO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROTO_VERSION 1
#define PROTO_MAGIC "MTRQ"
#define PROTO_MAGIC_SZ 4

/* Header of a request: places of its fields */
enum {
	PQ_MAGIC = 0,
	PQ_VERSION = 4, /* u16 */
	PQ_VERB = 6, /* u16 */
	PQ_LEN = 8, /* u32: of the body behind it */
	PROTO_HEADER_SZ = 12
};

#define PROTO_MAX_PIDS 1024u
#define PROTO_NAME_SZ 128u /* of a mark's name, with an end that is not sent */
#define PROTO_MAX_BODY (8 + 4 * PROTO_MAX_PIDS)
#define PROTO_MAX_REQUEST (PROTO_HEADER_SZ + PROTO_MAX_BODY)

enum proto_verb {
	PROTO_HELLO = 1, /* no body: are you there, may I ask? */
	PROTO_PS = 2, /* u32 flags (0): the table of processes */
	PROTO_SUBSCRIBE = 3, /* u32 flags, u32 how many, u32 pid… */
	PROTO_MARK = 4 /* u32 pid, name: the rest of the body */
};

/* Of PROTO_SUBSCRIBE; others are refused */
#define PROTO_F_STACKS 0x1u /* call stacks */
#define PROTO_F_FOLLOW 0x2u /* children, too: those there are and those to come */
#define PROTO_F_ALL 0x3u

struct proto_request {
	uint16_t verb; /* enum proto_verb */
	uint32_t flags;
	uint32_t nr_pids;
	uint32_t pid[PROTO_MAX_PIDS]; /* PROTO_MARK: the first */
	char name[PROTO_NAME_SZ]; /* PROTO_MARK: with its end; raw bytes without NUL */
};

/**
 * proto_request_get() - the request at @buf
 *
 * Returns how many bytes it took; 0: there must come more; −EPROTONOSUPPORT: of a newer client;
 * −EBADMSG: it is none, or longer than any. Not told apart: what is wrong with it.
 */
ssize_t proto_request_get(const uint8_t *buf, size_t len, struct proto_request *rq);

/* proto_request_put() - at @out are PROTO_MAX_REQUEST bytes; returns how many were written */
size_t proto_request_put(const struct proto_request *rq, uint8_t *out);

/* How a request ended. Numbers are the wire's. */
enum proto_status {
	PROTO_OK = 0,
	PROTO_MALFORMED = 1, /* closes */
	PROTO_VERSION_UNKNOWN = 2, /* closes */
	PROTO_NOT_TRACED = 3, /* pid is not traced */
	PROTO_DENIED = 4, /* pid is another user's */
	PROTO_BUSY = 5, /* too many at a time; closes when there are too many clients */
	PROTO_FAILED = 6,
	PROTO_TIMEOUT = 7, /* nothing was asked for too long; closes */
	PROTO_ENDING = 8 /* the daemon ends; closes */
};

#define PROTO_TEXT_MAX 255u

struct proto_answer {
	uint16_t verb; /* that it answers; 0: to none */
	uint16_t status; /* enum proto_status */
	uint32_t pid; /* that it is about; 0: none */
	char text[PROTO_TEXT_MAX + 1]; /* for people */
};

/* proto_answer_put() - as a chunk, with its header; at @out are PROTO_MAX_ANSWER bytes. Returns its length. */
#define PROTO_MAX_ANSWER (64 + 8 + PROTO_TEXT_MAX)
size_t proto_answer_put(const struct proto_answer *a, uint8_t *out);

/* proto_answer_get() - from the bytes behind the chunk's header; 0 or −EBADMSG */
int proto_answer_get(const uint8_t *data, size_t len, struct proto_answer *a);

#endif
