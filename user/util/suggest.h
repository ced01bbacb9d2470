/* SPDX-License-Identifier: GPL-2.0 */
#ifndef UTIL_SUGGEST_H
#define UTIL_SUGGEST_H

/* suggest() - the name nearest to what was typed; NULL when none is near enough to be meant */
const char *suggest(const char *typed, const char *const *names, unsigned int nr);

#endif
