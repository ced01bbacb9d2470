# SPDX-License-Identifier: GPL-2.0
# memtrace: `make help` lists the targets and what can be set.
#
# Everything is built in build/ (build-asan/ with ASAN=1). Three steps: bpf/*.bpf.c become one
# BPF object, that becomes a skeleton header in $(B)/gen, and user/ is compiled with it. The
# kernel types that BPF needs are declared in bpf/ (CO-RE), so the running kernel plays no part.

VERSION := 0.1.0

# ---- what can be set
CC         ?= cc
CXX        ?= c++
RUSTC      ?= rustc
PROTOC_C   ?= protoc-c
CLANG      ?= clang
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool /usr/local/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
datadir    ?= $(prefix)/share
# where systemd looks also for what was not packaged
unitdir    ?= $(prefix)/lib/systemd/system
confdir    ?= /etc/memtrace
DESTDIR    ?=
OFFLINE    ?=
export OFFLINE

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
# make -s is silent
say = @$(if $(findstring s,$(filter-out -%,$(firstword $(MAKEFLAGS)))),:,printf '  %-8s %s\n')
endif

ifeq ($(ASAN),1)
B       := build-asan
SAN     := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else
B       := build
SAN     :=
endif

# ---- the tool
SRC      := $(sort $(wildcard user/*.c user/*/*.c))
OBJ      := $(SRC:%.c=$(B)/obj/%.o)
LIBOBJ    = $(filter-out $(B)/obj/user/main.o,$(OBJ))
# maps.bpf.c first: see there
BPF_SRC  := $(wildcard bpf/maps.bpf.c) $(filter-out bpf/maps.bpf.c,$(sort $(wildcard bpf/*.bpf.c)))
BPF_OBJ  := $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.o)
SKEL     := $(if $(BPF_SRC),$(B)/gen/memtrace.skel.h)
# Messages of formats that others read: .proto in user/ becomes C here.
PROTO_C  := $(patsubst %.proto,$(B)/gen/%.pb-c.c,$(notdir $(wildcard user/*/*.proto)))
PROTO_O  := $(PROTO_C:$(B)/gen/%.c=$(B)/obj/gen/%.o)
OBJ      += $(PROTO_O)
PKGS     := libbpf libdw libelf zlib libzstd ncursesw jansson libcap libprotobuf-c libseccomp libmicrohttpd

ARCH     := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/; s/ppc64le/powerpc/; s/riscv64/riscv/; s/s390x/s390/')
PKG_CFL  := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
LIBS     := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null) -liberty -pthread -lm -lutil
INC      := -Iuser -Ibpf -Ikmod -isystem $(B)/gen
PREFMAP  := -ffile-prefix-map=$(CURDIR)=.
# Warnings, the language and the includes are the project's; optimisation is the builder's.
OUR_CFL  := -std=gnu11 -Wall -Wextra -Wswitch-enum -D_GNU_SOURCE \
	    -DMEMTRACE_VERSION='"$(VERSION)"' $(INC) -pthread $(PREFMAP) $(SAN)
BPF_CFL  := -target bpf -g -O2 -mcpu=v3 -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wswitch-enum \
	    -D__TARGET_ARCH_$(ARCH) -Ibpf $(PREFMAP) \
	    $(addprefix -idirafter /usr/include/,$(shell $(CC) -print-multiarch 2>/dev/null))
COMPILE   = $(CC) $(OUR_CFL) $(PKG_CFL) $(CPPFLAGS) $(CFLAGS)
LINK      = $(CC) $(SAN) -pthread $(CFLAGS) $(LDFLAGS)

.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all
.PHONY: all install run check lint bench clean setup help FORCE
all: $(B)/memtrace

$(B)/memtrace: $(OBJ) $(B)/.flags
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $(OBJ) $(LIBS)

# Everything but main(): what a test links with. From scratch, so that no deleted file survives.
$(B)/memtrace.a: $(LIBOBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcsD $@ $(LIBOBJ)

$(B)/obj/%.o: %.c $(B)/.flags | $(B)/.tools $(SKEL)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(B)/gen/%.pb-c.c: user/export/%.proto | $(B)/.tools
	$(say) PROTO $<
	$(Q)mkdir -p $(@D)
	$(Q)$(PROTOC_C) --c_out=$(@D) -I$(<D) $<

$(B)/obj/gen/%.o: $(B)/gen/%.c $(B)/.flags
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -w -c -o $@ $<

# A page as a C string: user/export/X.html becomes X_html[] in X.html.h.
$(B)/gen/%.html.h: user/export/%.html
	$(say) PAGE $<
	$(Q)mkdir -p $(@D)
	$(Q){ echo 'static const char $*_html[] ='; sed 's/[\\"]/\\&/g; s/^/"/; s/$$/\\n"/' $<; echo ';'; } > $@

# -MMD leaves out headers found through -isystem.
$(B)/obj/user/export/grown_html.o: $(B)/gen/growth.html.h
$(patsubst %.c,$(B)/obj/%.o,$(wildcard user/export/perfetto*.c user/export/*pprof.c)): $(PROTO_C)

ifneq ($(BPF_SRC),)
$(B)/bpf/%.o: bpf/%.bpf.c $(B)/.flags | $(B)/.tools
	$(say) BPF $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFL) -MMD -MP -c -o $@ $<

# One object of all concerns: maps and globals declared extern in one are found in another.
$(B)/bpf/memtrace.bpf.o: $(BPF_OBJ)
	$(say) BPFLINK $@
	$(Q)$(BPFTOOL) gen object $@ $(BPF_OBJ)

# -MMD leaves out headers found through -isystem: the skeleton's users are named here.
$(addprefix $(B)/obj/user/source/,src_bpf.o src_regs.o src_at.o quiet.o): $(SKEL)

$(SKEL): $(B)/bpf/memtrace.bpf.o
	$(say) SKEL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name memtrace_bpf > $@
endif

# Rewritten only when the flags differ from the last build's: then everything is compiled again.
$(B)/.flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) $(LINK) $(LIBS) $(CLANG) $(BPF_CFL) $(BPFTOOL))' | \
		cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(COMPILE) $(LINK) $(LIBS) $(CLANG) $(BPF_CFL) $(BPFTOOL))' > $@

$(B)/.tools:
	@mkdir -p $(@D)
	@for t in $(firstword $(CC)) $(firstword $(CLANG)) $(BPFTOOL) $(PKG_CONFIG) $(PROTOC_C); do \
		command -v $$t >/dev/null || { echo "make: $$t is not here and is needed to build: run 'make setup'" >&2; exit 1; }; done
	@for p in $(PKGS); do $(PKG_CONFIG) --exists $$p || \
		{ echo "make: the library $$p is not here (pkg-config): run 'make setup'" >&2; exit 1; }; done
	@touch $@

-include $(OBJ:.o=.d) $(BPF_OBJ:.o=.d)

# ---- the kernel module, tests, checks
include kmod/Makefile
include tests/Makefile
include tests/fuzz/Makefile

setup:
	@scripts/setup build

# -j unless the caller chose
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

run: export MEMTRACE_RUN_VM = $(VM)
run:
	@$(if $(OFFLINE),:,scripts/setup build)
	+@$(MAKE) --no-print-directory $(JOBS) $(B)/memtrace targets
	@scripts/run-demo

check:
	@$(if $(OFFLINE),:,scripts/setup check)
	+@$(MAKE) --no-print-directory $(JOBS) all tests
	+@tests/run

# Every suite on every kernel: tests/run --help
.PHONY: check-matrix
check-matrix:
	@$(if $(OFFLINE),:,scripts/setup check)
	+@$(MAKE) --no-print-directory $(JOBS) all tests
	+@tests/run --matrix

bench: all targets $(B)/memtrace.a $(B)/tests/helpers/callpath_bench
	@test -x scripts/bench || { echo "make: scripts/bench does not exist yet" >&2; exit 1; }
	@$(if $(OFFLINE),:,scripts/setup bench)
	@scripts/bench
	@scripts/bench-growth

# ---- lint. A file is looked at by clang-tidy when its object was rebuilt since.
LINT_C   := $(wildcard user/*.[ch] user/*/*.[ch] bpf/*.[ch] kmod/*.[ch] tests/*/*.[ch])
TIDY     := $(SRC:%.c=$(B)/lint/%.tidy)
SCRIPTS  := $(shell grep -lE '^\#!.*[/ ](ba)?sh' scripts/* tests/run* tests/*/*.sh .ci/run 2>/dev/null)
.PHONY: lint-format lint-tidy lint-cppcheck lint-shell lint-includes lint-sparse
lint: lint-format lint-shell lint-includes lint-cppcheck lint-sparse lint-tidy

lint-format:
	$(say) FORMAT "$(words $(LINT_C)) files"
	$(Q)bad=$$(for f in $(LINT_C); do clang-format $$f | cmp -s - $$f || echo $$f; done); \
		[ -z "$$bad" ] || { echo "not formatted as .clang-format says: make format FILES=\"$$(echo $$bad)\"" >&2; exit 1; }

# Rewrites the files as lint-format wants them; FILES= for some of them only.
.PHONY: format
format:
	$(Q)clang-format -i $(or $(FILES),$(LINT_C))

lint-shell:
	$(say) SHCHECK "$(words $(SCRIPTS)) scripts"
	$(Q)$(if $(SCRIPTS),shellcheck -x $(SCRIPTS))

lint-includes:
	$(say) INCLUDES
	$(Q)scripts/check-includes

lint-cppcheck:
	$(say) CPPCHECK "$(words $(SRC)) files"
	$(Q)mkdir -p $(B)/lint/cppcheck
	$(Q)[ -z "$(SRC)" ] || cppcheck --quiet -j$(shell nproc) --std=c11 --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability --cppcheck-build-dir=$(B)/lint/cppcheck \
		--suppress=missingIncludeSystem --suppress=useClosedFile -D_GNU_SOURCE -DMEMTRACE_VERSION='"$(VERSION)"' \
		-D__x86_64__ --include=scripts/cppcheck-macros.h -Iuser -Ibpf -Ikmod $(SRC)

lint-sparse:
	$(Q)if [ -n "$(wildcard kmod/*.c)" ] && [ -x kmod/lint ]; then kmod/lint; fi

lint-tidy: $(TIDY)

$(B)/lint/%.tidy: %.c $(B)/obj/%.o .clang-tidy
	$(say) TIDY $<
	$(Q)mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(filter-out -fno-sanitize% -fsanitize%,$(OUR_CFL)) $(PKG_CFL) \
		2>$@.err >$@.out || { cat $@.out; grep -v 'warnings generated' $@.err; exit 1; }
	@touch $@

# ---- install: the tool, its page, its completions, the daemon's unit and configuration (an old one stays);
# never a kernel module
install: $(B)/memtrace
	install -D -m 755 $(B)/memtrace $(DESTDIR)$(bindir)/memtrace
	@if [ -f docs/memtrace.1 ]; then set -x; \
		install -D -m 644 docs/memtrace.1 $(DESTDIR)$(datadir)/man/man1/memtrace.1; fi
	@if [ -f scripts/completions/memtrace.bash ]; then set -x; \
		install -D -m 644 scripts/completions/memtrace.bash \
		$(DESTDIR)$(datadir)/bash-completion/completions/memtrace; fi
	@if [ -f scripts/completions/_memtrace ]; then set -x; \
		install -D -m 644 scripts/completions/_memtrace \
		$(DESTDIR)$(datadir)/zsh/site-functions/_memtrace; fi
	@if [ -f scripts/completions/memtrace.fish ]; then set -x; \
		install -D -m 644 scripts/completions/memtrace.fish \
		$(DESTDIR)$(datadir)/fish/vendor_completions.d/memtrace.fish; fi

	install -d $(DESTDIR)$(unitdir) $(DESTDIR)$(datadir)/doc/memtrace
	sed 's|@bindir@|$(bindir)|' scripts/systemd/memtrace.service.in > $(DESTDIR)$(unitdir)/memtrace.service
	chmod 644 $(DESTDIR)$(unitdir)/memtrace.service
	install -m 644 scripts/systemd/memtrace.conf $(DESTDIR)$(datadir)/doc/memtrace/memtrace.conf
	@if [ ! -e $(DESTDIR)$(confdir)/memtrace.conf ]; then set -x; \
		install -D -m 640 scripts/systemd/memtrace.conf $(DESTDIR)$(confdir)/memtrace.conf; fi

clean:
	rm -rf build build-asan build-fuzz

help:
	@echo 'make             build $(B)/memtrace'
	@echo 'make run         set up, build, show the live view of a bundled workload (VM=1: inside QEMU)'
	@echo 'make check       set up, build, every test suite here and in QEMU, lint'
	@echo 'make check-matrix  live and module suites on each kernel in QEMU, the table into docs/MATRIX.md'
	@echo 'make lint        clang-format, clang-tidy, cppcheck, shellcheck, the include rule'
	@echo 'make format      rewrite the sources as lint wants them (FILES=...)'
	@echo 'make tests       build the tests; tests/run --help runs some of them'
	@echo 'make fuzz        libFuzzer on what reads untrusted bytes (FUZZ_SECONDS=60)'
	@echo 'make bench       cost against perf, bpftrace and strace'
	@echo 'make install     into DESTDIR and prefix ($(prefix)); touches no kernel module'
	@echo 'make kmod        the kernel module for this kernel (KDIR=, KERNEL=); optional'
	@echo 'make kmod-install  build and install it through DKMS'
	@echo 'make setup       list and install what the build needs (Debian)'
	@echo 'make clean'
	@echo
	@echo 'Set: CC CLANG BPFTOOL CFLAGS LDFLAGS DESTDIR prefix SOURCE_DATE_EPOCH V=1 ASAN=1'
	@echo '     OFFLINE=1 (no network, no sudo, nothing of the running kernel)'
