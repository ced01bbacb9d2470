// SPDX-License-Identifier: GPL-2.0
/*
 * Live model == replayed model? A keyframe is the live model as it was. This
 * reads a recording and, at each keyframe and at the end, compares
 *
 *   - the keyframe with the model that was replayed from the beginning
 *   - the keyframe with the model that was rebuilt from the keyframe before
 *
 * value by value. Prints what differs, and a summary.   trace_check FILE
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "source/src_file.h"

#define MAX_SHOWN 10

struct state {
	uint32_t as;
	uint8_t what, nr;
	uint32_t str[3];
	uint64_t v[MTR_STATE_LEN];
};

struct states {
	struct state *s;
	unsigned int nr, cap;
};

struct check {
	struct strtab *st;
	struct model replayed, rebuilt;
	bool have_rebuilt;
	struct states key, now;
	unsigned int nr_keys, nr_compared, nr_diffs;
	uint64_t nr_states, nr_events;
};

static int keep(void *ctx, const struct mtr_event *ev)
{
	struct states *l = ctx;
	struct state *s;

	if (ev->kind != MTR_EV_STATE)
		return 0;
	if (l->nr == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 1024;
		l->s = reallocarray(l->s, l->cap, sizeof(*l->s));
		if (!l->s)
			abort();
	}
	s = &l->s[l->nr++];
	memset(s, 0, sizeof(*s));
	s->as = ev->as;
	s->what = ev->state.what;
	s->nr = ev->state.nr;
	memcpy(s->str, ev->state.str, sizeof(s->str));
	memcpy(s->v, ev->state.v, ev->state.nr * sizeof(*s->v));
	return 0;
}

static void complain(struct check *c, const char *which, const char *fmt, uint64_t a, uint64_t b,
		     uint64_t d)
{
	if (c->nr_diffs++ >= MAX_SHOWN)
		return;
	printf("keyframe %u, %s: ", c->nr_keys, which);
	printf(fmt, a, b, d);
	putchar('\n');
}

static void compare_state(struct check *c, const char *which, const struct state *a,
			  const struct state *b)
{
	char what[160];

	snprintf(what, sizeof(what), "as %u what %u (%" PRIx64 ")", a->as, a->what, a->v[0]);
	if (a->as != b->as || a->what != b->what || a->nr != b->nr) {
		complain(c, which,
			 "another piece of state: %" PRIu64 " and %" PRIu64 " (%" PRIu64 ")",
			 a->what, b->what, a->as);
		return;
	}
	for (unsigned int i = 0; i < a->nr; i++) {
		if (a->v[i] == b->v[i])
			continue;
		printf("%s: ", what);
		complain(c, which, "v[%" PRIu64 "] is %" PRIu64 ", was %" PRIu64, i, b->v[i],
			 a->v[i]);
	}
	for (unsigned int i = 0; i < 3; i++)
		if (a->str[i] != b->str[i])
			complain(c, which, "str[%" PRIu64 "] is %" PRIu64 ", was %" PRIu64, i,
				 b->str[i], a->str[i]);
}

static void compare(struct check *c, const char *which, struct model *m)
{
	unsigned int nr;

	c->now.nr = 0;
	model_save(m, 0, keep, &c->now);
	nr = c->now.nr < c->key.nr ? c->now.nr : c->key.nr;
	for (unsigned int i = 0; i < nr && c->nr_diffs < MAX_SHOWN; i++)
		compare_state(c, which, &c->key.s[i], &c->now.s[i]);
	if (c->now.nr != c->key.nr)
		complain(c, which, "%" PRIu64 " pieces of state, were %" PRIu64 "%.0" PRIu64,
			 c->now.nr, c->key.nr, 0);
	c->nr_compared++;
	c->nr_states += nr;
}

static void load(struct model *m, const struct states *l)
{
	for (unsigned int i = 0; i < l->nr; i++) {
		const struct state *s = &l->s[i];
		struct mtr_event ev = { .kind = MTR_EV_STATE, .as = s->as };

		ev.state = (struct mtr_ev_state){ .what = s->what, .nr = s->nr, .v = s->v };
		memcpy(ev.state.str, s->str, sizeof(s->str));
		model_apply(m, &ev);
	}
}

static void end_of_key(struct check *c)
{
	c->nr_keys++;
	compare(c, "replayed", &c->replayed);
	if (c->have_rebuilt)
		compare(c, "rebuilt", &c->rebuilt);
	load(&c->rebuilt, &c->key);
	c->have_rebuilt = true;
	compare(c, "loaded", &c->rebuilt);
	c->key.nr = 0;
}

static int read_on(struct check *c, struct trace_reader *r)
{
	struct mtr_event ev;
	int ret;

	trace_reader_all_keys(r, true);
	while ((ret = trace_reader_next(r, &ev)) > 0) {
		if (c->key.nr && (!trace_reader_in_key(r) ||
				  (ev.kind == MTR_EV_STATE && ev.state.what == MTR_ST_MODEL)))
			end_of_key(c);
		/* a file that begins with a keyframe has nothing before it to compare with */
		if (trace_reader_in_key(r) && !c->nr_events) {
			if (ev.kind == MTR_EV_STATE)
				model_apply(&c->replayed, &ev);
			continue;
		}
		if (trace_reader_in_key(r)) {
			keep(&c->key, &ev);
			continue;
		}
		c->nr_events++;
		if (model_apply(&c->replayed, &ev) ||
		    (c->have_rebuilt && model_apply(&c->rebuilt, &ev)))
			return -ENOMEM;
	}
	if (c->key.nr)
		end_of_key(c);
	/* and at the end: what was read from the beginning and what from the last keyframe on */
	if (c->have_rebuilt) {
		model_save(&c->replayed, 0, keep, &c->key);
		compare(c, "rebuilt, at the end", &c->rebuilt);
	}
	return ret;
}

int main(int argc, char **argv)
{
	static struct check c;
	struct src_file *sf;
	int err;

	if (argc < 2)
		return 2;
	c.st = strtab_new();
	if (!c.st)
		return 2;
	model_init(&c.replayed, c.st);
	model_init(&c.rebuilt, c.st);
	err = src_file_open(argv[1], c.st, &sf);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-err));
		return 2;
	}
	err = read_on(&c, src_file_reader(sf));
	if (err)
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-err));
	printf("events=%" PRIu64 " keyframes=%u compared=%u states=%" PRIu64 " differences=%u\n",
	       c.nr_events, c.nr_keys, c.nr_compared, c.nr_states, c.nr_diffs);
	src_file_close(sf);
	model_fini(&c.replayed);
	model_fini(&c.rebuilt);
	strtab_free(c.st);
	free(c.key.s);
	free(c.now.s);
	return err ? 2 : c.nr_diffs ? 1 : 0;
}
