#ifndef TESTS_UNIT_LOG_CHILD_H
#define TESTS_UNIT_LOG_CHILD_H
/*
 * log_child.h - lines of the log, written by a child.
 *
 * Lines go to standard output, which cmocka needs for itself; so the logging is done by a child,
 * and the test looks at what came out of it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/log.h"

#define LINE_MAX_BYTES 4096

struct cJSON;

typedef int log_child_work(void);

/* What a child wrote, terminated. */
extern char log_child_got[4 << 20];
extern size_t log_child_got_size;

/* Runs work() in a child whose descriptor 1 is `output` (-1: closed), after log_setup() if that is
 * wanted; a child that hangs is killed by its alarm. */
pid_t log_child_start(log_child_work *work, int output, bool set_up);
/* Its exit status; a signal (the alarm: it hung) fails the test. */
int log_child_finish(pid_t pid);
/* Reads to the end of `fd`. */
void log_child_drain(int fd);
/* Runs work() to its end with a pipe for its output, which is read meanwhile. */
void log_child_collect(log_child_work *work);

size_t log_child_count_lines(void);
/* The line number `index` (from 0) of what was read, parsed; checked for what holds for all lines.
 * cJSON_Delete() it. */
struct cJSON *log_child_line(size_t index);
/* Its members; a number that is none fails the test. */
const char *log_child_text(const struct cJSON *object, const char *key);
double log_child_number(const struct cJSON *object, const char *key);
bool log_child_has(const struct cJSON *object, const char *key);

/* For the child: so many bytes of a pattern, free() it. */
char *log_child_large(size_t size, const char *pattern);
/* Logs again until it left: a reader slower than we are is not what the test is about. */
void log_child_surely(const char *message, const struct log_field *fields);

#endif
