/* SPDX-License-Identifier: GPL-2.0 */
/* What --help prints, one text a verb. */
#ifndef HELP_H
#define HELP_H

extern const char help_live[];
extern const char help_snapshot[];
extern const char help_growth[];
extern const char help_mark[];
extern const char help_stacks[];
extern const char help_doctor[];
extern const char help_record[];
extern const char help_replay[];
extern const char help_info[];
extern const char help_export[];
extern const char help_report[];
extern const char help_diff[];
extern const char help_serve[];
extern const char help_ps[];

#endif
