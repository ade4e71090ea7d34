#ifndef HEALTH_STATUS_JSON_H
#define HEALTH_STATUS_JSON_H
/*
 * status_json.h - reading /status, which another version may have composed. [status command]
 *
 * What is missing or of another type has a value all the same. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

struct cJSON;

#define STATUS_SHOWN_SIZE 512

/* Escaped, so that it may go to a terminal; "unknown" where there is no such text. Gives shown. */
const char *status_text_of(const struct cJSON *object, const char *name,
			   char shown[STATUS_SHOWN_SIZE]);
/* 0 for what is no number, or below 0. */
int64_t status_number_of(const struct cJSON *object, const char *name);
bool status_is_true(const struct cJSON *object, const char *name);
/* NULL: there is none. */
const struct cJSON *status_part(const struct cJSON *object, const char *name);

#endif
