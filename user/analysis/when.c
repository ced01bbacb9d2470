// SPDX-License-Identifier: GPL-2.0
#include "analysis/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/units.h"

#define MAX_NODES 64
#define MAX_DEPTH 16
#define WORD_SZ 32

enum metric { M_RSS, M_VIRTUAL, M_SWAP, M_GROWTH, M_HEADROOM, M_KIND };
enum node_kind { N_OR, N_AND, N_NOT, N_CMP };

struct node {
	enum node_kind kind;
	unsigned int a, b; /* of or, and, not: places in nodes[] */
	/* of a comparison */
	enum metric metric;
	enum region_kind region;
	bool greater, equal; /* > or <; and = */
	bool percent;
	double value; /* bytes, bytes/s or percent */
};

struct when {
	unsigned int nr, root;
	struct node node[MAX_NODES];
};

struct parser {
	struct when *w;
	const char *s;
	char *why;
	size_t why_sz;
	unsigned int depth;
};

static int wrong(struct parser *ps, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int wrong(struct parser *ps, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ps->why, ps->why_sz, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static void skip_blanks(struct parser *ps)
{
	while (isspace((unsigned char)*ps->s))
		ps->s++;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Takes @word (or its sign) if it is next. */
static bool take(struct parser *ps, const char *word, const char *sign)
{
	size_t n = strlen(word);

	skip_blanks(ps);
	if (n && !strncmp(ps->s, word, n) && !word_char(ps->s[n])) {
		ps->s += n;
		return true;
	}
	n = strlen(sign);
	if (n && !strncmp(ps->s, sign, n)) {
		ps->s += n;
		return true;
	}
	return false;
}

static int new_node(struct parser *ps, const struct node *n, unsigned int *ret)
{
	if (ps->w->nr == MAX_NODES)
		return wrong(ps, "more than %d parts", MAX_NODES);
	ps->w->node[ps->w->nr] = *n;
	*ret = ps->w->nr++;
	return 0;
}

static int parse_metric(struct parser *ps, struct node *n)
{
	static const char *const names[] = { "rss", "virtual", "swap", "growth", "headroom" };
	char word[WORD_SZ];
	size_t len = 0;

	skip_blanks(ps);
	while (word_char(ps->s[len]))
		len++;
	if (!len && !*ps->s)
		return wrong(ps, "something is missing at the end");
	if (!len)
		return wrong(ps, "'%.8s' where rss, growth, headroom or a region kind should be",
			     ps->s);
	snprintf(word, sizeof(word), "%.*s", (int)(len < WORD_SZ ? len : WORD_SZ - 1), ps->s);
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(word, names[i]))
			continue;
		n->metric = (enum metric)i;
		ps->s += len;
		return 0;
	}
	n->metric = M_KIND;
	n->region = region_kind_parse(word);
	if (n->region == RK_NR)
		return wrong(
			ps, "'%s' is none of rss, virtual, swap, growth, headroom or a region kind",
			word);
	ps->s += len;
	return 0;
}

static int parse_op(struct parser *ps, struct node *n)
{
	skip_blanks(ps);
	if (*ps->s != '>' && *ps->s != '<')
		return wrong(ps, "'%.8s' where >, >=, < or <= should be", ps->s);
	n->greater = *ps->s++ == '>';
	n->equal = *ps->s == '=';
	ps->s += n->equal;
	return 0;
}

/* "1M/s", "60M/min": per second. */
static int parse_per(struct parser *ps, struct node *n)
{
	if (n->metric != M_GROWTH)
		return *ps->s == '/' ? wrong(ps, "only growth is compared with a rate") : 0;
	if (*ps->s++ != '/')
		return wrong(ps, "growth is compared with a rate, as 1M/s");
	if (take(ps, "s", ""))
		return 0;
	if (take(ps, "min", "")) {
		n->value /= 60;
		return 0;
	}
	if (take(ps, "h", "")) {
		n->value /= 3600;
		return 0;
	}
	return wrong(ps, "a rate is per s, min or h, not '%.8s'", ps->s);
}

static int parse_value(struct parser *ps, struct node *n)
{
	char word[WORD_SZ], *end;
	uint64_t bytes;
	size_t len = 0;

	skip_blanks(ps);
	while (isalnum((unsigned char)ps->s[len]) || ps->s[len] == '.')
		len++;
	snprintf(word, sizeof(word), "%.*s", (int)(len < WORD_SZ ? len : WORD_SZ - 1), ps->s);
	if (ps->s[len] == '%') {
		n->percent = true;
		n->value = strtod(word, &end);
		if (n->metric != M_HEADROOM)
			return wrong(ps, "only headroom is compared with a percentage");
		if (!len || *end || n->value > 100)
			return wrong(ps, "'%s%%' is no percentage", word);
		ps->s += len + 1;
		return 0;
	}
	if (!len || parse_size(word, &bytes))
		return wrong(ps, "'%s' is no size like 500M", len ? word : ps->s);
	n->value = (double)bytes;
	ps->s += len;
	return parse_per(ps, n);
}

static int parse_or(struct parser *ps, unsigned int *ret);

static int parse_term(struct parser *ps, unsigned int *ret)
{
	struct node n = { .kind = N_CMP };
	int err;

	if (ps->depth++ == MAX_DEPTH)
		return wrong(ps, "nested too deep");
	if (take(ps, "", "(")) {
		err = parse_or(ps, ret);
		if (!err && !take(ps, "", ")"))
			err = wrong(ps, "a ')' is missing");
	} else if (take(ps, "not", "!")) {
		n.kind = N_NOT;
		err = parse_term(ps, &n.a);
		if (!err)
			err = new_node(ps, &n, ret);
	} else {
		err = parse_metric(ps, &n);
		if (!err)
			err = parse_op(ps, &n);
		if (!err)
			err = parse_value(ps, &n);
		if (!err)
			err = new_node(ps, &n, ret);
	}
	ps->depth--;
	return err;
}

static int parse_and(struct parser *ps, unsigned int *ret)
{
	struct node n = { .kind = N_AND };
	int err = parse_term(ps, ret);

	while (!err && take(ps, "and", "&&")) {
		n.a = *ret;
		err = parse_term(ps, &n.b);
		if (!err)
			err = new_node(ps, &n, ret);
	}
	return err;
}

static int parse_or(struct parser *ps, unsigned int *ret)
{
	struct node n = { .kind = N_OR };
	int err = parse_and(ps, ret);

	while (!err && take(ps, "or", "||")) {
		n.a = *ret;
		err = parse_and(ps, &n.b);
		if (!err)
			err = new_node(ps, &n, ret);
	}
	return err;
}

int when_parse(const char *text, struct when **ret_w, char *why, size_t why_sz)
{
	struct parser ps = { .s = text, .why = why, .why_sz = why_sz };
	int err;

	ps.w = calloc(1, sizeof(*ps.w));
	if (!ps.w)
		return -ENOMEM;
	err = parse_or(&ps, &ps.w->root);
	if (!err)
		skip_blanks(&ps);
	if (!err && *ps.s)
		err = wrong(&ps, "'%.16s' is left over: and, or?", ps.s);
	if (err) {
		free(ps.w);
		return err;
	}
	*ret_w = ps.w;
	return 0;
}

void when_free(struct when *w)
{
	free(w);
}

/* ---- */

/* The stack with the least room. false: of none is it known. */
static bool least_headroom(struct proc *p, bool percent, double *ret)
{
	struct stack_info si;
	bool known = false;

	for (const struct thread *t = p->threads; t; t = t->hh.next) {
		double room;

		thread_stack_info(p, t, &si);
		if (si.headroom < 0 || si.limit <= 0)
			continue;
		room = percent ? (double)si.headroom * 100 / (double)si.limit : (double)si.headroom;
		if (!known || room < *ret)
			*ret = room;
		known = true;
	}
	return known;
}

static bool kind_bytes(struct proc *p, enum region_kind kind, double *ret)
{
	struct region *r;

	*ret = 0;
	aspace_for_each(r, &p->aspace)
		if (r->kind == kind)
			*ret += (double)region_resident(r);
	return true;
}

static bool measure(const struct node *n, struct proc *p, double *ret)
{
	switch (n->metric) {
	case M_RSS:
		*ret = (double)proc_rss(p);
		return true;
	case M_VIRTUAL:
		*ret = (double)p->aspace.virt;
		return p->maps_known;
	case M_SWAP:
		*ret = (double)p->rss[MTR_SWAP];
		return true;
	case M_GROWTH:
		*ret = p->rss_rate;
		return p->ticked;
	case M_HEADROOM:
		return least_headroom(p, n->percent, ret);
	case M_KIND:
		return kind_bytes(p, n->region, ret);
	}
	return false;
}

static bool compare(const struct node *n, struct proc *p)
{
	double v = 0;

	if (!measure(n, p, &v))
		return false;
	if (n->equal && v == n->value)
		return true;
	return n->greater ? v > n->value : v < n->value;
}

static bool holds(const struct when *w, unsigned int i, struct proc *p)
{
	const struct node *n = &w->node[i];

	switch (n->kind) {
	case N_OR:
		return holds(w, n->a, p) || holds(w, n->b, p);
	case N_AND:
		return holds(w, n->a, p) && holds(w, n->b, p);
	case N_NOT:
		return !holds(w, n->a, p);
	case N_CMP:
		return compare(n, p);
	}
	return false;
}

bool when_holds(const struct when *w, struct proc *p)
{
	return holds(w, w->root, p);
}
