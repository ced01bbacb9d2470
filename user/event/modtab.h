/* SPDX-License-Identifier: GPL-2.0 */
/* The programs and libraries of a stream, by device and inode: what MTR_EV_MODULE told of each. */
#ifndef EVENT_MODTAB_H
#define EVENT_MODTAB_H

#include "event/event.h"

struct modtab;

struct modtab *modtab_new(void); /* NULL with errno set when out of memory */
void modtab_free(struct modtab *t); /* safe on NULL */
/* modtab_event() - an event of the stream as it goes by; 0 or −ENOMEM */
int modtab_event(struct modtab *t, const struct mtr_event *ev);
/* modtab_find() - what was told last; NULL: nothing. Valid until the next event */
const struct mtr_ev_module *modtab_find(const struct modtab *t, uint32_t dev, uint64_t ino);

#endif
