// SPDX-License-Identifier: GPL-2.0
#include "sym/buildid.h"

#include <errno.h>
#include <stdio.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>

int buildid_read(int fd, char *hex, size_t sz)
{
	const unsigned char *id = NULL;
	const void *p;
	ssize_t n;
	int ret = 0;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return -EINVAL;
	n = elf_kind(elf) == ELF_K_ELF ? dwelf_elf_gnu_build_id(elf, &p) : -1;
	if (n < 0)
		ret = -EINVAL;
	else if (!n)
		ret = -ENOENT;
	else if ((size_t)n * 2 + 1 > sz)
		ret = -ERANGE;
	else
		id = p;
	for (ssize_t i = 0; !ret && i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	elf_end(elf);
	return ret;
}
