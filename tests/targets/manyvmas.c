// SPDX-License-Identifier: GPL-2.0
/*
 * manyvmas: an address space of many regions and threads, then idle.
 *
 *	manyvmas [--vmas N] [--threads N] [--seconds N] [--touch]
 *
 * CHECKPOINT 0: nothing done; CHECKPOINT 1: everything there, with vmas= of /proc/self/maps and
 * the block whose pages alternate in protection. Without a harness it sleeps --seconds (60).
 */
#include "target.h"
#include <pthread.h>

static struct {
	u64 vmas, threads, seconds;
	bool touch;
} cfg = { .vmas = 20000, .threads = 1000, .seconds = 60 };

static pthread_barrier_t all_started;

static void *idle_main(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&all_started);
	for (;;)
		pause();
	return NULL;
}

static void start_threads(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	char name[16];

	pthread_barrier_init(&all_started, NULL, (unsigned int)cfg.threads + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (u64 i = 0; i < cfg.threads; i++) {
		int err = pthread_create(&thread, &attr, idle_main, NULL);

		if (err)
			target_die("manyvmas: thread %lu: %s", i, strerror(err));
		snprintf(name, sizeof(name), "idle%u", (unsigned int)i);
		pthread_setname_np(thread, name);
	}
	pthread_barrier_wait(&all_started);
}

/* N pages whose protection alternates are N regions. */
static char *make_vmas(void)
{
	size_t len = (cfg.vmas + 1) * page_sz;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		target_die("manyvmas: %s", strerror(errno));
	for (u64 i = 0; i < cfg.vmas; i++) {
		if (cfg.touch)
			p[i * page_sz] = 1;
		if (i % 2 && mprotect(p + i * page_sz, page_sz, PROT_READ))
			target_die("manyvmas: region %lu: %s: see vm.max_map_count", i,
				   strerror(errno));
	}
	munmap(p + cfg.vmas * page_sz, page_sz);
	return p;
}

static u64 count_vmas(void)
{
	static char buf[65536];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	u64 nr = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			nr += buf[i] == '\n';
	close(fd);
	return nr;
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "vmas", OPT_U64, &cfg.vmas },
		{ "threads", OPT_U64, &cfg.threads },
		{ "seconds", OPT_U64, &cfg.seconds },
		{ "touch", OPT_FLAG, &cfg.touch },
		{ NULL, OPT_FLAG, NULL },
	};
	u64 nr;
	char *p;

	target_init(argc, argv, opts);
	target_checkpoint("pid=%d vmas=%lu threads=%lu", (int)getpid(), cfg.vmas, cfg.threads);
	p = make_vmas();
	start_threads();
	nr = count_vmas();
	target_checkpoint("pid=%d vmas=%lu threads=%lu start=0x%lx end=0x%lx", (int)getpid(), nr,
			  cfg.threads + 1, (u64)p, (u64)p + cfg.vmas * page_sz);
	if (target_mode != TARGET_SYNCED) {
		target_say("READY pid=%d vmas=%lu threads=%lu", (int)getpid(), nr, cfg.threads + 1);
		sleep((unsigned int)cfg.seconds);
	}
	target_say("DONE vmas=%lu threads=%lu", nr, cfg.threads + 1);
	_exit(0);
}
