// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include "serve/serve.h"
#include "serve/socket.h"

extern const struct serve_part serve_blackbox;
extern const struct serve_part serve_http;

const struct serve_part *const serve_parts[] = {
	&serve_socket,
	&serve_http,
	&serve_blackbox,
	NULL,
};
