// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer on what reads a program's own description of itself: any bytes as an ELF file with
 * symbols, unwind tables and debug information, mapped where it says. At addresses all over its
 * code a stack is unwound, every frame named, and its variables found.
 *
 *   make fuzz [FUZZ_SECONDS=N]
 *
 * The corpus are small programs without libc: C at -O0 and -O2, and Rust.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "sym/syms.h"
#include "sym/unwind.h"
#include "sym/vars.h"

#define BASE 0x7f0000000000ull
#define STACK 0x7ffff0000000ull
#define STACK_SZ 2048
/* Bytes of code before and behind the entry that are looked at, and in which steps. */
#define BEFORE 480
#define BEHIND 64
#define STEP 8
#define MAX_FRAMES 6
#define MAX_CALLS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sym_map file_map = { .ino = 1, .dev = 1, .path = "/fuzz" };

/* The file of the mappings is the one at hand: nothing is opened. */
static bool give_file(struct syms *s, struct elfmod *m)
{
	struct symfile *f = calloc(1, sizeof(*f));

	if (!f)
		return false;
	f->key.ino = file_map.ino;
	f->key.dev = (uint32_t)file_map.dev;
	f->m = m;
	f->name = strdup("fuzz");
	HASH_ADD(hh, s->files, key, sizeof(f->key), f);
	return true;
}

/* As a loader would, but for segments that lie one on another or nowhere. Returns how many. */
static unsigned int map_file(struct syms *s, const struct elfmod *m, struct sym_map *map,
			     unsigned int max)
{
	unsigned int nr = 0;
	uint64_t last = BASE;

	for (unsigned int i = 0; i < m->nr_loads && nr < max; i++) {
		const struct load *l = &m->load[i];
		uint64_t start = BASE + (l->vaddr & ~4095ull), size = l->memsz + 4096;

		if (l->vaddr > 1ull << 40 || size > 1ull << 24 || start < last)
			continue;
		map[nr] = file_map;
		map[nr].start = start;
		map[nr].end = last = start + (size & ~4095ull);
		map[nr].pgoff = l->offset & ~4095ull;
		map[nr].exec = l->exec;
		map[nr++].write = l->write;
	}
	return syms_set_maps(s, map, nr) ? 0 : nr;
}

static bool read_stack(void *ctx, uint64_t addr, void *buf, size_t sz)
{
	const struct mtr_stack_part *p = ctx;

	if (addr < p->addr || addr - p->addr > p->size || sz > p->size - (addr - p->addr))
		return false;
	memcpy(buf, p->data + (addr - p->addr), sz);
	return true;
}

static void look(struct syms *s, struct mtr_stack_copy *copy)
{
	static struct unwind_frame frame[MAX_FRAMES];
	static struct mtr_regs regs[MAX_FRAMES];
	const struct vars_env env = {
		.s = s, .read = read_stack, .ctx = &copy->part[0], .values = true
	};
	struct unwind_result u;
	struct sym_vars vars;

	unwind(s, copy, frame, regs, MAX_FRAMES, &u);
	if (u.nr > MAX_FRAMES)
		abort();
	for (unsigned int i = 0; i < u.nr; i++) {
		if (!syms_addr(s, unwind_lookup(&frame[i])))
			abort();
		if (!syms_vars(&env, &frame[i], &regs[i], u.nr - i, &vars))
			syms_vars_free(&vars);
	}
}

/* Where a call returns to, as far as bytes tell: a stack of these unwinds further than one of anything else. */
static unsigned int find_calls(const struct elfmod *m, const uint8_t *data, size_t size,
			       uint64_t *ret, unsigned int max)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < m->nr_loads; i++) {
		const struct load *l = &m->load[i];

		for (uint64_t at = 0; l->exec && at < l->filesz && at < size && nr < max; at++)
			if (l->offset < size - at && data[l->offset + at] == 0xe8)
				ret[nr++] = BASE + l->vaddr + at + 5;
	}
	return nr;
}

static void fill(uint64_t *word, const uint64_t *call, unsigned int nr)
{
	for (unsigned int i = 0; i < STACK_SZ / sizeof(*word); i++)
		word[i] = i % 8 && nr ? call[i % nr] : i % 16 ? i : STACK + i * 16 % STACK_SZ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elfmod *m = elfmod_memory(data, size, "fuzz");
	struct syms *s = m ? syms_new(0, false) : NULL;
	uint64_t word[STACK_SZ / sizeof(uint64_t)], call[MAX_CALLS], off, entry;
	struct mtr_stack_copy copy = {
		.part[0] = { .addr = STACK, .size = STACK_SZ, .data = (uint8_t *)word }
	};
	struct sym_place place[4];
	struct sym_map map[8];

	if (!s || !give_file(s, m)) {
		elfmod_put(m);
		goto out;
	}
	memcpy(&entry, data + offsetof(Elf64_Ehdr, e_entry), sizeof(entry));
	entry += BASE;
	fill(word, call, find_calls(m, data, size, call, MAX_CALLS));
	for (unsigned int r = 0; r < MTR_NR_REGS; r++)
		copy.regs.r[r] = STACK + 64 * r;
	copy.regs.r[MTR_REG_SP] = STACK + 128;
	copy.regs.valid = (1u << MTR_NR_REGS) - 1;
	for (unsigned int i = map_file(s, m, map, 8); i-- > 0;)
		syms_data(s, map[i].start + 8, &off);
	/* the programs of the corpus have all of their code there */
	for (uint64_t pc = entry - BEFORE; pc != entry + BEHIND; pc += STEP) {
		copy.regs.r[MTR_REG_PC] = pc;
		look(s, &copy);
	}
	syms_function(s, "add", place, 4);
out:
	syms_free(s);
	return 0;
}
