#ifndef WORKER_PUBLISH_H
#define WORKER_PUBLISH_H
/*
 * publish.h - one deviation to DeviantArt, file by file.                 [worker]
 *
 * For each file: the gates, a fresh token, stash/submit, the item recorded, the intention recorded,
 * stash/publish, the outcome recorded. It resumes at the first file that is not done. What must
 * hold: one item a file, fixed once; only that item is ever published; "publishing" is committed
 * before the request; a file found there goes to reconcile.h first.
 */
#include "worker/publishing.h"

enum publish_result publish_run(struct publishing *p, struct publish_wait *wait,
				struct failure *why);

#endif
