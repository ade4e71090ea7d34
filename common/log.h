#ifndef COMMON_LOG_H
#define COMMON_LOG_H
/*
 * log.h - one JSON object a line on standard output.                   [every process]
 *
 * contract.md "Logs". A line is composed on the stack and leaves in one write of at most 4096 bytes
 * (PIPE_BUF: lines of several processes never mix). A full or closed output drops the line and
 * counts it; logging never blocks and never fails a job. Standard error stays silent once the
 * service runs.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* One further member of the object, made by LOG_STR and friends. A NULL text leaves the member out.
 */
struct log_field {
	const char *key;
	enum { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_BOOL } kind;
	const char *text;
	int64_t number;
};

#define LOG_STR(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_TEXT, .text = (v)})
#define LOG_INT(k, v)                                                                              \
	((struct log_field){.key = (k), .kind = LOG_FIELD_INT, .number = (int64_t)(v)})
#define LOG_BOOL(k, v)                                                                             \
	((struct log_field){.key = (k), .kind = LOG_FIELD_BOOL, .number = (v) ? 1 : 0})
#define LOG_END ((struct log_field){.key = NULL})

/*
 * Sets the level below which nothing is written. The first call also sees to it that a write to
 * standard output cannot block: a pipe or a terminal is opened again, so that the shell's own
 * description of it stays as it is; a closed descriptor 1 gets /dev/null; SIGPIPE is ignored, and
 * must stay so (a process that resets its handlers after a fork ignores it again). Call it before
 * the first fork, and again after a reload.
 */
void log_setup(enum log_level level);
bool log_enabled(enum log_level level);

/* The context of the job in hand: these members stand in every line until log_job_end(). Copied. */
struct log_job {
	const char *job_id, *deviation_id, *user_id, *upload_mode;
	int attempt_number, max_attempts;
};
void log_job_begin(const struct log_job *begun);
void log_job_end(void);

/*
 * Writes a line: timestamp, level, message, correlationId ("job-<jobId>" inside a job), pid, the
 * job's context, then fields up to LOG_END (fields may be NULL). A field named like a member of the
 * context stands in its place; a name never stands twice. Text is made valid UTF-8, control bytes
 * are escaped, long values are cut (and "truncated":true added), so that the line stays valid JSON
 * within 4096 bytes. After lines were dropped, the next that gets through tells in
 * "logLinesDropped" how many in all. errno is preserved. log_event(LOG_INFO, "worker ready",
 * (struct log_field[]){LOG_INT("slot", 3), LOG_END});
 */
void log_event(enum log_level level, const char *message, const struct log_field *fields);

/* The same for a failure: errorCategory, httpStatus, error (its message) are added. */
void log_failure(enum log_level level, const char *message, const struct failure *why,
		 const struct log_field *fields);

/* `dropped` is called for every line that this process drops from now on; NULL: nobody. It must not
 * log. */
void log_on_drop(void (*dropped)(void));

/* Lines dropped by this process so far, because standard output would not take them. */
uint64_t log_dropped(void);

#endif
