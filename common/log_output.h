#ifndef COMMON_LOG_OUTPUT_H
#define COMMON_LOG_OUTPUT_H
/*
 * log_output.h - whole lines to standard output, without ever waiting.  [every process]
 *
 * For log.c alone.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Makes standard output fit: see log_setup(). Only the first call does anything. Without one,
 * standard output is taken as it is, and still not waited for.
 */
void log_output_setup(void);

/* One write. False: the line, or the rest of it, was dropped and counted. */
bool log_output_write(const char *line, size_t size);

/* Did the last line leave in part (a full disk, a slow terminal)? The next one begins with a
 * newline then. */
bool log_output_torn(void);

/* Lines dropped so far. */
uint64_t log_output_dropped(void);

#endif
