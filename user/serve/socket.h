/* SPDX-License-Identifier: GPL-2.0 */
/* The part of the daemon that other memtraces talk to: docs/PROTOCOL.md */
#ifndef SERVE_SOCKET_H
#define SERVE_SOCKET_H

#include "serve/serve.h"

extern const struct serve_part serve_socket;

#endif
