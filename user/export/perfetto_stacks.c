// SPDX-License-Identifier: GPL-2.0
/*
 * Call stacks. Frames, modules and names are interned on each sequence that uses
 * them: a thing is told once, in a packet of its own, before what needs it.
 *
 *   callstack ──► frame ──► function, source file
 *                   └─────► mapping ──► path, build-id
 *
 * A frame without a name has its module and its address in the file's own terms, so
 * that Perfetto's tools can name it where the files are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "export/perfetto_int.h"
#include "export/symmaps.h"
#include "util/text.h"

enum what { W_FUNCTION = 1, W_PATH, W_SOURCE, W_BUILD_ID, W_MAPPING, W_FRAME, W_CALLSTACK };

struct pf_iid {
	struct {
		uint32_t what, as;
		uint64_t id, more;
	} key;
	uint64_t iid;
	UT_hash_handle hh;
};

void pf_names_free(struct pf_names *n)
{
	struct pf_iid *p, *tmp;

	HASH_ITER(hh, n->all, p, tmp) {
		HASH_DEL(n->all, p);
		free(p);
	}
	n->next = 0;
}

/* The iid of a thing; @ret_fresh: it is new here and has to be told. NULL: no memory. */
static struct pf_iid *iid_of(struct pf_names *n, enum what what, uint32_t as, uint64_t id,
			     uint64_t more, bool *ret_fresh)
{
	struct pf_iid *p, probe = { .key = { .what = what, .as = as, .id = id, .more = more } };

	HASH_FIND(hh, n->all, &probe.key, sizeof(probe.key), p);
	*ret_fresh = !p;
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->key = probe.key;
	p->iid = ++n->next;
	HASH_ADD(hh, n->all, key, sizeof(p->key), p);
	if (p->hh.tbl)
		return p;
	free(p);
	return NULL;
}

static int tell(struct pf *f, const struct pf_names *n, Pf__Interned *in)
{
	Pf__Packet pk = PF__PACKET__INIT;

	pk.has_timestamp = 1;
	pk.timestamp = f->x->last_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = n->seq;
	pk.has_sequence_flags = 1;
	pk.sequence_flags = 2;
	pk.interned_data = in;
	return pf_packet(f, &pk);
}

/* ---- names */

static int intern_text(struct pf *f, struct pf_names *n, enum what what, const char *text,
		       uint64_t *ret_iid)
{
	char buf[PF_TEXT];
	uint32_t id;
	Pf__Interned in = PF__INTERNED__INIT;
	Pf__Named d = PF__NAMED__INIT, *ds = &d;
	struct pf_iid *p;
	bool fresh;

	text_clean(buf, sizeof(buf), text, 0);
	id = strtab_intern_str(f->texts, buf);
	p = iid_of(n, what, 0, id, 0, &fresh);
	if (!p)
		return -ENOMEM;
	*ret_iid = p->iid;
	if (!fresh)
		return 0;
	d.has_iid = 1;
	d.iid = p->iid;
	d.name = buf;
	if (what == W_FUNCTION) {
		in.functions = &ds;
		in.n_functions = 1;
	} else if (what == W_PATH) {
		in.paths = &ds;
		in.n_paths = 1;
	} else {
		in.sources = &ds;
		in.n_sources = 1;
	}
	return tell(f, n, &in);
}

static size_t from_hex(const char *hex, uint8_t *out, size_t max)
{
	unsigned int byte;
	size_t nr = 0;

	for (; nr < max && sscanf(hex, "%2x", &byte) == 1 && hex[1]; hex += 2)
		out[nr++] = (uint8_t)byte;
	return nr;
}

static int intern_build_id(struct pf *f, struct pf_names *n, uint32_t hex, uint64_t *ret_iid)
{
	Pf__Interned in = PF__INTERNED__INIT;
	Pf__Bytes d = PF__BYTES__INIT, *ds = &d;
	uint8_t id[64];
	bool fresh;
	struct pf_iid *p = iid_of(n, W_BUILD_ID, 0, hex, 0, &fresh);

	if (!p)
		return -ENOMEM;
	*ret_iid = p->iid;
	if (!fresh)
		return 0;
	d.has_iid = d.has_data = 1;
	d.iid = p->iid;
	d.data.data = id;
	d.data.len = from_hex(strtab_str(f->x->st, hex), id, sizeof(id));
	in.build_ids = &ds;
	in.n_build_ids = 1;
	return tell(f, n, &in);
}

/* ---- where code lies */

static int tell_mapping(struct pf *f, struct pf_names *n, const struct region *r, uint64_t iid)
{
	const struct mtr_ev_module *mod = r ? modtab_find(f->x->mods, r->dev, r->ino) : NULL;
	const char *path = r ? strtab_str(f->x->st, mod && mod->path ? mod->path : r->name) : "";
	Pf__Interned in = PF__INTERNED__INIT;
	Pf__Mapping m = PF__MAPPING__INIT, *ms = &m;
	uint64_t path_id;
	int err;

	/* the reader puts a slash before each component */
	path += *path == '/';
	err = intern_text(f, n, W_PATH, *path ? path : "[anon]", &path_id);
	if (!err && mod && mod->build_id) {
		m.has_build_id = 1;
		err = intern_build_id(f, n, mod->build_id, &m.build_id);
	}
	if (err)
		return err;
	m.has_iid = m.has_start = m.has_end = m.has_load_bias = 1;
	m.has_start_offset = m.has_exact_offset = 1;
	m.iid = iid;
	m.path_ids = &path_id;
	m.n_path_ids = 1;
	if (r) {
		m.start = r->start;
		m.end = r->end;
		m.exact_offset = r->pgoff;
	}
	in.mappings = &ms;
	in.n_mappings = 1;
	return tell(f, n, &in);
}

static int intern_mapping(struct pf *f, struct pf_names *n, uint32_t as, const struct region *r,
			  uint64_t *ret_iid)
{
	bool fresh;
	struct pf_iid *p = iid_of(n, W_MAPPING, as, r ? r->start : 0, r ? r->ino : 0, &fresh);

	if (!p)
		return -ENOMEM;
	*ret_iid = p->iid;
	return fresh ? tell_mapping(f, n, r, p->iid) : 0;
}

/* What names the code of a process. NULL: memory is short. */
static struct syms *syms_of(struct pf *f, struct pf_proc *q, struct proc *p, uint64_t pc)
{
	const struct export_info *info = &f->x->info;

	if (!q->syms) {
		q->own_syms = !info->syms_of;
		q->syms = info->syms_of ? info->syms_of(info->syms_ctx, q->as) :
					  syms_new(0, info->debuginfod);
	}
	if (q->syms && p && !syms_maps(q->syms, pc) &&
	    symmaps_set(q->syms, &p->aspace, f->x->st, q->own_syms ? f->x->mods : NULL, true))
		return NULL;
	return q->syms;
}

/* ---- frames */

static int tell_frame(struct pf *f, struct pf_names *n, const struct region *r, uint64_t pc,
		      uint64_t mapping, const struct sym_name *s, uint64_t iid)
{
	Pf__Interned in = PF__INTERNED__INIT;
	Pf__Frame d = PF__FRAME__INIT, *ds = &d;
	int err = 0;

	if (s && s->function) {
		d.has_function_id = 1;
		err = intern_text(f, n, W_FUNCTION, s->function, &d.function_id);
	}
	if (!err && s && s->file) {
		d.has_source_id = d.has_line = 1;
		d.line = s->line;
		err = intern_text(f, n, W_SOURCE, s->file, &d.source_id);
	}
	if (err)
		return err;
	d.has_iid = d.has_mapping_id = d.has_rel_pc = 1;
	d.iid = iid;
	d.mapping_id = mapping;
	d.rel_pc = r ? pc - r->start + r->pgoff : pc;
	in.frames = &ds;
	in.n_frames = 1;
	return tell(f, n, &in);
}

/* An address is a frame for each function that was inlined there. @ret_nr: added behind @iids */
static int intern_frames(struct pf *f, struct pf_proc *q, struct pf_names *n, uint64_t pc,
			 uint64_t *iids, size_t *ret_nr)
{
	struct proc *p = model_proc(&f->x->model, q->as);
	struct region *r = p ? aspace_find(&p->aspace, pc) : NULL;
	struct syms *syms = syms_of(f, q, p, pc);
	const struct sym_addr *a = syms ? syms_addr(syms, pc) : NULL;
	unsigned int nr = a ? a->nr : 1;
	uint64_t mapping;
	int err = intern_mapping(f, n, q->as, r, &mapping);

	for (unsigned int k = nr; !err && k--;) {
		bool fresh;
		struct pf_iid *id = iid_of(n, W_FRAME, q->as, pc, k, &fresh);

		if (!id)
			return -ENOMEM;
		iids[(*ret_nr)++] = id->iid;
		if (fresh)
			err = tell_frame(f, n, r, pc, mapping, a ? &a->name[k] : NULL, id->iid);
	}
	return err;
}

static int tell_callstack(struct pf *f, struct pf_proc *q, struct pf_names *n, uint32_t stack,
			  uint64_t iid)
{
	uint64_t pc[STACKTAB_MAX_FRAMES], *frame;
	unsigned int nr = stacktab_frames(f->x->info.stacks, stack, pc, STACKTAB_MAX_FRAMES);
	Pf__Interned in = PF__INTERNED__INIT;
	Pf__Callstack c = PF__CALLSTACK__INIT, *cs = &c;
	size_t got = 0;
	int err = 0;

	frame = calloc((size_t)nr * SYM_MAX_INLINED + 1, sizeof(*frame));
	if (!frame)
		return -ENOMEM;
	while (!err && nr--)
		err = intern_frames(f, q, n, pc[nr], frame, &got);
	c.has_iid = 1;
	c.iid = iid;
	c.frame_ids = frame;
	c.n_frame_ids = got;
	in.callstacks = &cs;
	in.n_callstacks = 1;
	if (!err)
		err = tell(f, n, &in);
	free(frame);
	return err;
}

int pf_callstack(struct pf *f, struct pf_proc *q, struct pf_names *n, uint32_t stack,
		 uint64_t *ret_iid)
{
	struct pf_iid *p;
	bool fresh;

	*ret_iid = 0;
	if (!stack || !q || !f->x->info.stacks)
		return 0;
	p = iid_of(n, W_CALLSTACK, q->as, stack, 0, &fresh);
	if (!p)
		return -ENOMEM;
	*ret_iid = p->iid;
	return fresh ? tell_callstack(f, q, n, stack, p->iid) : 0;
}

int pf_stack(struct pf *f, struct pf_proc *q, struct pf_event *e, const struct mtr_event *ev)
{
	int err = pf_callstack(f, q, &f->stacks, ev->callstack, &e->ev.callstack_iid);

	e->ev.has_callstack_iid = e->ev.callstack_iid != 0;
	return err;
}
