/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ANALYSIS_LAYOUT_INT_H
#define ANALYSIS_LAYOUT_INT_H

#include "model/proc.h"

/* layout_module() - the file part that a region belongs to: itself, or for bss the one below; NULL */
struct region *layout_module(struct region *r);

#endif
