// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include "serve/serve.h"

extern const struct serve_part serve_blackbox;

const struct serve_part *const serve_parts[] = {
	&serve_blackbox,
	NULL,
};
