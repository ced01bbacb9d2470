/* SPDX-License-Identifier: GPL-2.0 */
/* What a recording, or a stream, says of the session that it was made by. */
#ifndef SESSION_FACTS_H
#define SESSION_FACTS_H

#include "session.h"
#include "trace/facts.h"

/**
 * session_facts() - where, when, with what: docs/TRACE_FORMAT.md lists them
 * @cmd_pid: of the command that is recorded from its start; 0: none
 */
void session_facts(struct trace_facts *f, struct session *s, const struct opts *o, pid_t cmd_pid);

#endif
