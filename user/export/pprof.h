/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A profile.proto under construction: strings, functions, locations and mappings get
 * their numbers when they are first asked for. When memory is short everything goes
 * on as if, and pprof_put() says so.
 */
#ifndef EXPORT_PPROF_H
#define EXPORT_PPROF_H

#include "export/grown.h"
#include "pprof.pb-c.h"

struct pprof_number;

struct pprof {
	Pp__Profile *p; /* freed with all that is below it */
	struct syms *syms; /* of the process whose addresses are asked for now */
	unsigned int process; /* its number: another one's addresses are others */
	struct pprof_number *strings, *functions, *locations, *mappings;
	bool failed; /* memory was short */
};

int pprof_init(struct pprof *pp); /* 0 or −ENOMEM */
void pprof_fini(struct pprof *pp);

int64_t pprof_string(struct pprof *pp, const char *raw);
void pprof_type(struct pprof *pp, const char *type, const char *unit);
void pprof_comment(struct pprof *pp, const char *text); /* one only */
/* pprof_mapping() - that @pc is in; 0: none */
uint64_t pprof_mapping(struct pprof *pp, uint64_t pc);
/* pprof_location() - of @nr frames at one address, all but the last of them inlined */
uint64_t pprof_location(struct pprof *pp, const struct growth_frame *f, unsigned int nr);
/* pprof_sample() - @nr values, room for so many locations; NULL: memory is short */
Pp__Sample *pprof_sample(struct pprof *pp, unsigned int nr_locations, const int64_t *value,
			 unsigned int nr);
void pprof_label(struct pprof *pp, Pp__Sample *s, const char *key, const char *value);
void pprof_number_label(struct pprof *pp, Pp__Sample *s, const char *key, int64_t value);

/* pprof_put() - gzipped; 0, −EIO or −ENOMEM */
int pprof_put(FILE *f, const struct pprof *pp);

#endif
