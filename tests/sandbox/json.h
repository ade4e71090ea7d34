#ifndef SANDBOX_JSON_H
#define SANDBOX_JSON_H
/*
 * json.h - what the sandbox adds to cJSON: exact integers, clean texts, strict reading. [sandbox]
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* A string; bytes that are not UTF-8 become U+FFFD; NULL becomes null. */
struct cJSON *json_text(const char *text);

/* Adds to an object. Integers are written with all their digits (cJSON's own are doubles). */
void json_add_text(struct cJSON *object, const char *name, const char *text);
void json_add_integer(struct cJSON *object, const char *name, int64_t value);
void json_add_bool(struct cJSON *object, const char *name, bool value);

/* What was printed, without blanks. Free with free(). */
char *json_print(const struct cJSON *json);

/*
 * Reads the members of an object one by one and remembers which were asked for, so that a misspelt
 * member is an error and not a silence. The first error wins; json_reader_done() tells it.
 */
struct json_reader {
	const struct cJSON *object;
	const char *what; /* "users[2]": for messages */
	uint64_t seen;    /* bit n: member n was asked for */
	char *error;      /* NULL: none so far; free with json_reader_fini() */
};

void json_reader_init(struct json_reader *reader, const struct cJSON *object, const char *what);
void json_reader_fini(struct json_reader *reader);

void json_reader_fail(struct json_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Each leaves *value alone if the member is missing or wrong; a wrong one is an error. */
const struct cJSON *json_read_any(struct json_reader *reader, const char *name);
void json_read_text(struct json_reader *reader, const char *name, const char **value);
void json_read_bool(struct json_reader *reader, const char *name, bool *value);
void json_read_integer(struct json_reader *reader, const char *name, int64_t *value, int64_t least,
		       int64_t most);

/* True if nothing was wrong and no member is left that nobody asked for. */
bool json_reader_done(struct json_reader *reader);

#endif
