/* SPDX-License-Identifier: GPL-2.0 */
/* Between the parts of the probe; nobody else's. */
#ifndef SOURCE_PROBE_PRIV_H
#define SOURCE_PROBE_PRIV_H

#include "source/probe.h"

/* probe_btf_fill() - the named facts, from the running kernel's BTF: 0 or −ENOMEM */
int probe_btf_fill(struct probe *p);
/* probe_live_fill() - the live facts; wants the named ones and tracefs */
void probe_live_fill(struct probe *p);

#endif
