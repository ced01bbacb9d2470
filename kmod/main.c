// SPDX-License-Identifier: GPL-2.0
/* memtrace.ko: the device, its ioctls, loading and unloading. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "compat.h"
#include "memtrace.h"

#define CREATE_TRACE_POINTS
#include "memtrace_trace.h"

static struct kmem_cache *file_cache;

static int do_info(struct memtrace_file *file, void *arg)
{
	struct memtrace_info *info = arg;
	const u32 size = info->size;

	*info = (struct memtrace_info){
		.size = size,
		.abi = MEMTRACE_ABI,
		.features = MEMTRACE_F_NOTIFY | MEMTRACE_F_SNAPSHOT,
		.page_size = PAGE_SIZE,
		.nr_ranges = MEMTRACE_NR_MARKS,
		.version = MEMTRACE_VERSION,
	};
	return 0;
}

static bool may_watch(struct user_namespace *ns)
{
	return ns && (ns_capable(ns, CAP_SYS_PTRACE) || ns_capable(ns, CAP_PERFMON));
}

/* The address space of a task that the caller may watch, with a user reference. */
static struct mm_struct *target_mm(struct task_struct *task)
{
	struct user_namespace *ns;
	struct mm_struct *mm;
	int err;

	if (task->flags & PF_KTHREAD)
		return ERR_PTR(-EINVAL);
	err = memtrace_exec_lock(task);
	if (err)
		return ERR_PTR(err);
	mm = get_task_mm(task);
	if (!mm) {
		mm = ERR_PTR(-ESRCH);
		goto out_unlock;
	}
	/* Of this very mm: an exec in the meantime cannot put another in its place. */
	ns = memtrace_get_user_ns(task, mm);
	if (!may_watch(ns)) {
		mmput_async(mm);
		mm = ERR_PTR(-EPERM);
	}
	put_user_ns(ns);
out_unlock:
	memtrace_exec_unlock(task);
	return mm;
}

static int attach_task(struct memtrace_file *file, struct task_struct *task)
{
	struct mm_struct *mm = target_mm(task);
	struct memtrace_range *slots;
	int err = -ENOMEM;

	if (IS_ERR(mm))
		return PTR_ERR(mm);
	slots = kvmalloc_array(MEMTRACE_NR_MARKS, sizeof(*slots), GFP_KERNEL_ACCOUNT);
	file->records =
		kvmalloc_array(MEMTRACE_NR_RECORDS, sizeof(*file->records), GFP_KERNEL_ACCOUNT);
	if (slots && file->records) {
		memtrace_marks_init(&file->marks, slots, MEMTRACE_NR_MARKS);
		err = memtrace_watch_attach(file, mm, task->tgid);
	}
	if (err) {
		kvfree(file->records);
		kvfree(slots);
		file->records = NULL;
		file->marks.r = NULL;
	}
	mmput_async(mm);
	return err;
}

static int do_attach(struct memtrace_file *file, void *arg)
{
	struct memtrace_attach *a = arg;
	struct task_struct *task;
	struct pid *pid;
	int err;

	if (a->flags || a->reserved || a->pid < 0)
		return -EINVAL;
	if (file->watch)
		return -EBUSY;
	pid = a->pid ? find_get_pid(a->pid) : get_task_pid(current, PIDTYPE_PID);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return -ESRCH;
	err = attach_task(file, task);
	if (!err) {
		a->id = file->watch->id;
		a->tgid = task_tgid_vnr(task);
	}
	put_task_struct(task);
	return err;
}

static int do_stats(struct memtrace_file *file, void *arg)
{
	struct memtrace_stats *s = arg;
	struct memtrace_watch *w = file->watch;
	const u32 size = s->size;

	if (!w)
		return -ENOTCONN;
	*s = (struct memtrace_stats){
		.size = size,
		.id = w->id,
		.nr_slices = file->nr_slices,
		.nr_regions = file->nr_regions,
		.nr_retries = file->nr_retries,
		.hold_ns = file->hold_ns,
		.hold_max_ns = file->hold_max_ns,
	};
	spin_lock(&w->lock);
	s->flags = (w->released ? MEMTRACE_ST_RELEASED : 0) |
		   (file->marks.nr_merged ? MEMTRACE_ST_MERGED : 0);
	s->seq = w->seq;
	s->nr_start = w->nr_start;
	s->nr_end = w->nr_end;
	s->nr_nonblock = w->nr_nonblock;
	s->nr_marked = file->marks.nr;
	s->nr_running = w->nr_running + w->nr_running_more;
	s->nr_merged = file->marks.nr_merged;
	spin_unlock(&w->lock);
	return 0;
}

static int do_snapshot(struct memtrace_file *file, void *arg)
{
	return file->watch ? memtrace_snapshot(file, arg) : -ENOTCONN;
}

union argument {
	u32 size;
	struct memtrace_info info;
	struct memtrace_attach attach;
	struct memtrace_stats stats;
	struct memtrace_snapshot snapshot;
};

static const struct {
	unsigned int cmd;
	size_t size; /* of the struct now */
	size_t min; /* of its first version */
	int (*call)(struct memtrace_file *file, void *arg);
} calls[] = {
	{ MEMTRACE_IOC_INFO, sizeof(struct memtrace_info), 40, do_info },
	{ MEMTRACE_IOC_ATTACH, sizeof(struct memtrace_attach), 32, do_attach },
	{ MEMTRACE_IOC_STATS, sizeof(struct memtrace_stats), 104, do_stats },
	{ MEMTRACE_IOC_SNAPSHOT, sizeof(struct memtrace_snapshot), 72, do_snapshot },
};

/* The size is the struct's own business, not the number's. */
static unsigned int without_size(unsigned int cmd)
{
	return cmd & ~IOCSIZE_MASK;
}

#ifdef MEMTRACE_VARIANT_plant
/* A bug for the fuzzer to find: the caller's size is believed. Never in a module that is used. */
static void planted_bug(u32 size, const void __user *from)
{
	char *buf = kmalloc(sizeof(struct memtrace_attach), GFP_KERNEL);
	unsigned long left;

	if (!buf)
		return;
	left = __copy_from_user_inatomic(buf, from, min_t(u32, size, 128));
	(void)left;
	kfree(buf);
}
#else
static void planted_bug(u32 size, const void __user *from)
{
}
#endif

static long memtrace_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct memtrace_file *file = filp->private_data;
	void __user *user = (void __user *)arg;
	union argument a;
	unsigned long cursor;
	unsigned int i;
	u32 size;
	long err;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (without_size(cmd) == without_size(calls[i].cmd))
			break;
	if (i == ARRAY_SIZE(calls))
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < calls[i].min)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	memset(&a, 0, sizeof(a));
	err = copy_struct_from_user(&a, calls[i].size, user, size);
	if (err)
		return err;
	planted_bug(size, user);
	a.size = size; /* it may have changed since it was read */

	err = mutex_lock_interruptible(&file->lock);
	if (err)
		return err;
	cursor = a.snapshot.cursor;
	err = calls[i].call(file, &a);
	if (!err && copy_to_user(user, &a, min_t(size_t, size, calls[i].size))) {
		err = -EFAULT;
		/* What was taken and never told is to be told again. */
		if (calls[i].call == do_snapshot)
			memtrace_watch_mark(file, cursor, a.snapshot.cursor);
	}
	mutex_unlock(&file->lock);
	return err;
}

static int memtrace_open(struct inode *inode, struct file *filp)
{
	struct memtrace_file *file = kmem_cache_zalloc(file_cache, GFP_KERNEL_ACCOUNT);

	if (!file)
		return -ENOMEM;
	mutex_init(&file->lock);
	INIT_LIST_HEAD(&file->link);
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int memtrace_close(struct inode *inode, struct file *filp)
{
	struct memtrace_file *file = filp->private_data;

	memtrace_watch_detach(file);
	kvfree(file->records);
	kvfree(file->marks.r);
	kmem_cache_free(file_cache, file);
	return 0;
}

static const struct file_operations memtrace_fops = {
	.owner = THIS_MODULE, /* no unloading while a file is open */
	.open = memtrace_open,
	.release = memtrace_close,
	.unlocked_ioctl = memtrace_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice memtrace_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = MEMTRACE_DEVICE,
	.mode = 0600,
	.fops = &memtrace_fops,
};

static int __init memtrace_init(void)
{
	int err;

	BUILD_BUG_ON(sizeof(struct memtrace_info) != 40);
	BUILD_BUG_ON(sizeof(struct memtrace_attach) != 32);
	BUILD_BUG_ON(sizeof(struct memtrace_stats) != 104);
	BUILD_BUG_ON(sizeof(struct memtrace_snapshot) != 72);
	BUILD_BUG_ON(sizeof(struct memtrace_region) != 112);

	file_cache = kmem_cache_create("memtrace_file", sizeof(struct memtrace_file), 0, 0, NULL);
	if (!file_cache)
		return -ENOMEM;
	err = memtrace_watch_init();
	if (err)
		goto out_files;
	err = misc_register(&memtrace_misc);
	if (err)
		goto out_watches;
	return 0;

out_watches:
	memtrace_watch_exit();
out_files:
	kmem_cache_destroy(file_cache);
	return err;
}

static void __exit memtrace_exit(void)
{
	misc_deregister(&memtrace_misc);
	memtrace_watch_exit();
	kmem_cache_destroy(file_cache);
}

module_init(memtrace_init);
module_exit(memtrace_exit);
MODULE_DESCRIPTION("Tells memtrace which pages of a process leave, and counts those that are there");
MODULE_AUTHOR("The memtrace authors");
MODULE_VERSION(MEMTRACE_VERSION);
MODULE_LICENSE("GPL");
