#ifndef WORKER_VERIFY_JUDGE_H
#define WORKER_VERIFY_JUDGE_H
/*
 * judge.h - is this job as BullMQ leaves jobs? (I9)                    [verify command]
 *
 * bullmq-protocol.md 2, 3, 5, 11. Pure.
 */
#include <stdbool.h>
#include <stddef.h>

#include "worker/verify/checks.h"
#include "worker/verify/view.h"

#define JUDGE_MOST 8

struct judgement {
	enum check check;
	enum { SETTLE_AT_ONCE, SETTLE_SOON, SETTLE_LOCK, SETTLE_STALLED } settle;
	char text[400];
};

/*
 * What is wrong with the job; gives how many of out[JUDGE_MOST] are filled. Its places in lists
 * must be known (an exact view).
 */
size_t judge_job(const struct view *view, struct judgement out[JUDGE_MOST]);

/* Whether a view that knows the sets only, of an id that was met in this list (or VIEW_LISTS: in a
 * set), calls for an exact one. */
bool judge_is_odd(const struct view *view, enum view_list list);

#endif
