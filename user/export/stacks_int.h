/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of stacks. */
#ifndef EXPORT_STACKS_INT_H
#define EXPORT_STACKS_INT_H

#include "export/stacks.h"

#define STACKS_NAME 512

/* stacks_offset() - the frame's pc as an address in its file: the name is that of the call before it */
static inline uint64_t stacks_offset(const struct stack_frame *f)
{
	return f->name->offset + !f->at.exact;
}

/* stacks_function() - name of a function, or "module+0x…", as raw bytes. Returns @buf or what it names. */
const char *stacks_function(char buf[STACKS_NAME], const struct stack_frame *f, unsigned int i);
/* stacks_where() - "file.c:12" without its directory, "module+0x…", or "" */
const char *stacks_where(char buf[STACKS_NAME], const struct stack_frame *f, unsigned int i);

/* stacks_same() - the same frames one for one */
bool stacks_same(const struct stack_thread *a, const struct stack_thread *b);

#endif
