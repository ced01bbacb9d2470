// SPDX-License-Identifier: GPL-2.0
/*
 * What a call stack costs in user space, and a name; for scripts/bench-growth, which adds what
 * real programs cost.
 *
 *	callpath_bench stacks         "known NS": a stack whose path was seen is told again
 *	                              "warm NS FRAMES": unwound, all its addresses seen before
 *	callpath_bench names FILE NR  "names NS NR NAMED LINES": so many addresses, evenly over the
 *	                              code of a program or library, which is not open yet
 *
 * Times are of one stack, least of many rounds; of all names together, files' opening included.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "callpaths.h"
#include "export/symmaps.h"
#include "snap.h"
#include "sym/unwind.h"
#include "util/clock.h"

#define COPY 2048 /* bytes, as BPF takes them */
#define DEPTH 12
#define ROUNDS 50
#define PER_ROUND 200

static struct mtr_stack_copy copy;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The top of this very stack, with the registers as they are here. */
__attribute__((noinline)) static void take(void)
{
	static const int dwarf[MTR_NR_REGS] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI,
						REG_RDI, REG_RBP, REG_RSP, REG_R8,  REG_R9,
						REG_R10, REG_R11, REG_R12, REG_R13, REG_R14,
						REG_R15, REG_RIP };
	struct mtr_stack_part *p = &copy.part[0];
	ucontext_t uc;

	if (getcontext(&uc))
		die("getcontext");
	for (int i = 0; i < MTR_NR_REGS; i++)
		copy.regs.r[i] = (uint64_t)uc.uc_mcontext.gregs[dwarf[i]];
	copy.regs.valid = (1u << MTR_NR_REGS) - 1;
	p->addr = copy.regs.r[MTR_REG_SP];
	p->size = COPY;
	p->data = malloc(COPY);
	if (!p->data || process_vm_readv(getpid(), &(struct iovec){ p->data, COPY }, 1,
					 &(struct iovec){ (void *)p->addr, COPY }, 1, 0) != COPY)
		die("the stack");
}

__attribute__((noinline)) static int deeper(int left)
{
	int ret = 0;

	if (left)
		ret = deeper(left - 1) + 1;
	else
		take();
	__asm__ volatile("" ::: "memory");
	return ret;
}

static struct proc *self(struct snap *s)
{
	struct proc *p;

	if (snap_take(s, getpid(), 1, true, &p))
		exit(1);
	return p;
}

static void stacks(void)
{
	struct mtr_event ev = { .kind = MTR_EV_STACK, .as = 1, .tid = 1 };
	struct unwind_frame f[128];
	struct unwind_result res = { .nr = 0 };
	uint64_t known = UINT64_MAX, warm = UINT64_MAX, nr_known, ns;
	struct callpaths *c;
	struct syms *syms;
	struct snap s;
	struct proc *p;

	deeper(DEPTH);
	p = self(&s);
	c = callpaths_new(&s.model, 1, 1);
	syms = syms_new(getpid(), false);
	if (!c || !syms || symmaps_set(syms, &p->aspace, s.st, NULL, true))
		die("memory");
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begun = boot_ns();

		for (int i = 0; i < PER_ROUND; i++) {
			ev.stack = (struct mtr_ev_stack){ .ip = copy.regs.r[MTR_REG_PC],
							  .sp = copy.regs.r[MTR_REG_SP],
							  .copy = &copy };
			callpaths_event(c, &ev);
		}
		ns = (boot_ns() - begun) / PER_ROUND;
		known = ns < known ? ns : known;
		begun = boot_ns();
		for (int i = 0; i < PER_ROUND; i++)
			unwind(syms, &copy, f, NULL, 128, &res);
		ns = (boot_ns() - begun) / PER_ROUND;
		warm = ns < warm ? ns : warm;
	}
	callpaths_work(c, 1, &nr_known, &ns);
	if (res.nr < DEPTH || nr_known != (uint64_t)ROUNDS * PER_ROUND - 1) {
		fprintf(stderr, "%u frames, %llu of %d stacks were known\n", res.nr,
			(unsigned long long)nr_known, ROUNDS * PER_ROUND);
		exit(1);
	}
	printf("known %llu\nwarm %llu %u\n", (unsigned long long)known, (unsigned long long)warm,
	       res.nr);
	syms_free(syms);
	callpaths_free(c);
	snap_release(&s);
	free(copy.part[0].data);
}

/* The code of a file, mapped; its size. */
static uint64_t map_code(const char *path, uint64_t *ret_sz)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (fd < 0 || pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_ident[EI_CLASS] != ELFCLASS64)
		die(path);
	for (int i = 0; i < eh.e_phnum; i++) {
		uint64_t off;
		void *at;

		if (pread(fd, &ph, sizeof(ph),
			  (off_t)(eh.e_phoff + (uint64_t)i * eh.e_phentsize)) != sizeof(ph))
			die(path);
		if (ph.p_type != PT_LOAD || !(ph.p_flags & PF_X))
			continue;
		off = ph.p_offset & ~4095ull;
		*ret_sz = ph.p_filesz;
		at = mmap(NULL, ph.p_filesz + ph.p_offset - off, PROT_READ | PROT_EXEC, MAP_PRIVATE,
			  fd, (off_t)off);
		if (at == MAP_FAILED)
			die(path);
		close(fd);
		return (uint64_t)at + ph.p_offset - off;
	}
	fprintf(stderr, "%s has no code\n", path);
	exit(1);
}

static void names(const char *path, unsigned int nr)
{
	unsigned int named = 0, lines = 0;
	uint64_t sz = 0, at = map_code(path, &sz), begun;
	struct syms *syms = syms_new(getpid(), false);
	struct snap s;
	struct proc *p = self(&s);

	if (!syms || symmaps_set(syms, &p->aspace, s.st, NULL, true))
		die("memory");
	begun = boot_ns();
	for (unsigned int i = 0; i < nr; i++) {
		const struct sym_addr *a = syms_addr(syms, at + sz / nr * i);

		named += a && a->name[0].function;
		lines += a && a->name[0].line;
	}
	printf("names %llu %u %u %u\n", (unsigned long long)(boot_ns() - begun), nr, named, lines);
	syms_free(syms);
	snap_release(&s);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "stacks")) {
		stacks();
	} else if (argc == 4 && !strcmp(argv[1], "names") && atoi(argv[3]) > 0) {
		names(argv[2], (unsigned int)atoi(argv[3]));
	} else {
		fprintf(stderr, "callpath_bench stacks | names FILE NR\n");
		return 2;
	}
	return 0;
}
