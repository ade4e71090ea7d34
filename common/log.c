/*
 * log.c - one JSON object a line on standard output.                   [every process]
 *
 * Invariants: a line is valid JSON, at most LINE_SIZE bytes with its newline, and leaves in one
 * write (log_output.c), which never blocks.
 */
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log_output.h"
#include "common/text.h"

#define LINE_SIZE    4096 /* PIPE_BUF on Linux: up to here a write to a pipe is atomic */
#define MESSAGE_SIZE 1400 /* of the message, escaped */
#define CONTEXT_SIZE 200  /* of each text of the job's context */
#define VALUE_SIZE   1400 /* of each further text */
#define TAIL_RESERVE 80   /* for "truncated", "logLinesDropped", the brace and the newline */
#define ID_SIZE      256  /* of a context text as it is kept */

static enum log_level lowest_level = LOG_INFO;
static uint64_t dropped_told; /* how many the reader knows of */
static void (*on_drop)(void);

static struct {
	bool active;
	char job_id[ID_SIZE], deviation_id[ID_SIZE], user_id[ID_SIZE], upload_mode[ID_SIZE];
	char correlation_id[ID_SIZE + 8];
	int attempt_number, max_attempts;
} job;

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

void
log_setup(enum log_level level)
{
	int saved_errno = errno;

	lowest_level = level;
	log_output_setup();
	errno = saved_errno;
}

bool
log_enabled(enum log_level level)
{
	return level >= lowest_level;
}

void
log_on_drop(void (*dropped)(void))
{
	on_drop = dropped;
}

uint64_t
log_dropped(void)
{
	return log_output_dropped();
}

/* ---------------------------------------------------------------- a line */

struct line {
	char text[LINE_SIZE];
	size_t size;
	bool cut; /* something was shortened or left out */
};

static size_t
room(const struct line *line)
{
	return sizeof(line->text) - TAIL_RESERVE - line->size;
}

/* Appends text as it is; the caller has seen to the room. */
static void
put(struct line *line, const char *text, size_t size)
{
	memcpy(line->text + line->size, text, size);
	line->size += size;
}

/* `"key":`, with a comma before it where one belongs. False, and nothing written, if there is no
 * room. */
static bool
put_key(struct line *line, const char *key)
{
	char escaped[128];
	size_t size = text_json_escape(escaped, sizeof(escaped), key, NULL);

	if (room(line) < size + 4) {
		line->cut = true;
		return false;
	}
	if (line->text[line->size - 1] != '{')
		put(line, ",", 1);
	put(line, "\"", 1);
	put(line, escaped, size);
	put(line, "\":", 2);
	return true;
}

/* A text of at most max bytes as written; a member that finds no room to say anything is left out.
 */
static void
put_text(struct line *line, const char *key, const char *value, size_t max)
{
	static const char ellipsis[] = "\xE2\x80\xA6";
	const size_t around = 2 + sizeof(ellipsis); /* quotes, ellipsis, the NUL of the escaper */
	size_t start = line->size;
	bool cut;

	if (value == NULL || !put_key(line, key))
		return;
	if (room(line) < around + 16) {
		line->size = start;
		line->cut = true;
		return;
	}
	if (max > room(line) - around)
		max = room(line) - around;
	put(line, "\"", 1);
	line->size += text_json_escape(line->text + line->size, max + 1, value, &cut);
	if (cut)
		put(line, ellipsis, sizeof(ellipsis) - 1);
	put(line, "\"", 1);
	line->cut = line->cut || cut;
}

static void
put_bare(struct line *line, const char *key, const char *value)
{
	size_t start = line->size, size = strlen(value);

	if (!put_key(line, key))
		return;
	if (room(line) < size) {
		line->size = start;
		line->cut = true;
		return;
	}
	put(line, value, size);
}

static void
put_number(struct line *line, const char *key, int64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, number);
	put_bare(line, key, digits);
}

static void
put_field(struct line *line, const struct log_field *field)
{
	switch (field->kind) {
	case LOG_FIELD_TEXT:
		put_text(line, field->key, field->text, VALUE_SIZE);
		break;
	case LOG_FIELD_INT:
		put_number(line, field->key, field->number);
		break;
	case LOG_FIELD_BOOL:
		put_bare(line, field->key, field->number != 0 ? "true" : "false");
		break;
	}
}

/* ---------------------------------------------------------------- what stands in it */

/* Would this field be written? A text that is NULL leaves its member, and the name, to others. */
static bool
present(const struct log_field *field)
{
	return field->kind != LOG_FIELD_TEXT || field->text != NULL;
}

/* Is there a field of this name before `end` (NULL: in the whole list)? Names must not stand twice.
 */
static bool
named(const struct log_field *fields, const struct log_field *end, const char *key)
{
	for (; fields != NULL && fields != end && fields->key != NULL; fields++) {
		if (present(fields) && strcmp(fields->key, key) == 0)
			return true;
	}
	return false;
}

static bool
is_reserved(const char *key)
{
	static const char *const reserved[] = {"timestamp", "level",     "message",
					       "pid",       "truncated", "logLinesDropped"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (strcmp(key, reserved[i]) == 0)
			return true;
	}
	return false;
}

static void
put_head(struct line *line, enum log_level level, const char *message)
{
	char now[CLOCK_ISO_SIZE];
	unsigned int index = (unsigned int)level;

	if (log_output_torn())
		put(line, "\n", 1);
	put(line, "{", 1);
	put_text(line, "timestamp", clock_iso(clock_wall_ms(), now), CONTEXT_SIZE);
	put_text(line, "level", level_names[index <= LOG_ERROR ? index : LOG_ERROR], CONTEXT_SIZE);
	put_text(line, "message", message == NULL ? "" : message, MESSAGE_SIZE);
}

/* The job's context; a field of the same name, nearer to the event, stands instead. */
static void
put_job(struct line *line, const struct log_field *fields)
{
	const struct log_field context[] = {
		LOG_STR("jobId", job.job_id[0] != '\0' ? job.job_id : NULL),
		LOG_STR("deviationId", job.deviation_id[0] != '\0' ? job.deviation_id : NULL),
		LOG_STR("userId", job.user_id[0] != '\0' ? job.user_id : NULL),
		LOG_STR("uploadMode", job.upload_mode[0] != '\0' ? job.upload_mode : NULL),
	};

	if (!job.active)
		return;
	for (size_t i = 0; i < sizeof(context) / sizeof(context[0]); i++) {
		if (!named(fields, NULL, context[i].key))
			put_text(line, context[i].key, context[i].text, CONTEXT_SIZE);
	}
	if (job.attempt_number > 0 && !named(fields, NULL, "attemptNumber"))
		put_number(line, "attemptNumber", job.attempt_number);
	if (job.max_attempts > 0 && !named(fields, NULL, "maxAttempts"))
		put_number(line, "maxAttempts", job.max_attempts);
}

static void
put_fields(struct line *line, const struct log_field *fields)
{
	for (const struct log_field *field = fields; field != NULL && field->key != NULL; field++) {
		if (present(field) && !is_reserved(field->key) && !named(fields, field, field->key))
			put_field(line, field);
	}
}

static void
put_failure(struct line *line, const struct failure *why, const struct log_field *fields)
{
	if (why == NULL)
		return;
	if (!named(fields, NULL, "errorCategory"))
		put_text(line, "errorCategory", failure_category_name(why->category), CONTEXT_SIZE);
	if (why->http_status != 0 && !named(fields, NULL, "httpStatus"))
		put_number(line, "httpStatus", why->http_status);
	if (!named(fields, NULL, "error"))
		put_text(line, "error", why->message, VALUE_SIZE);
}

/* Written into the reserve: it always fits. */
static void
put_tail(struct line *line, uint64_t dropped)
{
	int size = 0;
	char *end;

	if (line->cut)
		put(line, ",\"truncated\":true", 17);
	end = line->text + line->size;
	if (dropped != dropped_told)
		size = snprintf(end, sizeof(line->text) - line->size,
				",\"logLinesDropped\":%" PRIu64, dropped);
	if (size > 0)
		line->size += (size_t)size;
	put(line, "}\n", 2);
}

static void
write_event(enum log_level level, const char *message, const struct failure *why,
	    const struct log_field *fields)
{
	int saved_errno = errno;
	uint64_t dropped = log_output_dropped();
	struct line line;

	if (!log_enabled(level))
		return;
	line.size = 0;
	line.cut = false;
	put_head(&line, level, message);
	if (job.active && !named(fields, NULL, "correlationId"))
		put_text(&line, "correlationId", job.correlation_id, CONTEXT_SIZE);
	put_number(&line, "pid", getpid());
	put_job(&line, fields);
	put_failure(&line, why, fields);
	put_fields(&line, fields);
	put_tail(&line, dropped);
	if (log_output_write(line.text, line.size))
		dropped_told = dropped;
	else if (on_drop != NULL)
		on_drop();
	errno = saved_errno;
}

void
log_event(enum log_level level, const char *message, const struct log_field *fields)
{
	write_event(level, message, NULL, fields);
}

void
log_failure(enum log_level level, const char *message, const struct failure *why,
	    const struct log_field *fields)
{
	write_event(level, message, why, fields);
}

/* ---------------------------------------------------------------- the job in hand */

static void
keep(char out[ID_SIZE], const char *text)
{
	text_copy(out, ID_SIZE, text == NULL ? "" : text);
}

void
log_job_begin(const struct log_job *begun)
{
	keep(job.job_id, begun->job_id);
	keep(job.deviation_id, begun->deviation_id);
	keep(job.user_id, begun->user_id);
	keep(job.upload_mode, begun->upload_mode);
	snprintf(job.correlation_id, sizeof(job.correlation_id), "job-%s", job.job_id);
	job.attempt_number = begun->attempt_number;
	job.max_attempts = begun->max_attempts;
	job.active = true;
}

void
log_job_end(void)
{
	job.active = false;
}
