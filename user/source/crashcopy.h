/* SPDX-License-Identifier: GPL-2.0 */
/* Stacks of dying threads, which come page by page (bpf/mtr_crash.h), put together. */
#ifndef SOURCE_CRASHCOPY_H
#define SOURCE_CRASHCOPY_H

#include <stdbool.h>
#include "event/stackcopy.h"

struct crashcopy {
	struct crashcopy *next;
	uint32_t as, tid;
	struct mtr_stack_copy copy;
};

/* crashcopy_is() - is it such a record? */
bool crashcopy_is(const void *data, size_t sz);

/* crashcopy_add() - one that crashcopy_is(); 0, −ENOMEM, −EBADMSG when it is too short */
int crashcopy_add(struct crashcopy **list, const void *data, size_t sz);

/* crashcopy_take() - that of a thread, which is the caller's now; NULL: none */
struct crashcopy *crashcopy_take(struct crashcopy **list, uint32_t as, uint32_t tid);
void crashcopy_free(struct crashcopy *c); /* safe on NULL */
void crashcopy_free_all(struct crashcopy **list);

#endif
