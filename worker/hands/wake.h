#ifndef WORKER_HANDS_WAKE_H
#define WORKER_HANDS_WAKE_H
/*
 * wake.h - posts that waited for a gate need not wait any longer.      [commands]
 */
#include <stdint.h>

struct servers;

/*
 * Promotes the delayed jobs of a user's due posts (user_id NULL: of everybody's), as BullMQ's
 * Job.promote() does, and counts them. What is not due, or has an unknown outcome, is left where it
 * is; whatever else makes a post wait is asked again by its next claim. Gives 0, or the exit status
 * after it was said which server went away.
 */
int wake_posts(struct servers *servers, const char *user_id, int64_t *woken);

#endif
