# shellcheck shell=bash
# Where tests keep what they throw away: in memory, where there is enough of it. PostgreSQL writes hundreds of new databases there, and
# none is needed for longer than a minute. Source it before the first mktemp; TMPDIR overrules it.

scratch_needed_kb=$((3 * 1024 * 1024))

# A container's /dev/shm has 64 MB, and often runs no program.
scratch_has_room() {
	local free available
	[ -d /dev/shm ] && [ -w /dev/shm ] || return 1
	grep -E '^[^ ]+ /dev/shm tmpfs ' /proc/mounts | grep -qv noexec || return 1
	free=$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')
	available=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
	[ "${free:-0}" -ge "$scratch_needed_kb" ] && [ "${available:-0}" -ge $((scratch_needed_kb + 1024 * 1024)) ]
}

# scratch_begin NAME: a directory, $scratch, that is removed when the script ends, however it ends; so is what its children make: a file of
# scenarios that is ended in the middle may leave its own behind, for its PostgreSQL still writes there.
scratch_begin() {
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX") || exit 1
	trap 'rm -rf "$scratch"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	chmod 711 "$scratch" # PostgreSQL's own user has to get through; nobody can list it
	export TMPDIR=$scratch
}

# scratch_cluster: a cluster of PostgreSQL in it, made once, copied by each file of scenarios.
scratch_cluster() {
	PUBLISH_CLUSTER=$scratch/cluster
	node tests/integration/publish/cluster.mjs "$PUBLISH_CLUSTER" && export PUBLISH_CLUSTER
}

if [ -z "${TMPDIR:-}" ] && scratch_has_room; then
	export TMPDIR=/dev/shm
fi
