# bash completion for isekai-publisher(8).                                -*- shell-script -*-
#
# Lines like @WORDS@ stand for what the table in supervisor/commands.c knows; make writes the whole
# into build/completion/. IDs are not completed: only the servers know them.
# shellcheck disable=SC2207 # no word of the table has a blank in it

# What may follow a command; '' is none yet. False: it is not a command.
_isekai_publisher_words()
{
	case $1 in
@WORDS@
	*) return 1 ;;
	esac
}

# What an option takes: a file, another value, or nothing.
_isekai_publisher_takes()
{
	case $1 in
@VALUES@
	*) takes='' ;;
	esac
}

_isekai_publisher()
{
	local current=$2 word takes='' words='' command=''

	COMPREPLY=()
	_isekai_publisher_words ''
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		# "--config=FILE" comes as three words.
		[[ $word == = ]] && continue
		if [[ $takes ]]; then
			takes=''
			continue
		fi
		[[ $word == -- ]] && return
		_isekai_publisher_takes "$word"
		[[ $takes || $command ]] || ! _isekai_publisher_words "$word" || command=$word
	done
	[[ $current == = ]] && current=''
	case $takes in
	file)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		compopt -o filenames
		;;
	'') COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
	esac
} && complete -F _isekai_publisher isekai-publisher
