// SPDX-License-Identifier: GPL-2.0
/*
 * The shared maps and variables, in a file of their own: libbpf's linker takes
 * the offset of a map from the object it meets first, which must be this one.
 */
#define MTR_MAPS_HERE
#include "mtr_common.h"
#include "mtr_stack.h"

char LICENSE[] SEC("license") = "GPL";
