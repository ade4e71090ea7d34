#!/usr/bin/env bash
# Can the simulator fail? Each line below breaks the program, or the statement that stands for its SQL, in one
# place; the simulator has to find every one of them within the histories of `make test`. Where statements_*.c and
# worker/sql/ are not the same any more, mirror.sh has to find it.
#
#   tests/chaos/simulator/mutants.sh            all: a table of mutant, seed and step
#   tests/chaos/simulator/mutants.sh NAME...    only these
#   tests/chaos/simulator/mutants.sh --places   only whether each still finds the place that it breaks, as in `make test`
#   HISTORIES=N                                 how many are played for each [2000]
#
# A mutant is one object file, linked in front of the archive that holds the sound one; no source is touched.
set -u
cd "$(dirname "$0")/../../.." || exit 1
histories=${HISTORIES:-2000}
out=build/mutants
[ "${1:-}" = --places ] || make -s simulator || exit 1
compile=$(make -s print-compile)
link=$(make -s print-simulator)
mkdir -p $out

# name | source | what perl does to it (the whole file at once)
mutants() {
	cat <<'LIST'
no_intention|worker/publish.c|s/if \(!lease_prove\(p->lease, why\) \|\|\n\s*!journal_publishing\([^;]*?\)\)\n/if (!lease_prove(p->lease, why))\n/
gallery_never_read|worker/gallery_search.c|s/done = read_gallery\(p, found, why\) && /done = /
no_wait_for_the_unknown|worker/reconcile.c|s/if \(file->public_for_ms >= 0 \|\| file->item_gone/if (1 || file->public_for_ms >= 0 || file->item_gone/
deferral_is_an_attempt|worker/job_failure.c|s/burned \? JOB_END_RETRY : JOB_END_DEFER/JOB_END_RETRY/
outage_is_an_attempt|worker/retry.c|s/(if \(category == FAILURE_RATE_LIMIT) \|\| failure->outage/$1/
no_reason|worker/job_failure.c|s/w->lock, told\.message,/w->lock, "",/
failed_job_runs_again|worker/job.c|s/w->job->retried_by_hand \? NULL : w->name/NULL/
refresh_without_lease|worker/token.c|s/if \(!commit_unsettled\(keeper, why\) \|\| !take_lease\(keeper, deviation, &lease, why\)\)/lease = LEASE_TAKEN;\n\tif (!commit_unsettled(keeper, why))/
pair_not_parked|worker/token.c|s/\ttoken_pair_park\(keeper->redis, keeper->config->deviantart_client_secret,\n\t\t\tpair\);[^\n]*\n\tif \(!commit_unsettled\(keeper, why\)\)\n\t\treturn false;/\tif (!commit_unsettled(keeper, why)) {\n\t\tkeeper->unsettled = NULL;\n\t\treturn false;\n\t}/
already_published_is_a_failure|worker/publish.c|s/if \(publishing_code\(why\) == PUBLISH_CODE_ALREADY_PUBLISHED\)/if (0)/
artist_is_not_told_to_look|worker/job_failure.c|s/!p->unknowable && !p->item_gone && leaves_unknown\(w, why\)/0/
unknown_is_uploaded_anew|worker/publish.c|s/if \(p->file->state == FILE_PUBLISHING\)\n\t\treturn reconcile_file\(p, wait, why\);/if (p->file->state == FILE_PUBLISHING)\n\t\tp->file->state = FILE_NEW;/
no_cleanup_when_published_already|worker/job.c|s/(job_end_complete\(w, "alreadyPublished"\);\n)\t\tjob_end_with_cleanup\(w\);/$1/
not_yet_due_is_run|tests/chaos/simulator/statements_begin.c|s/\(!post->is_due_known \|\| post->due_ms <= now_ms\)\)\)\n\t\treturn false;/1))\n\t\treturn false;/
sweep_sees_nothing|worker/dispatcher/sweep.c|s/if \(strcmp\(state, "missing"\) == 0/if (strcmp(state, "nothing") == 0/
orphans_of_redis_never_stalled|worker/dispatcher/dispatcher.c|s/!check_stalled\(d, why\)/0/
renewal_takes_locks_back|common/queue/queue_script.c+common/queue/lua/renew.lua|s/if call\("GET", lock_key\) == token then/if true then/
lock_is_not_checked_at_the_end|common/queue/queue_script.c+common/queue/lua/give_up.lua|s/if call\("GET", key \.\. ":lock"\) ~= token or \(odd and/if (odd and/
claims_are_not_told_apart|common/queue/queue_script.c+common/queue/lua/give_up.lua|s/elseif started and/elseif false and/
death_is_not_recorded|supervisor/policy.c|s/return end != END_ASKED \|\| had_job;/return false;/
refusal_is_kept_quiet|worker/job_failure.c|s/if \(why->category == FAILURE_RATE_LIMIT \|\| why->category == FAILURE_QUOTA_EXCEEDED\)/if (why->category == FAILURE_QUOTA_EXCEEDED)/
pace_is_forgotten|worker/gates.c+worker/lua/gates.lua|s/state\.earliest = math\.ceil\(now \+ gap\)/state.earliest = now/
retry_after_is_forgotten|worker/gates.c+worker/lua/gates.lua|s/state\.blockedUntil = math\.max[^\n]*//
wait_is_cut|worker/gates.c+worker/lua/gates.lua|s/math\.ceil\(slot - now\)/slot - now/
two_probes|worker/gates.c+worker/lua/gates.lua|s/if left > 0 and circuit\.probe ~= who then/if false then/
probe_never_ends|worker/gates.c+worker/lua/gates.lua|s/local left = number\(circuit\.probeUntil, 0\) - now/local left = 5000/
dead_children_start_at_once|supervisor/policy.c|s/return growing_pause\(history->streak\+\+, chance\);/return 0;/
a_slot_is_forgotten|supervisor/obituary.c|s/child_wait\(pool->children, death->slot, clock_mono_ms\(\) \+ pause_ms\);/child_wait(pool->children, death->slot, INT64_MAX);/
drain_waits_for_ever|supervisor/policy.c|s/facts->workers == 0 \? STOP_CONFIRM : late \? STOP_GIVE_BACK : STOP_FINISH/facts->workers < 0 ? STOP_CONFIRM : STOP_FINISH/
fence_takes_back_not|tests/chaos/simulator/statements_work.c|s/if \(post->status != ROW_UPLOADING && post->status != ROW_PUBLISHING &&\n\t    post->status != ROW_FAILED && post->status != ROW_SCHEDULED\) \{/if (0) {/
foreign_lock_is_taken|tests/chaos/simulator/statements_begin.c|s/return post->lock\[0\] == '\\0' \|\|/return 1 ||/
release_forgets_the_unknown|tests/chaos/simulator/statements_end.c|s/\t\t\tunknown = true;\n/\t\t\tpost->files[i].state = ITEM_SUBMITTED;\n/
pair_is_stored_over_a_newer|tests/chaos/simulator/statements_token.c|s/bool stored = user != NULL && text_same\(user->refresh, values\[1\]\)/bool stored = user != NULL/
adopting_is_no_upload|tests/chaos/simulator/statements_work.c|s/file->uploads = 1;/file->uploads = 0;/
seconds_are_cut|tests/chaos/simulator/statement.c|s/return \(ms \+ 500\) \/ 1000;/return ms \/ 1000;/
sql_takes_back_not|tests/chaos/simulator/mirror.c+worker/sql/publishing.sql|s/, 'scheduled'\)/, 'scheduled', 'draft')/
sql_counts_no_refusal|tests/chaos/simulator/mirror.c+worker/sql/release.sql|s/coalesce\(p\.first_refused_at, now\(\)\)/p.first_refused_at/
sql_takes_over_the_same_claim|tests/chaos/simulator/mirror.c+worker/sql/begin.sql|s/< split_part/<= split_part/
LIST
}

# break_source NAME SOURCE[+EMBEDDED] PERL: the broken file, $out/NAME/changed.
break_source() {
	local changed=${2#*+}
	mkdir -p "$out/$1"
	perl -0pe "$3" "$changed" >"$out/$1/changed" || return 1
	cmp -s "$changed" "$out/$1/changed" || return 0
	echo "# $1 changes nothing in $changed"
	return 1
}

# build NAME SOURCE[+EMBEDDED] PERL
build() {
	local name=$1 source=${2%%+*} embedded='' dir=$out/$1 line
	[ "$source" = "$2" ] || embedded=${2#*+}
	break_source "$@" || return 1
	if [ -n "$embedded" ]; then
		mkdir -p "$dir/$(dirname "$embedded")"
		{ echo '""'; sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$dir/changed"; } >"$dir/$embedded.h"
		cp "$source" "$dir/mutant.c"
	else
		mv "$dir/changed" "$dir/mutant.c"
	fi
	eval "${compile/ -I. / -I$dir -I. } -w -c -o '$dir/mutant.o' '$dir/mutant.c'" || return 1
	line=${link//@OUT@/$dir/simulator}
	# The simulator's own objects would be there twice.
	line=${line//"build/release/${source%.c}.o"/}
	eval "${line//@MUTANT@/$dir/mutant.o}"
}

# play NAME: fails where the mutant is found.
play() {
	case $1 in
	adopting_is_no_upload | seconds_are_cut | sql_*) SIMULATOR=$out/$1/simulator tests/chaos/simulator/mirror.sh ;;
	*) "$out/$1/simulator" --histories "$histories" ;;
	esac
}

# places: one result for all.
places() {
	local lost=0
	while IFS='|' read -r name source change; do
		break_source "$name" "$source" "$change" || lost=1
	done < <(mutants)
	echo 1..1
	[ $lost -eq 0 ] || printf 'not '
	echo 'ok 1 - each mutant of the simulator finds the place that it breaks'
	return $lost
}

if [ "${1:-}" = --places ]; then
	places
	exit
fi
echo "1..$(mutants | wc -l)"
number=0 status=0
while IFS='|' read -r name source change; do
	number=$((number + 1))
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
		continue
	fi
	if ! build "$name" "$source" "$change"; then
		echo "not ok $number - $name can be built"
		status=1
		continue
	fi
	if play "$name" >"$out/$name/out"; then
		echo "not ok $number - $name is found"
		status=1
	else
		echo "ok $number - $name is found"
		grep -m 1 '^# seed' "$out/$name/out" | cut -c1-200
	fi
done < <(mutants)
exit $status
