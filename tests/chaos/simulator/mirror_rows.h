#ifndef TESTS_CHAOS_SIMULATOR_MIRROR_ROWS_H
#define TESTS_CHAOS_SIMULATOR_MIRROR_ROWS_H
/*
 * mirror_rows.h - the model's rows as text and as SQL, for the mirror.    [simulator]
 */
#include <libpq-fe.h>
#include <stdbool.h>

/* All that the model knows of the rows, a line a row, in order; and a query that says the same of a
 * database. free() */
char *mirror_rows_text(void);
extern const char mirror_rows_query[];

/* Remembers the rows as they are: what differs from now on was changed by somebody else. */
void mirror_rows_remember(void);
/* Writes what was changed. False: the connection says why. */
bool mirror_rows_write_changes(PGconn *connection);
/* Removes all rows, from the memory too. */
bool mirror_rows_clear(PGconn *connection);

#endif
