// SPDX-License-Identifier: GPL-2.0
/*
 * The series is cut into blocks of equal time; what the blocks gained is what is
 * looked at. Points of a series of resident bytes depend on one another, so that
 * the errors of a least-squares line are far too small; the gains of blocks
 * hardly do, and their mean has an honest confidence interval.
 *
 *	bytes       ╭──  late: has it stopped?
 *	        ╭───╯
 *	   ╭────╯         one block with nearly all of it: a step
 *	───╯ │   │   │
 *
 * 'leak_like' is said last, when nothing else fits, and only if nearly every
 * block gained, the last ones as much as the others.
 */
#include "analysis/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "util/clock.h"
#include "util/units.h"

#define MIN_POINTS 8u
#define MAX_BLOCKS 10u
#define MIN_BLOCKS 4u
#define FLOOR_BYTES (64 * 1024)
#define FLOOR_PART 200 /* of the scale: 0.5 % */
#define DROP_PART 0.25 /* of the range: a fall that counts */
#define STEP_PART 0.8 /* of the growth, in one or two blocks */
#define LATE_PART 0.3 /* of the time: the end */
#define LATE_STOPPED 0.1 /* of the growth: less, and it has stopped; its share would be LATE_PART */
#define LATE_STEADY 0.15 /* at least, for it to go on */
#define MANY_BLOCKS 0.8
#define GIVEN_BACK \
	0.75 /* more, and it is not just growth; who leaks every third buffer gives back 0.67 */
#define MIN_R2 0.8

static const char *const names[] = {
	[VERDICT_INSUFFICIENT] = "insufficient_data",
	[VERDICT_FLAT] = "flat",
	[VERDICT_LEAK_LIKE] = "leak_like",
	[VERDICT_PLATEAU] = "plateau",
	[VERDICT_SAWTOOTH] = "sawtooth",
	[VERDICT_STEP] = "step",
	[VERDICT_RETENTION] = "retention",
	[VERDICT_FRAGMENTATION] = "fragmentation",
};

#define NR_KINDS (sizeof(names) / sizeof(names[0]))

const char *verdict_name(enum verdict_kind k)
{
	return (unsigned int)k < NR_KINDS ? names[k] : names[0];
}

int verdict_parse(const char *name)
{
	for (unsigned int i = 0; i < NR_KINDS; i++)
		if (!strcmp(name, names[i]))
			return (int)i;
	return -1;
}

struct blocks {
	unsigned int nr;
	double gain[MAX_BLOCKS]; /* bytes */
	double secs; /* of all */
};

static double value_at(const struct verdict_in *in, double ns, unsigned int *at)
{
	unsigned int i = *at;
	double t0, t1;

	while (i + 2 < in->nr && (double)(in->time_ns[i + 1] - in->time_ns[0]) < ns)
		i++;
	*at = i;
	t0 = (double)(in->time_ns[i] - in->time_ns[0]);
	t1 = (double)(in->time_ns[i + 1] - in->time_ns[0]);
	if (t1 <= t0)
		return (double)in->bytes[i + 1];
	return (double)in->bytes[i] +
	       (double)(in->bytes[i + 1] - in->bytes[i]) * ((ns - t0) / (t1 - t0));
}

static void make_blocks(const struct verdict_in *in, struct blocks *b)
{
	double total = (double)(in->time_ns[in->nr - 1] - in->time_ns[0]), before;
	unsigned int at = 0;

	b->nr = in->nr / 2;
	if (b->nr > MAX_BLOCKS)
		b->nr = MAX_BLOCKS;
	b->secs = total / (double)NSEC_PER_SEC;
	before = (double)in->bytes[0];
	for (unsigned int i = 0; i < b->nr; i++) {
		double v = i + 1 == b->nr ? (double)in->bytes[in->nr - 1] :
					    value_at(in, total * (i + 1) / b->nr, &at);

		b->gain[i] = v - before;
		before = v;
	}
}

/* Student's t, 97.5 %, for 3 to 9 degrees of freedom */
static double student(unsigned int df)
{
	static const double t[] = { 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262 };

	return df < 3 ? 4.303 : df > 9 ? 2.262 : t[df - 3];
}

static void mean_rate(const struct blocks *b, struct verdict *v)
{
	double mean = 0, var = 0, half;

	for (unsigned int i = 0; i < b->nr; i++)
		mean += b->gain[i] / b->nr;
	for (unsigned int i = 0; i < b->nr; i++)
		var += (b->gain[i] - mean) * (b->gain[i] - mean) / (b->nr - 1);
	half = student(b->nr - 1) * sqrt(var / b->nr);
	v->rate = mean * b->nr / b->secs;
	v->rate_lo = (mean - half) * b->nr / b->secs;
	v->rate_hi = (mean + half) * b->nr / b->secs;
}

static void line(const struct verdict_in *in, struct verdict *v)
{
	double n = in->nr, mt = 0, mb = 0, stt = 0, stb = 0, sbb = 0;

	for (unsigned int i = 0; i < in->nr; i++) {
		mt += (double)(in->time_ns[i] - in->time_ns[0]) / (double)NSEC_PER_SEC / n;
		mb += (double)in->bytes[i] / n;
	}
	for (unsigned int i = 0; i < in->nr; i++) {
		double t = (double)(in->time_ns[i] - in->time_ns[0]) / (double)NSEC_PER_SEC - mt;
		double d = (double)in->bytes[i] - mb;

		stt += t * t;
		stb += t * d;
		sbb += d * d;
	}
	v->slope = stt > 0 ? stb / stt : 0;
	v->r2 = stt > 0 && sbb > 0 ? stb * stb / (stt * sbb) : 0;
}

static void extremes(const struct verdict_in *in, struct verdict *v)
{
	int64_t lo = in->bytes[0], hi = lo, turn;
	bool up = true;

	for (unsigned int i = 1; i < in->nr; i++) {
		lo = in->bytes[i] < lo ? in->bytes[i] : lo;
		hi = in->bytes[i] > hi ? in->bytes[i] : hi;
	}
	v->range = hi - lo;
	v->growth = in->bytes[in->nr - 1] - in->bytes[0];
	turn = in->bytes[0];
	for (unsigned int i = 1; i < in->nr; i++) {
		double step = DROP_PART * (double)v->range;
		int64_t b = in->bytes[i];

		if (up ? b > turn : b < turn)
			turn = b;
		if (up && (double)(turn - b) > step) {
			v->nr_drops++;
			up = false;
			turn = b;
		} else if (!up && (double)(b - turn) > step) {
			up = true;
			turn = b;
		}
	}
}

/* Most that one block or two neighbours gained; where. */
static double largest(const struct blocks *b, unsigned int *ret_first, unsigned int *ret_last)
{
	double most = -INFINITY;

	for (unsigned int i = 0; i < b->nr; i++) {
		double two = i + 1 < b->nr ? b->gain[i] + b->gain[i + 1] : -INFINITY;

		if (b->gain[i] > most) {
			most = b->gain[i];
			*ret_first = *ret_last = i;
		}
		if (two > most * 1.2) {
			most = two;
			*ret_first = i;
			*ret_last = i + 1;
		}
	}
	return most;
}

static double late(const struct blocks *b)
{
	unsigned int n = (unsigned int)(b->nr * LATE_PART + 0.5);
	double sum = 0;

	for (unsigned int i = b->nr - (n ? n : 1); i < b->nr; i++)
		sum += b->gain[i];
	return sum;
}

static bool is_step(const struct blocks *b, const struct verdict *v, unsigned int *ret_first,
		    unsigned int *ret_last)
{
	double most = largest(b, ret_first, ret_last), rest = 0;

	for (unsigned int i = 0; i < b->nr; i++)
		if (i < *ret_first || i > *ret_last)
			rest += fabs(b->gain[i]);
	return most >= STEP_PART * (double)v->growth && rest <= (1 - STEP_PART) * (double)v->growth;
}

static bool is_steady(const struct blocks *b, const struct verdict *v)
{
	unsigned int gained = 0;

	for (unsigned int i = 0; i < b->nr; i++)
		gained += b->gain[i] > 0;
	return gained >= MANY_BLOCKS * b->nr && v->rate_lo > 0 && v->r2 >= MIN_R2 &&
	       v->given_back <= GIVEN_BACK && late(b) >= LATE_STEADY * (double)v->growth;
}

static enum verdict_kind shape(const struct verdict_in *in, const struct blocks *b,
			       const struct verdict *v)
{
	int64_t least = in->scale / FLOOR_PART > FLOOR_BYTES ? in->scale / FLOOR_PART : FLOOR_BYTES;
	int64_t now = in->bytes[in->nr - 1], idle = now - in->in_use;
	unsigned int first = 0, last = 0;

	if (in->in_use >= 0 && idle > in->in_use && idle > in->scale / 4)
		return in->largest_free > idle / 2 ? VERDICT_RETENTION : VERDICT_FRAGMENTATION;
	if (v->range < least)
		return VERDICT_FLAT;
	if (v->nr_drops >= 2 || (v->nr_drops && v->given_back > 0.5))
		return VERDICT_SAWTOOTH;
	if (v->growth < least || (double)v->growth < DROP_PART * (double)v->range)
		return v->growth <= 0 ? VERDICT_FLAT : VERDICT_INSUFFICIENT;
	if (is_step(b, v, &first, &last)) {
		if (last + 1 == b->nr)
			return VERDICT_INSUFFICIENT; /* what follows it is not known */
		return first ? VERDICT_STEP : VERDICT_PLATEAU;
	}
	if (late(b) < LATE_STOPPED * (double)v->growth)
		return VERDICT_PLATEAU;
	return is_steady(b, v) ? VERDICT_LEAK_LIKE : VERDICT_INSUFFICIENT;
}

void verdict_find(const struct verdict_in *in, struct verdict *ret)
{
	struct blocks b;

	memset(ret, 0, sizeof(*ret));
	ret->more = in->more;
	ret->full_s = -1;
	ret->given_back = in->gross > 0 && in->released >= 0 ?
				  fmin(1, (double)in->released / (double)in->gross) :
			  in->gross == 0 ? 0 :
					   -1;
	if (in->nr < 2 || in->time_ns[in->nr - 1] <= in->time_ns[0])
		return;
	extremes(in, ret);
	line(in, ret);
	make_blocks(in, &b);
	if (b.nr < MIN_BLOCKS || in->nr < MIN_POINTS)
		return;
	mean_rate(&b, ret);
	ret->kind = shape(in, &b, ret);
	if (in->limit_left >= 0 && ret->rate > 0)
		ret->full_s = (double)in->limit_left / ret->rate;
}

static const char *back_text(char *buf, size_t sz, const struct verdict *v)
{
	if (v->given_back < 0)
		return "what was given back is not known";
	if (v->given_back < 0.005)
		return "nothing given back";
	snprintf(buf, sz, "%.0f%% given back", v->given_back * 100);
	return buf;
}

static int leak_text(char *dst, size_t sz, const struct verdict *v, bool ascii)
{
	char rate[UNITS_LEN], lo[UNITS_LEN], hi[UNITS_LEN], back[64];

	return snprintf(dst, sz,
			"consistent with a leak: %s (95%% CI %s%s%s), %s %.3f, %s. Not proof: a "
			"cache still filling looks the same",
			fmt_rate(rate, v->rate), fmt_size(lo, (int64_t)v->rate_lo),
			ascii ? "-" : "\u2013", fmt_size(hi, (int64_t)v->rate_hi),
			ascii ? "R2" : "R\u00b2", v->r2, back_text(back, sizeof(back), v));
}

static const char *more_text(const struct verdict *v)
{
	static const char *const texts[] = {
		[VERDICT_MORE_WATCH] = "watch it longer: -d TIME",
		[VERDICT_MORE_VIEW] = "watch it longer",
		[VERDICT_MORE_RECORDING] = "a longer recording would tell more",
		[VERDICT_MORE_PART] = "look at more of the recording: --from, --to",
		[VERDICT_MORE_NONE] = "it has ended, and this is all there was",
	};

	return texts[v->more];
}

char *verdict_text(char *dst, size_t sz, const struct verdict *v, bool ascii)
{
	char grown[UNITS_LEN], range[UNITS_LEN], back[64];

	fmt_growth(grown, v->growth);
	fmt_size(range, v->range);
	switch (v->kind) {
	case VERDICT_LEAK_LIKE:
		leak_text(dst, sz, v, ascii);
		break;
	case VERDICT_FLAT:
		snprintf(dst, sz, "flat: %s, within %s all the time", grown, range);
		break;
	case VERDICT_PLATEAU:
		snprintf(dst, sz, "a plateau: %s, and it has stopped growing; %s", grown,
			 back_text(back, sizeof(back), v));
		break;
	case VERDICT_SAWTOOTH:
		snprintf(dst, sz,
			 "a sawtooth, as of a garbage collector or a cache: %u drops, %s up and "
			 "down, %s in all; %s",
			 v->nr_drops, range, grown, back_text(back, sizeof(back), v));
		break;
	case VERDICT_STEP:
		snprintf(dst, sz, "a step: nearly all of %s came at once, quiet before and after",
			 grown);
		break;
	case VERDICT_RETENTION:
		snprintf(dst, sz,
			 "retention: freed inside the allocator and not given back to the system");
		break;
	case VERDICT_FRAGMENTATION:
		snprintf(dst, sz,
			 "fragmentation: far more is resident than is in use, in small pieces");
		break;
	case VERDICT_INSUFFICIENT:
		snprintf(dst, sz, "not enough to judge by: %s, %s %.3f; %s", grown,
			 ascii ? "R2" : "R\u00b2", v->r2, more_text(v));
		break;
	}
	return dst;
}
