#ifndef SANDBOX_FIELDS_H
#define SANDBOX_FIELDS_H
/*
 * fields.h - the names and values of a form, a query or a multipart body. [sandbox]
 *
 * Order and repetition are kept as they came. An array is "name[]" or "name[0]", "name[1]"
 * (deviantart-api.md 4); a plain repeated name is not one: its last value counts.
 */
#include <stdbool.h>
#include <stddef.h>

struct cJSON;

struct field {
	char *name;
	char *value; /* holds no NUL byte of its own */
};

struct fields {
	struct field *list;
	size_t count;
};

#define FIELDS_MAX 1000

void fields_free(struct fields *fields);

/* Copies. False if it would be one too many, or if there is a NUL byte in it. */
bool fields_add(struct fields *fields, const char *name, size_t name_length, const char *value,
		size_t value_length);

/* application/x-www-form-urlencoded. False as for fields_add(); what fitted is there. */
bool fields_parse(struct fields *fields, const char *text, size_t length);

/* The last value under the very name, or NULL. */
const char *fields_get(const struct fields *fields, const char *name);

/* The values of an array, in order: *cursor starts at 0; NULL at the end. */
const char *fields_next(const struct fields *fields, const char *name, size_t *cursor);
size_t fields_array_size(const struct fields *fields, const char *name);

/* If `full` is "base[]" or "base[digits]". */
bool fields_is_array_name(const char *full, const char *base);

/* {"title": "x", "tags": ["a", "b"], "license_options[modify]": "no"}: arrays under their base
 * name. */
struct cJSON *fields_to_json(const struct fields *fields);

#endif
