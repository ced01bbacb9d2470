// SPDX-License-Identifier: GPL-2.0
#include "serve/ps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "serve/serve_int.h"
#include "util/clock.h"

static void by_class(struct proc *p, const struct strtab *st, struct ps_row *r)
{
	struct kind_sum sum;

	proc_kinds(p, st);
	proc_kind_sum(p, &sum);
	for (unsigned int k = 0; k < RK_NR; k++)
		if (region_kind_in_rss((enum region_kind)k))
			r->by_class[hist_class_of(k)] += sum.resident[k];
	r->by_class[HC_SWAP] = p->rss[MTR_SWAP] > 0 ? p->rss[MTR_SWAP] : 0;
}

static char *copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

static int64_t above_0(int64_t v)
{
	return v > 0 ? v : 0;
}

/* As the kernel counts it: vsyscall is in the map, but not the process's. */
static int64_t virt(struct proc *p)
{
	struct region *last = aspace_last(&p->aspace);

	return (int64_t)(p->aspace.virt - (last && last->start >> 63 ? region_size(last) : 0));
}

static void fill(struct ps_row *r, const struct served *s, const struct strtab *st)
{
	struct proc *p = s->sp->p;

	r->pid = p->pid;
	r->uid = s->uid;
	snprintf(r->comm, sizeof(r->comm), "%s", strtab_str(st, p->comm));
	r->exe = copy(strtab_str(st, p->exe));
	r->cgroup = copy(s->cgroup);
	memcpy(r->group, s->group, sizeof(r->group));
	r->start_time_ns = p->start_time_ns;
	r->since_ns = s->since_ns;
	r->rss = proc_rss(p);
	r->anon = above_0(p->rss[MTR_ANON]);
	r->file = above_0(p->rss[MTR_FILE]);
	r->shmem = above_0(p->rss[MTR_SHMEM]);
	r->swap = above_0(p->rss[MTR_SWAP]);
	r->virt = virt(p);
	by_class(p, st, r);
	for (unsigned int k = 0; k < PS_SPANS; k++) {
		r->known[k] = s->known[k];
		r->rate[k] = s->rate[k];
	}
	snprintf(r->verdict, sizeof(r->verdict), "%s", verdict_name(s->verdict.kind));
	verdict_text(r->verdict_text, sizeof(r->verdict_text), &s->verdict, false);
	r->full_s = s->verdict.full_s;
	r->headroom = s->headroom;
	r->headroom_tid = s->headroom_tid;
	r->faults_per_s = s->faults_per_s;
	r->gap_from_ns = s->gap_from_ns;
	r->gap_to_ns = s->gap_to_ns;
}

static void fill_daemon(struct serve *sv, struct ps_table *t)
{
	const struct mtr_cost *c = session_cost(sv->s);
	struct serve_counts n;

	serve_counts(sv, &n);
	t->now_ns = serve_now(sv);
	t->now_real_ns = clock_ns(CLOCK_REALTIME) - (boot_ns() - t->now_ns);
	t->pid = (uint32_t)getpid();
	t->since_ns = sv->since_ns;
	t->nr_seen = n.nr_seen;
	t->nr_ended = n.nr_ended;
	t->nr_beyond = n.nr_beyond;
	t->nr_unfollowed = n.nr_unfollowed;
	t->lost = n.lost;
	t->self_cpu_percent = c->self_cpu_percent;
	t->bpf_percent = c->bpf_percent;
	t->self_rss = c->self_rss_bytes;
}

int serve_ps(struct serve *sv, bool all, uid_t uid, struct ps_table *ret_t)
{
	const struct strtab *st = session_model(sv->s)->st;

	ps_init(ret_t);
	fill_daemon(sv, ret_t);
	for (unsigned int i = 0; i < sv->table.nr; i++) {
		const struct served *s = sv->table.procs[i];
		struct ps_row *r;

		/* whose it is, is not known: nobody's but root's */
		if (!all && s->uid != uid)
			continue;
		r = ps_add(ret_t);
		if (!r) {
			ps_fini(ret_t);
			return -ENOMEM;
		}
		fill(r, s, st);
	}
	return 0;
}

char *serve_ps_json(struct serve *sv, bool all, uid_t uid, size_t *ret_len)
{
	struct ps_table t;
	char *text = NULL;
	FILE *f;
	int err = serve_ps(sv, all, uid, &t);

	if (err)
		return NULL;
	f = open_memstream(&text, ret_len);
	if (f) {
		err = ps_json(f, &t);
		if (fclose(f))
			err = -ENOMEM;
	}
	ps_fini(&t);
	if (f && !err)
		return text;
	free(text);
	return NULL;
}
