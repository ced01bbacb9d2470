/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls about memory: which they are, and what their arguments mean. One table for those who
 * ask the kernel for them, decode them and show them. Numbers are those of x86-64.
 */
#ifndef EVENT_CALL_H
#define EVENT_CALL_H

#include "event/event.h"

#define MTR_CALL_MAX 512u /* numbers are below */

/* Arguments are counted from 1; 0: the call has no such argument. */
struct mtr_call {
	const char *name;
	const char *const *tokens; /* names of the bits of its flags; NULL: it has none */
	uint16_t nr; /* system call number */
	uint8_t nr_args; /* at most */
	uint8_t addr, len, new_len, prot, flags, advice;
	bool gives_address; /* the result is an address */
};

/* mtr_call_find() - NULL: it is no call about memory */
const struct mtr_call *mtr_call_find(unsigned int nr);
/* mtr_call_at() - the calls one by one, from 0 on; NULL: there are no more */
const struct mtr_call *mtr_call_at(unsigned int i);

/* mtr_call_arg() - argument @which, from 1 on; 0 for which 0 */
static inline uint64_t mtr_call_arg(const struct mtr_ev_call *e, unsigned int which)
{
	return which && which <= MTR_CALL_ARGS ? e->arg[which - 1] : 0;
}

/* mtr_call_nr_args() - how many arguments it has: mremap takes a fifth with some flags only */
unsigned int mtr_call_nr_args(const struct mtr_ev_call *e);
/* mtr_call_error() - the error number of a call that failed; 0: it did not */
int mtr_call_error(const struct mtr_ev_call *e);
/* mtr_call_error_name() - "ENOMEM"; "unknown" where the number has no name; NULL: it did not fail */
const char *mtr_call_error_name(const struct mtr_ev_call *e);
/**
 * mtr_call_range() - the range that it is about: as asked for; of mmap, where it went
 *
 * False: nobody said where, or there is no range.
 */
bool mtr_call_range(const struct mtr_ev_call *e, uint64_t *ret_start, uint64_t *ret_end);
/* mtr_call_flags() - bits of its flags, as its tokens name them */
uint32_t mtr_call_flags(const struct mtr_ev_call *e);
/* mtr_call_prot() - MTR_P_* that it asked for; of mmap whether it is shared, too */
uint32_t mtr_call_prot(const struct mtr_ev_call *e);
/* mtr_advice_name() - of madvise: "dontneed"; NULL: not known */
const char *mtr_advice_name(uint64_t advice);

#endif
