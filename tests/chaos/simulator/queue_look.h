#ifndef TESTS_CHAOS_SIMULATOR_QUEUE_LOOK_H
#define TESTS_CHAOS_SIMULATOR_QUEUE_LOOK_H
/*
 * queue_look.h - where the simulated Redis has a job, for the checks.     [simulator]
 */
#include <stdbool.h>

#define QUEUE "bull:deviation-publisher:"

struct post_row;

/* list: "wait", "active" ... */
bool queue_is_in(const char *list, const char *id);
/* suffix: "", ":lock" ... */
bool queue_exists(const char *id, const char *suffix);
/* NULL: the job has none, or is not there. */
const char *queue_job_field(const char *id, const char *field);
void queue_job_id_of(const struct post_row *post, char out[64]);

#endif
