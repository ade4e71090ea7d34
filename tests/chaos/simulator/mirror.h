#ifndef TESTS_CHAOS_SIMULATOR_MIRROR_H
#define TESTS_CHAOS_SIMULATOR_MIRROR_H
/*
 * mirror.h - a real PostgreSQL beside the simulated one.                 [simulator]
 *
 * statements_*.c are a model of worker/sql/. Where a mirror is open, each statement that the model
 * answers runs there too, as worker/sql/ has it, at the same time of day; the answers and the rows
 * must be the same. What somebody else changed in the rows is changed there first.
 *
 * The database has the API server's tables, the journal, and tests/chaos/simulator/clock.sql,
 * whose now() stands in front of PostgreSQL's own.
 */
#include <stdbool.h>

struct table;

/* Histories are mirrored from now on, in each process that plays them. */
void mirror_open(const char *conninfo);

/* Around each statement; do nothing where no mirror is open. sqlstate: why the model refused it. */
void mirror_before_statement(void);
void mirror_after_statement(const char *name, int count, const char *const *values,
			    const struct table *answer, const char *sqlstate);

/* Another history begins: all rows go. */
void mirror_forget_all(void);

/* What was compared so far, a line a statement, and whether each of them was run at all. */
bool mirror_tell(void);

#endif
