#!/usr/bin/env bash
# Does the simulator's model of worker/sql/ answer as PostgreSQL does? Histories are played beside a real one of their own
# (mirror.h): every answer and, after each statement that may write, all rows are compared. TAP on standard output.
#
#   tests/chaos/simulator/mirror.sh                    a few dozen histories, as in tests/chaos/run.sh
#   tests/chaos/simulator/mirror.sh --histories 500    any options of the simulator
#   SIMULATOR=FILE tests/chaos/simulator/mirror.sh     another one (mutants of statements.c)
set -u
cd "$(dirname "$0")/../../.." || exit 1
[ $# -gt 0 ] || set -- --histories 30 --statements 30
# shellcheck source=tests/support/servers.sh
. tests/support/servers.sh
[ -n "${SIMULATOR:-}" ] || make -s simulator >&2 || exit 1
servers_begin || exit 1
start_postgres || exit 1
psql -qXv ON_ERROR_STOP=1 -f tests/chaos/simulator/clock.sql || exit 1
psql -qXv ON_ERROR_STOP=1 -f worker/sql/journal_1.sql || exit 1
"${SIMULATOR:-build/simulator}" --postgres "host=$PGHOST user=$PGUSER dbname=$PGDATABASE" "$@"
