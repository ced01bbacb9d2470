/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows of .eh_frame and .debug_frame, decoded once per address and kept:
 * finding and running a CFA program costs microseconds, looking a row up tens
 * of nanoseconds. Inside sym/ only.
 */
#ifndef SYM_CFI_H
#define SYM_CFI_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>
#include "event/stackcopy.h"
#include "util/hash.h"

enum cfi_how {
	CFI_SAME, /* the caller's value is this frame's */
	CFI_UNDEF, /* lost */
	CFI_AT_CFA, /* in memory at CFA + off */
	CFI_CFA, /* is CFA + off */
	CFI_REG, /* is in register off */
	CFI_EXPR, /* expr_run() on frame's operations */
};

struct cfi_rule {
	uint8_t how; /* enum cfi_how */
	int32_t off;
};

struct cfi_row {
	uint64_t addr; /* key */
	bool known; /* false: no CFI covers it */
	bool signal; /* the frame that a signal handler returns to */
	bool cfa_expr; /* the CFA is an expression, of frame */
	uint8_t ra; /* register that holds the return address */
	uint8_t cfa_reg;
	int32_t cfa_off;
	struct cfi_rule reg[MTR_NR_REGS];
	Dwarf_Frame *frame; /* kept for expressions only */
	UT_hash_handle hh;
};

struct cfi_cache {
	Dwarf_CFI *eh, *debug; /* owned by libdwfl; NULL: none */
	Dwarf_Addr eh_bias, debug_bias;
	bool tried_eh, tried_debug;
	struct cfi_row *rows; /* uthash by addr */
	unsigned int nr;
};

/* About 6 MiB of rows: then the cache is emptied, between two stacks. */
#define CFI_MAX_ROWS 20000

void cfi_fini(struct cfi_cache *c);

#endif
