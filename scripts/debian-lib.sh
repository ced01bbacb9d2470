# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Sourced by the scripts that download Debian packages without installing them.
#
# Everything is kept in $MEMTRACE_CACHE. Other suites than the machine's own are read with an
# apt state of their own, so the system's package lists are never touched and no root is needed.
# The mirror is the one that the machine's own apt configuration names.

MEMTRACE_CACHE=${MEMTRACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/memtrace}

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
	note "$@"
	exit 1
}

# cache_tmp NAME: a fresh directory on the cache's own file system
cache_tmp() {
	mkdir -p "$MEMTRACE_CACHE"
	mktemp -d "$MEMTRACE_CACHE/.$1.XXXXXX"
}

# debian_mirror: the URI of the machine's own Debian archive; fails if there is none
debian_mirror() {
	command -v apt-get >/dev/null || return 1
	local uri
	uri=$(apt-get indextargets --format '$(REPO_URI)|$(ORIGIN)|$(LABEL)' 'Created-By: Packages' 2>/dev/null |
		awk -F'|' '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
	# Without downloaded lists apt knows no origin: the path of the archive has to do.
	[ -n "$uri" ] || uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		grep -E '/debian/?$' | head -n 1)
	[ -n "$uri" ] && printf '%s\n' "$uri"
}

# suite_apt SUITE COMMAND ARGS: apt-get or apt-cache that sees only that suite
suite_apt() {
	local suite=$1 cmd=$2 dir=$MEMTRACE_CACHE/apt/$1
	shift 2
	"$cmd" -qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State="$dir/state" -o Dir::State::status=/dev/null -o Dir::Cache="$dir/cache" \
		-o APT::Sandbox::User=root -o APT::Update::Post-Invoke-Success= "$@"
}

# suite_open SUITE: makes the suite's lists present and at most a day old
suite_open() {
	local suite=$1 dir=$MEMTRACE_CACHE/apt/$1 mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -z "${OFFLINE:-}" ] || return 1
	[ -n "$(find "$dir/fresh" -mtime -1 2>/dev/null)" ] && return 0
	mirror=$(debian_mirror) || return 1
	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
	[ -f "$keyring" ] && keyring="[signed-by=$keyring] " || keyring=
	printf 'deb %s%s %s main\n' "$keyring" "$mirror" "$suite" >"$dir/sources.list"
	suite_apt "$suite" apt-get -o Acquire::Retries=2 update >&2 || return 1
	touch "$dir/fresh"
}

# deb_download SUITE PACKAGE DIR
deb_download() {
	suite_open "$1" || return 1
	(cd "$3" && suite_apt "$1" apt-get -o Acquire::Retries=2 download "$2" >&2)
}
