#ifndef WORKER_EXPLAIN_TELLING_H
#define WORKER_EXPLAIN_TELLING_H
/*
 * telling.h - a story as text for people, or as JSON for machines.     [explain command]
 *
 * Pure. Both tell the same.
 */
#include <stdbool.h>
#include <stdio.h>

#include "worker/explain/story.h"

void telling_text(FILE *out, const struct facts *facts, const struct story *story);
/* False: out of memory. */
bool telling_json(FILE *out, const struct facts *facts, const struct story *story, int64_t took_ms);

#endif
