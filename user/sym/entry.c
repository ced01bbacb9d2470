// SPDX-License-Identifier: GPL-2.0
#include <dwarf.h>
#include <string.h>

#include "sym/vars_int.h"

/* What is passed on from function to function is followed so far. */
#define MAX_CALLS 64
#define MAX_DEPTH 64

static bool attr_addr(Dwarf_Die *die, unsigned int name, uint64_t *ret)
{
	Dwarf_Attribute a;
	Dwarf_Addr v;

	if (!dwarf_attr(die, name, &a) || dwarf_formaddr(&a, &v))
		return false;
	*ret = v;
	return true;
}

static bool is_site(Dwarf_Die *die, uint64_t return_pc)
{
	uint64_t pc;

	if (dwarf_tag(die) == DW_TAG_call_site)
		return attr_addr(die, DW_AT_call_return_pc, &pc) && pc == return_pc;
	return dwarf_tag(die) == DW_TAG_GNU_call_site && attr_addr(die, DW_AT_low_pc, &pc) &&
	       pc == return_pc;
}

/* The call that returns to @return_pc, in a function and all that was inlined into it. */
static bool find_site(Dwarf_Die *parent, uint64_t return_pc, int depth, Dwarf_Die *ret)
{
	Dwarf_Die c;

	if (depth > MAX_DEPTH || dwarf_child(parent, &c))
		return false;
	do {
		int tag = dwarf_tag(&c);

		if (is_site(&c, return_pc)) {
			*ret = c;
			return true;
		}
		if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) &&
		    dwarf_haspc(&c, return_pc - 1) > 0 && find_site(&c, return_pc, depth + 1, ret))
			return true;
	} while (!dwarf_siblingof(&c, &c));
	return false;
}

static const char *linkage(Dwarf_Die *die)
{
	Dwarf_Attribute a;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &a) ||
	    dwarf_attr_integrate(die, DW_AT_name, &a))
		return dwarf_formstring(&a);
	return NULL;
}

/* An expression of the caller's; −errno as expr_run(). */
static int caller_value(struct look *caller, Dwarf_Die *die, unsigned int name, uint64_t *ret)
{
	struct expr_result r;
	struct expr_env e;
	Dwarf_Attribute a;
	Dwarf_Op *ops;
	size_t nr;

	if (!dwarf_attr(die, name, &a) || dwarf_getlocation(&a, &ops, &nr))
		return -1;
	e = look_env(caller, &a);
	if (expr_run(&e, ops, nr, &r) || r.nr != 1 ||
	    (r.piece[0].kind != EXPR_ADDRESS && r.piece[0].kind != EXPR_VALUE))
		return -1;
	*ret = r.piece[0].value;
	return 0;
}

/*
 * Does the call go to the very function that the frame is of? It may have called
 * another one that jumped here at its end, and then what it passed is not ours.
 */
static bool calls(struct look *caller, Dwarf_Die *site, const struct look *callee)
{
	const char *name = linkage((Dwarf_Die *)&callee->fn), *to;
	Dwarf_Addr entry;
	Dwarf_Attribute a;
	Dwarf_Die origin;
	uint64_t target;

	if (dwarf_attr(site, DW_AT_call_origin, &a) ||
	    dwarf_attr(site, DW_AT_abstract_origin, &a)) {
		if (!dwarf_formref_die(&a, &origin))
			return false;
		to = linkage(&origin);
		return name && to && !strcmp(name, to);
	}
	if (caller_value(caller, site, DW_AT_call_target, &target) &&
	    caller_value(caller, site, DW_AT_GNU_call_site_target, &target))
		return false;
	return !dwarf_entrypc((Dwarf_Die *)&callee->fn, &entry) && target == entry + callee->bias;
}

static bool is_reg(Dwarf_Die *param, unsigned int reg)
{
	Dwarf_Attribute a;
	Dwarf_Op *ops;
	size_t nr;

	return dwarf_attr(param, DW_AT_location, &a) && !dwarf_getlocation(&a, &ops, &nr) &&
	       nr == 1 && ops->atom == DW_OP_reg0 + reg;
}

bool entry_reg(void *ctx, unsigned int reg, uint64_t *ret)
{
	struct look *l = ctx, caller;
	Dwarf_Die site, param;

	if (l->nr < 2 || l->depth >= MAX_CALLS || l->f[0].signal || l->f[1].exact)
		return false;
	caller = (struct look){ .env = l->env,
				.f = l->f + 1,
				.regs = l->regs + 1,
				.nr = l->nr - 1,
				.depth = l->depth + 1 };
	if (!look_at(&caller) || !find_site(&caller.fn, caller.f->pc - caller.bias, 0, &site) ||
	    !calls(&caller, &site, l) || dwarf_child(&site, &param))
		return false;
	do {
		int tag = dwarf_tag(&param);

		if ((tag != DW_TAG_call_site_parameter && tag != DW_TAG_GNU_call_site_parameter) ||
		    !is_reg(&param, reg))
			continue;
		return !caller_value(&caller, &param, DW_AT_call_value, ret) ||
		       !caller_value(&caller, &param, DW_AT_GNU_call_site_value, ret);
	} while (!dwarf_siblingof(&param, &param));
	return false;
}
