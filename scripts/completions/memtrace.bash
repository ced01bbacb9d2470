# SPDX-License-Identifier: GPL-2.0
# bash completion for memtrace(1)

_memtrace() {
	local cur prev flags verb=
	# After -- it is another command's line.
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			else
				mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
			fi
			return
		fi
	done
	cur=${COMP_WORDS[COMP_CWORD]}
	prev=${COMP_WORDS[COMP_CWORD - 1]}
	case ${COMP_WORDS[1]-} in
	snapshot | growth | mark | stacks | doctor | record | replay | info | report | diff | export | serve | ps) verb=${COMP_WORDS[1]} ;;
	esac
	[[ $COMP_CWORD -gt 1 ]] || verb=

	# --color=WHEN arrives as three words: "=" is a word break.
	[[ $cur == = ]] && cur=
	if [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi
	case $prev in
	-p | --pid)
		mapfile -t COMPREPLY < <(compgen -W "$(ps -eo pid= 2>/dev/null)" -- "$cur")
		return
		;;
	-n | --name)
		mapfile -t COMPREPLY < <(compgen -W "$(ps -eo comm= 2>/dev/null | awk '!/[][ \/]/')" -- "$cur")
		return
		;;
	-u | --user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		return
		;;
	-o | --output | --config)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--cgroup)
		compopt -o filenames -o nospace 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "${cur:-/sys/fs/cgroup/}")
		return
		;;
	--color)
		mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
		return
		;;
	--last-size)
		mapfile -t COMPREPLY < <(compgen -W '16M 64M 256M' -- "$cur")
		return
		;;
	--format)
		case $verb in
		report) flags='text' ;;
		export) flags='perfetto json csv folded' ;;
		growth) flags='text folded pprof html' ;;
		*) flags='mtr perfetto' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
		return
		;;
	-i | --interval | -d | --duration | --last-time)
		mapfile -t COMPREPLY < <(compgen -W '500ms 1s 10s 1min 10min 1h' -- "$cur")
		return
		;;
	esac

	local common='--json --output --bytes --ascii --color --quiet --verbose --help --version'
	local target='--pid --name --cgroup'
	local live='--follow --interval --duration --plain --no-daemon --user'
	case $verb in
	doctor | info) flags=$common ;;
	record) flags="$target --follow --interval --duration --user --last-size --last-time --when --stacks --no-stacks --calls --no-calls --no-daemon --max-overhead --sample --format $common" ;;
	replay) flags="--seek --speed --plain $common" ;;
	report) flags="--format $common" ;;
	export) flags="--format --debuginfod $common" ;;
	diff) flags="--exit-code $common" ;;
	snapshot) flags="$target $common" ;;
	serve) flags="$target --config --check-config --http --interval --duration --max-overhead $common" ;;
	ps) flags="--config --interval --plain $common" ;;
	mark) flags="$target $common" ;;
	growth) flags="$target $live --max-overhead --sample --sample-faults --format --arenas --fail-on --from --to --debuginfod $common" ;;
	stacks) flags="$target --tid --vars --no-values --at --count --when --largest --folded --no-fold --interval --debuginfod $common" ;;
	*) flags="$target $live $common" ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
	elif [[ $COMP_CWORD -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'snapshot growth mark stacks serve ps doctor record replay info report diff export' -- "$cur")
	elif [[ $verb == replay || $verb == info || $verb == report || $verb == diff || $verb == export || $verb == growth ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -X '!*.mtr' -- "$cur"; compgen -d -- "$cur")
	fi
}

complete -F _memtrace memtrace
