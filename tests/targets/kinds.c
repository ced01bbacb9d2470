// SPDX-License-Identifier: GPL-2.0
/*
 * kinds: one region of each kind, at an address that is known without looking at the maps.
 *
 *	kinds
 *
 * CHECKPOINT 0: nothing made. Then "REGION <start> <end> <kind> <name>" for each (the name is the
 * rest of the line; for a thread's stack and arena it is "tid N"), "SKIP <kind> <why>" for what
 * this machine has not, and CHECKPOINT 1. What the kernel places ([stack], [heap], [vdso], [vvar],
 * [vsyscall]) has its range from /proc/self/maps; modules from their program headers:
 *
 *	text rodata | relro  data            bss
 *	            | PT_GNU_RELRO  p_filesz ^  ^ p_memsz, both rounded up to a page
 */
#include "target.h"
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>

#define ARENA_SZ (64UL << 20)
#define SLOT (16UL << 20)

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static volatile char big_bss[256 * 1024];
static const volatile char big_rodata[64 * 1024] = { 1 };
static volatile char big_data[64 * 1024] = { 1 };
static char file_path[256], shm_path[32];
static char *next_slot;
static sem_t made, leave;
static volatile char sink;

static void say(const void *start, const void *end, const char *kind, const char *name)
{
	target_say("REGION 0x%lx 0x%lx %s %s", (u64)start, (u64)end, kind, name);
}

static u64 page_up(u64 at)
{
	return (at + page_sz - 1) & ~(page_sz - 1);
}

/* An address with nothing near it: no two regions here merge. */
static char *slot(void)
{
	char *p = next_slot;

	next_slot += SLOT;
	return p;
}

static void make(const char *kind, const char *name, size_t len, int prot, int flags, int fd)
{
	char *at = slot(), *p = mmap(at, len, prot, flags | MAP_FIXED, fd, 0);

	if (p == MAP_FAILED) {
		target_say("SKIP %s %s: %s", kind, name, strerror(errno));
		return;
	}
	if (prot & PROT_WRITE)
		p[0] = 1;
	say(p, p + len, kind, name);
}

static void make_anon(void)
{
	int rw = PROT_READ | PROT_WRITE;
	char *at = slot();

	make("anon", "private", 8 * page_sz, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	make("shm", "/dev/zero (deleted)", 8 * page_sz, rw, MAP_SHARED | MAP_ANONYMOUS, -1);
	mmap(at, 4 * page_sz, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, 4 * page_sz, "my cache"))
		target_say("SKIP anon_named %s", strerror(errno));
	else
		say(at, at + 4 * page_sz, "anon_named", "my cache");
	make("hugetlb", "2M", 2UL << 20, rw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
}

static void make_files(void)
{
	const char *dir = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	int rw = PROT_READ | PROT_WRITE, fd;

	snprintf(file_path, sizeof(file_path), "%s/kinds.%d", dir, (int)getpid());
	unlink(file_path); /* of one that had our number and was killed */
	fd = open(file_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 65536))
		target_die("kinds: %s: %s", file_path, strerror(errno));
	make("file", file_path, 65536, PROT_READ, MAP_PRIVATE, fd);
	make("file", file_path, 65536, rw, MAP_SHARED, fd);
	snprintf(shm_path, sizeof(shm_path), "/kinds.%d", (int)getpid());
	shm_unlink(shm_path);
	fd = shm_open(shm_path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || ftruncate(fd, 65536))
		target_say("SKIP shm %s: %s", shm_path, strerror(errno));
	else
		make("shm", shm_path, 65536, rw, MAP_SHARED, fd);
	fd = memfd_create("kinds memfd", MFD_CLOEXEC);
	if (fd >= 0 && !ftruncate(fd, 65536))
		make("memfd", "kinds memfd", 65536, rw, MAP_SHARED, fd);
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	make("device", "/dev/zero", 65536, rw, MAP_PRIVATE, fd);
}

static void make_sysv(void)
{
	int id = shmget(IPC_PRIVATE, 65536, 0600);
	char *p = id < 0 ? MAP_FAILED : shmat(id, slot(), 0);

	if (p == MAP_FAILED) {
		target_say("SKIP sysv %s", strerror(errno));
		return;
	}
	shmctl(id, IPC_RMID, NULL);
	say(p, p + 65536, "sysv", "/SYSV00000000");
}

/*
 * A chunk of its own. Its region may have merged with anonymous memory next to it, so the chunk
 * lies in a region of this kind and need not fill it. Its header, two words before the pointer,
 * carries size and flags.
 */
static void make_chunk(void)
{
	size_t *p = malloc(1 << 20);
	char *start = (char *)(p - 2);

	p[0] = 1;
	say(start, start + (p[-1] & ~7UL), "anon", "malloc chunk");
}

/* A thread's stack with its guard, and the arena that its first malloc made. */
static void *thread_main(void *arg)
{
	size_t size, guard, *p = malloc(1000);
	char name[32], *arena = (char *)((u64)p & ~(ARENA_SZ - 1));
	pthread_attr_t attr;
	void *start;

	(void)arg;
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &start, &size);
	pthread_attr_getguardsize(&attr, &guard);
	snprintf(name, sizeof(name), "tid %ld", syscall(SYS_gettid));
	say(start, (char *)start + size, "thread_stack", name);
	say((char *)start - guard, start, "guard", name);
	p[0] = 1;
	/* heap_info: ar_ptr, prev, size, mprotect_size: so much is readable, the rest reserved */
	say(arena, arena + ((size_t *)arena)[3], "arena", name);
	say(arena + ((size_t *)arena)[3], arena + ARENA_SZ, "arena", name);
	sem_post(&made);
	while (sem_wait(&leave))
		;
	return NULL;
}

static void say_data(const char *base, const ElfW(Phdr) * ph, u64 relro_end, const char *name)
{
	u64 start = ((u64)base + ph->p_vaddr) & ~(page_sz - 1);
	u64 data_end = page_up((u64)base + ph->p_vaddr + ph->p_filesz);
	u64 end = page_up((u64)base + ph->p_vaddr + ph->p_memsz);

	if (relro_end > start) {
		say((void *)start, (void *)relro_end, "relro", name);
		start = relro_end;
	}
	if (data_end > start)
		say((void *)start, (void *)data_end, "data", name);
	if (end > data_end)
		say((void *)data_end, (void *)end, "bss", name);
}

static int say_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *base = (const char *)info->dlpi_addr;
	const char *name = strrchr(info->dlpi_name, '/');
	u64 relro_end = 0;

	(void)size;
	(void)arg;
	name = name ? name + 1 : info->dlpi_name[0] ? info->dlpi_name : "kinds";
	if (!strncmp(name, "linux-", 6)) /* the vdso */
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO)
			relro_end = ((u64)base + info->dlpi_phdr[i].p_vaddr +
				     info->dlpi_phdr[i].p_memsz) &
				    ~(page_sz - 1);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		u64 start = ((u64)base + ph->p_vaddr) & ~(page_sz - 1);
		u64 end = page_up((u64)base + ph->p_vaddr + ph->p_memsz);

		if (ph->p_type != PT_LOAD)
			continue;
		if (ph->p_flags & PF_W)
			say_data(base, ph, relro_end, name);
		else
			say((void *)start, (void *)end, ph->p_flags & PF_X ? "text" : "rodata",
			    name);
	}
	return 0;
}

static const char *kind_of_special(const char *name)
{
	if (!strcmp(name, "[stack]") || !strcmp(name, "[heap]"))
		return name[1] == 's' ? "stack" : "heap";
	if (!strcmp(name, "[vdso]"))
		return "vdso";
	if (!strncmp(name, "[vvar", 5))
		return "vvar";
	return strcmp(name, "[vsyscall]") ? NULL : "vsyscall";
}

static void say_special(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512], name[256];
	u64 start, end;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %255s", &start, &end, name) == 3 &&
		    kind_of_special(name))
			say((void *)start, (void *)end, kind_of_special(name), name);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = { { NULL, OPT_FLAG, NULL } };
	char *volatile small;
	pthread_t thread;

	target_init(argc, argv, opts);
	target_checkpoint("pid=%d", (int)getpid());
	next_slot = (char *)0x210000000000;
	small = malloc(1000);
	big_bss[1000] = small[0] = 1;
	sink = big_rodata[argc] + big_data[argc];
	sem_init(&made, 0, 0);
	sem_init(&leave, 0, 0);
	make_anon();
	make_files();
	make_sysv();
	make_chunk();
	pthread_create(&thread, NULL, thread_main, NULL);
	pthread_setname_np(thread, "second");
	while (sem_wait(&made))
		;
	dl_iterate_phdr(say_module, NULL);
	say_special();
	target_checkpoint("pid=%d", (int)getpid());
	unlink(file_path);
	shm_unlink(shm_path);
	sem_post(&leave);
	pthread_join(thread, NULL);
	target_say("DONE");
	return 0;
}
