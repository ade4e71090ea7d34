#ifndef WORKER_GALLERY_CANDIDATES_H
#define WORKER_GALLERY_CANDIDATES_H
/*
 * gallery_candidates.h - posts that may be ours, by what their metadata tell.   [worker]
 */
#include "worker/publishing.h"

#define CANDIDATES_MAX 10 /* what one metadata request takes (deviantart-api.md 7) */

struct candidates {
	struct deviantart_gallery_post posts[CANDIDATES_MAX];
	size_t count;
	int64_t low_bytes, high_bytes; /* their sizes lie between these, as far as is known */
	struct deviantart_metadata told[CANDIDATES_MAX];
	size_t told_count; /* of those posts, in any order */
};

/* Reads the metadata and keeps the posts that may have the size of the file at hand, the earliest
 * first. A post whose size is not told may have any. */
bool candidates_keep_fitting(struct publishing *p, struct candidates *found, struct failure *why);

/*
 * Where several are left, keeps those that our application submitted, if there are any. What it is
 * called, DeviantArt tells of an earlier post of the artist; without one, or where it is not told,
 * all are kept.
 */
bool candidates_prefer_own_app(struct publishing *p, struct candidates *found, struct failure *why);

#endif
