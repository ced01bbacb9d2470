// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include "serve/serve.h"

const struct serve_part *const serve_parts[] = {
	NULL,
};
