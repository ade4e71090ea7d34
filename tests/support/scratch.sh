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

if [ -z "${TMPDIR:-}" ] && scratch_has_room; then
	export TMPDIR=/dev/shm
fi
