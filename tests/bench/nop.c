// SPDX-License-Identifier: GPL-2.0
/*
 * nop HOOK...: an empty BPF program on each hook, until standard input ends.
 *
 * What is left when a tracer does nothing: the floor that scripts/bench
 * compares with. HOOK is tp_btf/NAME, fentry/NAME or fexit/NAME. Prints "ready".
 * Exit status 5: a hook is refused or not there.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *prefix, *btf_prefix;
	enum bpf_attach_type attach;
	unsigned int kind;
} types[] = {
	{ "tp_btf/", "btf_trace_", BPF_TRACE_RAW_TP, BTF_KIND_TYPEDEF },
	{ "fentry/", "", BPF_TRACE_FENTRY, BTF_KIND_FUNC },
	{ "fexit/", "", BPF_TRACE_FEXIT, BTF_KIND_FUNC },
};

static int attach(const struct btf *btf, const char *hook)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t len = strlen(types[i].prefix);
		char name[128];
		int id, fd;

		if (strncmp(hook, types[i].prefix, len))
			continue;
		snprintf(name, sizeof(name), "%s%s", types[i].btf_prefix, hook + len);
		id = btf__find_by_name_kind(btf, name, types[i].kind);
		if (id < 0)
			return id;
		opts.expected_attach_type = types[i].attach;
		opts.attach_btf_id = (unsigned int)id;
		fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "bench_nop", "GPL", insns, 2, &opts);
		if (fd < 0)
			return -errno;
		return bpf_raw_tracepoint_open(NULL, fd) < 0 ? -errno : 0;
	}
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct btf *btf = btf__load_vmlinux_btf();
	char c;

	if (!btf) {
		fprintf(stderr, "nop: no BTF here\n");
		return 5;
	}
	for (int i = 1; i < argc; i++) {
		int err = attach(btf, argv[i]);

		if (err) {
			fprintf(stderr, "nop: %s: %s\n", argv[i], strerror(-err));
			return 5;
		}
	}
	btf__free(btf);
	printf("ready\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
