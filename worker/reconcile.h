#ifndef WORKER_RECONCILE_H
#define WORKER_RECONCILE_H
/*
 * reconcile.h - what became of a publish whose answer was lost.          [worker]
 *
 * deviantart-api.md 9.3: the file's item may be public. It is left alone for
 * PUBLISHER_UNKNOWN_WAIT_MS, then the user's own gallery is read, then the same item is published
 * again, where error_code 9 is proof. It is never uploaded again.
 */
#include "worker/publishing.h"

/*
 * Settles the file at hand (state FILE_PUBLISHING). PUBLISH_DONE: it is recorded as public.
 * PUBLISH_WAIT: look again later. PUBLISH_FAILED: *why; with p->item_gone the item is known not to
 * exist.
 */
enum publish_result reconcile_file(struct publishing *p, struct publish_wait *wait,
				   struct failure *why);

/* Whether it is too early to ask anything about the file at hand; needs no request. */
bool reconcile_must_wait(const struct publishing *p, struct publish_wait *wait);

/* stash/publish just answered that the item is published already (error_code 9): notes that and
 * looks for the link. */
enum publish_result reconcile_already_published(struct publishing *p, struct publish_wait *wait,
						struct failure *why);

/* stash/publish just answered that it knows no such item (error_code 7): somebody may have
 * published or deleted it on the site. Notes that; the gallery is read before it is believed. */
enum publish_result reconcile_item_gone(struct publishing *p, struct publish_wait *wait,
					struct failure *why);

#endif
