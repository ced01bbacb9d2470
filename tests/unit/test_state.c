// SPDX-License-Identifier: GPL-2.0
/* Keyframes: a model that was saved and loaded is the same, and goes on the same. */
#include <stdlib.h>

#include "attached.h"
#include "fake_model.h"

#define MAX_STATES 8192

struct states {
	struct mtr_event ev[MAX_STATES];
	uint64_t v[MAX_STATES][MTR_STATE_LEN];
	unsigned int nr;
};

static int keep(void *ctx, const struct mtr_event *ev)
{
	struct states *s = ctx;

	if (s->nr == MAX_STATES)
		return -1;
	s->ev[s->nr] = *ev;
	memcpy(s->v[s->nr], ev->state.v, ev->state.nr * sizeof(uint64_t));
	s->ev[s->nr].state.v = s->v[s->nr];
	s->nr++;
	return 0;
}

static struct states *save(struct model *m)
{
	struct states *s = calloc(1, sizeof(*s));

	if (!s || model_save(m, 1, keep, s)) {
		free(s);
		return NULL;
	}
	return s;
}

static void load(struct model *m, const struct states *s)
{
	for (unsigned int i = 0; i < s->nr; i++)
		model_apply(m, &s->ev[i]);
}

/* Pieces that differ; more than all when there is not the same number of them. */
static unsigned int differ(const struct states *a, const struct states *b)
{
	unsigned int n = 0;

	if (a->nr != b->nr)
		return MAX_STATES + 1;
	for (unsigned int i = 0; i < a->nr; i++) {
		const struct mtr_ev_state *x = &a->ev[i].state, *y = &b->ev[i].state;

		n += x->what != y->what || x->nr != y->nr || a->ev[i].as != b->ev[i].as ||
		     memcmp(x->str, y->str, sizeof(x->str)) || memcmp(a->v[i], b->v[i], x->nr * 8);
	}
	return n;
}

/* Saved, loaded, saved again: the same, and it is what is wanted. */
static void same_after_load(struct __test_metadata *_metadata, struct model *m)
{
	struct states *a = save(m), *b;
	struct model copy;

	ASSERT_NE(NULL, a);
	model_init(&copy, m->st);
	load(&copy, a);
	b = save(&copy);
	ASSERT_NE(NULL, b);
	EXPECT_GT(a->nr, 3);
	EXPECT_EQ(0, differ(a, b));
	model_fini(&copy);
	free(a);
	free(b);
}

TEST(several_processes)
{
	const struct fake_opts o = { .nr_procs = 3, .nr_workers = 5, .nr_libs = 7 };
	struct fake f;

	ASSERT_EQ(0, fake_init(&f, &o));
	for (unsigned int i = 0; i < 8; i++) {
		fake_tick(&f);
		same_after_load(_metadata, &f.model);
	}
	fake_fini(&f);
}

TEST(however_it_ended)
{
	const struct fake_opts o = { .nr_procs = 1 };

	for (unsigned int how = 0; how < 3; how++) {
		struct fake f;

		ASSERT_EQ(0, fake_init(&f, &o));
		fake_tick(&f);
		if (how == 0)
			fake_exit(&f, 3 << 8);
		else if (how == 1)
			fake_overflow(&f);
		else
			fake_oom(&f);
		same_after_load(_metadata, &f.model);
		fake_fini(&f);
	}
}

TEST_F(m, an_empty_model)
{
	struct mtr_event ev = { .kind = MTR_EV_STATE };
	uint64_t v[2] = {};

	ev.state = (struct mtr_ev_state){ .what = MTR_ST_MODEL, .v = v };
	ASSERT_EQ(0, model_apply(&self->model, &ev));
	EXPECT_EQ(NULL, self->model.procs);
}

/* What was lost, what is in doubt, a half interval: the events that follow do the same to both. */
TEST_F(m, goes_on_the_same)
{
	struct states *s, *a, *b;
	struct model copy;
	M other = { .st = self->st };

	proc_tick(self->p, 101 * S, self->st);
	fault(self, 101, HEAP + PAGE, STACK + 0x7000, PAGE, 0);
	read_map(self);
	vma(self, MTR_EV_VMA, HEAP + 0x20000, HEAP + 0x30000, RW);
	apply(self, (struct mtr_event){ .kind = MTR_EV_LOST, .lost = { MTR_EV_VMA, 3 } });
	kernel(self, 10, 2);
	s = save(&self->model);
	ASSERT_NE(NULL, s);
	model_init(&copy, self->st);
	load(&copy, s);
	other.model = copy;
	other.now = self->now;
	for (unsigned int i = 0; i < 2; i++) {
		M *m = i ? &other : self;

		m->p = model_proc(&m->model, 1);
		ASSERT_NE(NULL, m->p);
		fault(m, 101, STACK + PAGE, STACK + PAGE + 64, PAGE, MTR_FAULT_F_WRITE);
		rss(m, -PAGE, MTR_WHY_SYSCALL, HEAP, HEAP + 0x8000);
		hole(m, HEAP + 0x4000, HEAP + 0x6000);
		residency(m, MAIN, MAIN_END, 2, m->now);
		apply(m, (struct mtr_event){ .kind = MTR_EV_TICK, .as = 1, .time_ns = 102 * S });
		read_map(m);
		crash(m, 101, 11, 1, GUARD + 64, GUARD + 64);
		apply(m, (struct mtr_event){ .kind = MTR_EV_TICK, .as = 1, .time_ns = 103 * S });
	}
	a = save(&self->model);
	b = save(&other.model);
	ASSERT_TRUE(a && b);
	EXPECT_EQ(0, differ(a, b));
	EXPECT_NE(0, differ(s, a));
	model_fini(&other.model);
	free(s);
	free(a);
	free(b);
}

/* Whatever a damaged file says: no crash, no value that cannot be. */
TEST_F(m, nonsense)
{
	uint64_t v[MTR_STATE_LEN];
	struct mtr_event ev = { .kind = MTR_EV_STATE, .as = 1 };
	struct region *r;

	memset(v, 0xff, sizeof(v));
	for (unsigned int what = 2; what < 20; what++) {
		for (unsigned int nr = 0; nr <= MTR_STATE_LEN; nr += 7) {
			ev.as = what % 3;
			ev.state = (struct mtr_ev_state){ .what = (uint8_t)what,
							  .nr = (uint8_t)nr,
							  .v = v };
			ev.state.str[0] = ev.state.str[1] = 0xffffffff;
			EXPECT_EQ(0, model_apply(&self->model, &ev));
		}
	}
	EXPECT_LE(self->p->death, DEATH_OOM);
	aspace_for_each(r, &self->p->aspace) {
		EXPECT_LT(r->start, r->end);
		EXPECT_LE(r->residency, RES_EXACT);
	}
	proc_tick(self->p, 200 * S, self->st);
}

TEST_HARNESS_MAIN
