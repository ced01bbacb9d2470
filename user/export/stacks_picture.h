/* SPDX-License-Identifier: GPL-2.0 */
/* The frames of a stack and what their variables point to, side by side. */
#ifndef EXPORT_STACKS_PICTURE_H
#define EXPORT_STACKS_PICTURE_H

#include "export/stacks.h"

/**
 * stacks_picture() - the frames of @t, which have variables
 * @width: columns there are; at least 60 are used
 *
 *  STACK                                        HEAP, DATA, CODE
 *  ┌ 0 greet  hello.c:7 ───────────────────────┐ variables 8 B, frame 48 B
 *  │ name: char * (8 B)                        ┼─► #1 heap 55ace3da62a0 "ann": 1 B, chunk 32 B
 *  ├ 1 main  hello.c:12 ───────────────────────┤
 *
 * Returns 0 or −EIO.
 */
int stacks_picture(FILE *f, const struct stacks_report *r, const struct stack_thread *t,
		   const struct report_style *style, unsigned int width);

#endif
