#ifndef WORKER_DEVIANTART_ANSWER_JSON_H
#define WORKER_DEVIANTART_ANSWER_JSON_H
/*
 * answer_json.h - JSON from the other side, taken with gloves.         [worker]
 *
 * cJSON does the parsing, behind limits of our own: size, nesting, no NUL bytes, nothing after the
 * value. Member names are case-sensitive and the first of two equal ones counts. Ids are read from
 * the text itself, because cJSON keeps numbers as doubles and DeviantArt's item ids may exceed 2^53
 * (deviantart-api.md 1, number 9). Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

#define ANSWER_JSON_LIMIT (1024 * 1024) /* bytes; a gallery page has about 500 KB at most */
#define ANSWER_JSON_DEPTH 64

/*
 * The object that body is, white space around it allowed (DeviantArt pads slow answers). NULL: not
 * JSON, not an object, larger or deeper than the limits, or out of memory. Free with
 * cJSON_Delete(), or answer_json_free().
 */
struct cJSON *answer_json_parse(const char *body, size_t size);
void answer_json_free(struct cJSON *object);
/* The same for an object with secrets: every text in it is wiped first. */
void answer_json_wipe(struct cJSON *object);

/* A member's text, borrowed; NULL when it is absent or no string. */
const char *answer_json_text(const struct cJSON *object, const char *name);

/* A member that is a whole number, or a string of digits; within +-2^53 (for times, sizes and
 * codes, not for ids). */
bool answer_json_whole(const struct cJSON *object, const char *name, int64_t *value);

/*
 * An id: the top-level member `name` of body, a whole number without sign, point and exponent, or a
 * string of digits; exactly as written, 1 to out_size - 1 digits, not zero. body must be what
 * answer_json_parse() took.
 */
bool answer_json_id(const char *body, size_t size, const char *name, char *out, size_t out_size);

/* "title: has incorrect length; tags: ..." from a member that maps names to texts (or lists of
 * texts); "" = none. */
void answer_json_pairs(const struct cJSON *object, const char *name, char *out, size_t out_size);

#endif
