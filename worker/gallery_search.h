#ifndef WORKER_GALLERY_SEARCH_H
#define WORKER_GALLERY_SEARCH_H
/*
 * gallery_search.h - which post of the user's gallery is ours.            [worker]
 */
#include "worker/publishing.h"

/* What the gallery has of a post's title, time and size. */
enum shown {
	SHOWN_NOTHING,
	SHOWN_OURS,
	SHOWN_OTHERS,    /* only what is another post's of ours, or may be */
	SHOWN_UNDECIDED, /* the same, and another one has not looked yet whether it is his */
};

/*
 * Reads the gallery for the file at hand (deviantart-api.md 9.3, steps 2 to 4). SHOWN_OURS:
 * *published has the post's id and link. false with *why: it could not be read, or PostgreSQL could
 * not be asked.
 */
bool gallery_search(struct publishing *p, struct deviantart_published *published, enum shown *shown,
		    struct failure *why);

#endif
