// SPDX-License-Identifier: GPL-2.0
/*
 * Growth for pprof: one sample a path, one location an address with the calls that
 * were inlined there as its lines. What is on no path has a sample of its own, so
 * that resident_bytes adds up to RSS and growth_bytes to its change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/grown.h"
#include "pprof.pb-c.h"
#include "util/clock.h"
#include "util/deflate.h"
#include "util/hash.h"
#include "util/text.h"

/* Something that has a number already. */
struct numbered {
	char *key;
	uint64_t id;
	UT_hash_handle hh;
};

struct pprof {
	Pp__Profile *p; /* freed with all that is below it */
	const struct growth_report *r;
	struct numbered *strings, *functions, *locations, *mappings;
	bool failed; /* memory was short */
};

/* Room for one more behind @nr pointers; freed with the message. */
static void *one_more(struct pprof *pp, void *array, size_t nr)
{
	void *more;

	if (nr & (nr - 1))
		return array;
	more = reallocarray(array, nr ? 2 * nr : 1, sizeof(void *));
	if (more)
		return more;
	pp->failed = true;
	return array;
}

/* A message that is freed with the profile; NULL: memory is short. */
#define NEW_MESSAGE(pp, field, type, init)                                         \
	({                                                                         \
		type *m_ = calloc(1, sizeof(*m_));                                 \
		(pp)->p->field = one_more(pp, (pp)->p->field, (pp)->p->n_##field); \
		if (!m_ || (pp)->failed) {                                         \
			(pp)->failed = true;                                       \
			free(m_);                                                  \
			m_ = NULL;                                                 \
		} else {                                                           \
			init(m_);                                                  \
			(pp)->p->field[(pp)->p->n_##field++] = m_;                 \
		}                                                                  \
		m_;                                                                \
	})

/* The number that @key has in @table, or the one it gets: *ret_new says which. 0: memory is short */
static uint64_t number_of(struct pprof *pp, struct numbered **table, const char *key, uint64_t next,
			  bool *ret_new)
{
	struct numbered *n;

	*ret_new = false;
	HASH_FIND_STR(*table, key, n);
	if (n)
		return n->id;
	n = calloc(1, sizeof(*n));
	if (n)
		n->key = strdup(key);
	if (!n || !n->key) {
		free(n);
		pp->failed = true;
		return 0;
	}
	n->id = next;
	HASH_ADD_KEYPTR(hh, *table, n->key, strlen(n->key), n);
	*ret_new = true;
	return next;
}

static void free_numbers(struct numbered **table)
{
	struct numbered *n, *tmp;

	HASH_ITER(hh, *table, n, tmp) {
		HASH_DEL(*table, n);
		free(n->key);
		free(n);
	}
}

static int64_t string(struct pprof *pp, const char *raw)
{
	char clean[1024], *copy;
	uint64_t id;
	bool is_new;

	text_clean(clean, sizeof(clean), raw ? raw : "", 0);
	id = number_of(pp, &pp->strings, clean, pp->p->n_string_table, &is_new);
	if (!is_new)
		return (int64_t)id;
	copy = strdup(clean);
	pp->p->string_table = one_more(pp, pp->p->string_table, pp->p->n_string_table);
	if (!copy || pp->failed) {
		free(copy);
		pp->failed = true;
		return 0;
	}
	pp->p->string_table[pp->p->n_string_table++] = copy;
	return (int64_t)id;
}

static int64_t build_id(struct pprof *pp, const struct sym_module *m)
{
	char hex[129] = "";

	for (unsigned int i = 0; i < m->build_id_sz && i < 64; i++)
		snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", m->build_id[i]);
	return string(pp, hex);
}

static uint64_t mapping(struct pprof *pp, uint64_t pc)
{
	struct sym_module m;
	char key[32];
	uint64_t id;
	bool is_new;
	Pp__Mapping *pm;

	if (!syms_module(pp->r->syms, pc, &m))
		return 0;
	snprintf(key, sizeof(key), "%llx", (unsigned long long)m.start);
	id = number_of(pp, &pp->mappings, key, pp->p->n_mapping + 1, &is_new);
	if (!is_new)
		return id;
	pm = NEW_MESSAGE(pp, mapping, Pp__Mapping, pp__mapping__init);
	if (!pm)
		return 0;
	pm->id = id;
	pm->memory_start = m.start;
	pm->memory_limit = m.end;
	pm->file_offset = m.pgoff;
	pm->filename = string(pp, m.path);
	pm->build_id = build_id(pp, &m);
	pm->has_functions = pm->has_filenames = pm->has_line_numbers = pm->has_inline_frames = true;
	return id;
}

static uint64_t function(struct pprof *pp, const char *name, const char *file)
{
	int64_t name_id = string(pp, name), file_id = string(pp, file);
	Pp__Function *fn;
	char key[64];
	uint64_t id;
	bool is_new;

	snprintf(key, sizeof(key), "%lld %lld", (long long)name_id, (long long)file_id);
	id = number_of(pp, &pp->functions, key, pp->p->n_function + 1, &is_new);
	if (!is_new)
		return id;
	fn = NEW_MESSAGE(pp, function, Pp__Function, pp__function__init);
	if (!fn)
		return 0;
	fn->id = id;
	fn->name = fn->system_name = name_id;
	fn->filename = file_id;
	return id;
}

static void add_line(struct pprof *pp, Pp__Location *l, const struct growth_frame *f)
{
	Pp__Line *line = calloc(1, sizeof(*line));
	char at[1024 + 32];

	l->line = one_more(pp, l->line, l->n_line);
	if (!line || pp->failed) {
		free(line);
		pp->failed = true;
		return;
	}
	pp__line__init(line);
	snprintf(at, sizeof(at), "%.1000s+0x%llx", f->module ? f->module : "",
		 (unsigned long long)f->offset);
	line->function_id = function(pp, f->function ? f->function : at, f->file);
	line->line = f->line;
	l->line[l->n_line++] = line;
}

/* Of @nr frames at one address, all but the last of them inlined. */
static uint64_t location(struct pprof *pp, const struct growth_frame *f, unsigned int nr)
{
	Pp__Location *l;
	char key[32];
	uint64_t id;
	bool is_new;

	snprintf(key, sizeof(key), "%llx", (unsigned long long)f->pc);
	id = number_of(pp, &pp->locations, key, pp->p->n_location + 1, &is_new);
	if (!is_new)
		return id;
	l = NEW_MESSAGE(pp, location, Pp__Location, pp__location__init);
	if (!l)
		return 0;
	l->id = id;
	l->address = f->pc;
	l->mapping_id = f->pc ? mapping(pp, f->pc) : 0;
	for (unsigned int i = 0; i < nr; i++)
		add_line(pp, l, &f[i]);
	return id;
}

static void label(struct pprof *pp, Pp__Sample *s, const char *key, const char *value)
{
	Pp__Label *l = calloc(1, sizeof(*l));

	s->label = one_more(pp, s->label, s->n_label);
	if (!l || pp->failed) {
		free(l);
		pp->failed = true;
		return;
	}
	pp__label__init(l);
	l->key = string(pp, key);
	l->str = string(pp, value);
	s->label[s->n_label++] = l;
}

static Pp__Sample *sample(struct pprof *pp, unsigned int nr_frames, int64_t resident,
			  int64_t growth, uint64_t faults)
{
	Pp__Sample *s = NEW_MESSAGE(pp, sample, Pp__Sample, pp__sample__init);

	if (!s)
		return NULL;
	s->location_id = calloc(nr_frames + 1, sizeof(*s->location_id));
	s->value = calloc(3, sizeof(*s->value));
	if (!s->location_id || !s->value) {
		pp->failed = true;
		return NULL;
	}
	s->value[0] = resident;
	s->value[1] = growth;
	s->value[2] = (int64_t)faults;
	s->n_value = 3;
	return s;
}

static void add_row(struct pprof *pp, const struct growth_row *row)
{
	Pp__Sample *s = sample(pp, row->nr_frames, row->net, row->net, row->nr_faults);
	unsigned int n;

	for (unsigned int i = 0; s && i < row->nr_frames; i += n) {
		for (n = 1; i + n < row->nr_frames && row->frame[i + n - 1].inlined;)
			n++;
		s->location_id[s->n_location_id++] = location(pp, &row->frame[i], n);
	}
	if (s && row->kind != RK_NR)
		label(pp, s, "kind", region_kind_name(row->kind));
	if (s)
		label(pp, s, "verdict", verdict_name(row->verdict.kind));
}

/* What no path has brought, under a name in brackets. */
static void add_other(struct pprof *pp, const char *name, uint64_t pc, int64_t resident,
		      int64_t growth)
{
	const struct growth_frame f = { .pc = pc, .function = name };
	Pp__Sample *s;

	if (!resident && !growth)
		return;
	s = sample(pp, 1, resident, growth, 0);
	if (s)
		s->location_id[s->n_location_id++] = location(pp, &f, 1);
}

static void add_type(struct pprof *pp, const char *type, const char *unit)
{
	Pp__ValueType *v = NEW_MESSAGE(pp, sample_type, Pp__ValueType, pp__value_type__init);

	if (!v)
		return;
	v->type = string(pp, type);
	v->unit = string(pp, unit);
}

/* Readers take the first mapping for the program's own. */
static void program_first(struct pprof *pp)
{
	const char *exe = strtab_str(pp->r->model->st, pp->r->p->exe), *base = strrchr(exe, '/');

	base = base ? base + 1 : exe;
	for (unsigned int i = 0; i < pp->r->nr; i++) {
		const struct growth_row *row = &pp->r->row[i];

		for (unsigned int k = row->nr_frames; k--;) {
			if (row->frame[k].module && !strcmp(row->frame[k].module, base)) {
				mapping(pp, row->frame[k].pc);
				return;
			}
		}
	}
}

static void fill(struct pprof *pp)
{
	const struct growth_report *r = pp->r;
	int64_t residual = growth_residual(r);
	char text[1024];

	string(pp, ""); /* the table begins with it */
	add_type(pp, "resident_bytes", "bytes");
	add_type(pp, "growth_bytes", "bytes");
	add_type(pp, "faults", "count");
	pp->p->default_sample_type = string(pp, "growth_bytes");
	pp->p->time_nanos = (int64_t)(r->to_real_ns - (r->to_ns - r->from_ns));
	pp->p->duration_nanos = (int64_t)(r->to_ns - r->from_ns);
	program_first(pp);
	for (unsigned int i = 0; i < r->nr && !pp->failed; i++)
		add_row(pp, &r->row[i]);
	/* addresses that nothing can have */
	add_other(pp, "[no path]", 1, residual, residual);
	add_other(pp, "[before attach]", 2, r->rss - r->attributed - residual, r->before);
	pp->p->comment = calloc(1, sizeof(*pp->p->comment));
	if (!pp->p->comment)
		pp->failed = true;
	else
		pp->p->comment[pp->p->n_comment++] =
			string(pp, verdict_text(text, sizeof(text), &r->verdict, false));
}

static int put_packed(FILE *f, const Pp__Profile *p)
{
	size_t len = pp__profile__get_packed_size(p), room = deflate_bound(len) + 32;
	uint8_t *raw = malloc(len), *packed = malloc(room);
	ssize_t n = -ENOMEM;

	if (raw && packed) {
		pp__profile__pack(p, raw);
		n = deflate_gzip(packed, room, raw, len);
	}
	if (n > 0 && fwrite(packed, 1, (size_t)n, f) != (size_t)n)
		n = -EIO;
	free(raw);
	free(packed);
	return n < 0 ? (int)n : 0;
}

int grown_pprof(FILE *f, const struct growth_report *r)
{
	struct pprof pp = { .r = r, .p = malloc(sizeof(*pp.p)) };
	int err;

	if (!pp.p)
		return -ENOMEM;
	pp__profile__init(pp.p);
	fill(&pp);
	err = pp.failed ? -ENOMEM : put_packed(f, pp.p);
	free_numbers(&pp.strings);
	free_numbers(&pp.functions);
	free_numbers(&pp.locations);
	free_numbers(&pp.mappings);
	pp__profile__free_unpacked(pp.p, NULL);
	return err;
}
