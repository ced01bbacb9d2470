/* SPDX-License-Identifier: GPL-2.0 */
/* Sending what a range of an address space is now; for every hook that learns it. */
#ifndef MTR_VMA_H
#define MTR_VMA_H

#include "mtr_common.h"

/* A (dev, ino) is named once to each address space, before the first VMA that maps it. */
static __always_inline void name_file(u32 as, u32 tid, struct file *file, struct inode *inode,
				      u32 dev)
{
	struct dentry *d = BPF_CORE_READ(file, f_path.dentry);
	struct file_key key = {
		.ino = BPF_CORE_READ(inode, i_ino), .dentry = (u64)d, .dev = dev, .as = as
	};
	struct mtr_w_file *r;
	u8 one = 1;

	if (bpf_map_lookup_elem(&files_seen, &key))
		return;
	r = record(MTR_W_FILE, sizeof(*r), as, tid, 0);
	if (!r)
		return;
	bpf_map_update_elem(&files_seen, &key, &one, BPF_ANY);
	r->ino = key.ino;
	r->dev = dev;
	r->fs_magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (bpf_probe_read_kernel_str(r->name, sizeof(r->name), BPF_CORE_READ(d, d_name.name)) < 0)
		r->name[0] = '\0';
	send(r, NULL);
}

static __always_inline void name_anon(u32 as, u32 tid, u64 start, u64 end,
				      struct vm_area_struct *vma, bool also_none)
{
	struct anon_vma_name *an;
	struct mtr_w_name *r;

	if (!bpf_core_field_exists(vma->anon_name))
		return;
	an = BPF_CORE_READ(vma, anon_name);
	if (!an && !also_none)
		return;
	r = record(MTR_W_NAME, sizeof(*r), as, tid, 0);
	if (!r)
		return;
	r->start = start;
	r->end = end;
	r->name[0] = '\0';
	if (an)
		bpf_probe_read_kernel_str(r->name, sizeof(r->name), &an->name);
	send(r, NULL);
}

/* @start and @end are passed: while a VMA is being stored its own may not be final. */
static __always_inline void send_vma(u32 as, u32 tid, u32 src, u64 start, u64 end,
				     struct vm_area_struct *vma, bool rename)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);
	struct inode *inode = NULL;
	struct mtr_w_vma *r;
	u32 dev = 0;

	if (file) {
		inode = BPF_CORE_READ(file, f_inode);
		dev = BPF_CORE_READ(inode, i_sb, s_dev);
		name_file(as, tid, file, inode, dev);
	}
	r = record(MTR_W_VMA, sizeof(*r), as, tid, src);
	if (!r)
		return;
	r->start = start;
	r->end = end;
	r->flags = BPF_CORE_READ(vma, vm_flags);
	r->dev = dev;
	if (file) {
		r->ino = BPF_CORE_READ(inode, i_ino);
		r->pgoff = BPF_CORE_READ(vma, vm_pgoff) << PAGE_SHIFT;
		/* the part of a VMA that is being stored may begin above it */
		r->pgoff += start - BPF_CORE_READ(vma, vm_start);
		r->special = 0;
	} else {
		r->ino = 0;
		r->pgoff = 0;
		r->special = BPF_CORE_READ(vma, vm_ops) != NULL;
	}
	send(r, NULL);
	if (!file)
		name_anon(as, tid, start, end, vma, rename);
}

static __always_inline void send_hole(u32 as, u32 tid, u32 src, u64 start, u64 end)
{
	struct mtr_w_hole *r = record(MTR_W_HOLE, sizeof(*r), as, tid, src);

	if (!r)
		return;
	r->start = start;
	r->end = end;
	send(r, NULL);
}

#endif
