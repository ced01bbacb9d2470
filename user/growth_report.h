/* SPDX-License-Identifier: GPL-2.0 */
/* From a ledger of numbers to a report with names. */
#ifndef GROWTH_REPORT_H
#define GROWTH_REPORT_H

#include "export/grown.h"
#include "growth.h"

/**
 * growth_report() - fill in rows, identity and verdicts; what the caller knows better stays as it is
 * @r: model, limits, cgroup, arenas, to_ns, to_real_ns and rung are set; growth_report_fini() frees what this allocates
 *
 * Returns 0 or −ENOMEM.
 */
int growth_report(struct growth *g, struct growth_proc *gp, struct growth_report *r);
void growth_report_fini(struct growth_report *r);

#endif
