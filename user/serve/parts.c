// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include "serve/serve.h"
#include "serve/socket.h"

const struct serve_part *const serve_parts[] = {
	&serve_socket,
	NULL,
};
