/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SERVE_NOTIFY_H
#define SERVE_NOTIFY_H

/* notify_systemd() - "READY=1", "STOPPING=1", …: to who started us with Type=notify; else nothing */
void notify_systemd(const char *state);

#endif
