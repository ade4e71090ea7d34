#ifndef WORKER_HANDS_OUTPUT_H
#define WORKER_HANDS_OUTPUT_H
/*
 * output.h - lines for people, JSON for machines.                      [commands]
 */
#include <stdbool.h>
#include <stdint.h>

struct cJSON;

/* Prints the object in a line of standard output and frees it. Gives exit_status, or that of
 * missing memory: `denied` is json_memory_denied() from before the object was made. */
int output_json(struct cJSON *object, unsigned denied, int exit_status);

/* A time as text; FACTS_NONE: null. */
void output_time(struct cJSON *to, const char *name, int64_t at_ms);

/* A text of others made harmless; "": null. */
void output_text(struct cJSON *to, const char *name, const char *text);

#endif
