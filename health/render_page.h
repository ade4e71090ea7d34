#ifndef HEALTH_RENDER_PAGE_H
#define HEALTH_RENDER_PAGE_H
/*
 * render_page.h - the status page, for browsers.                        [supervisor]
 *
 * health/web/: one HTML document that holds its style and its script and asks /status for all that
 * it shows. It is the same for everybody and holds nothing of any artist.
 */
#include "health/page.h"

void render_page(struct page *page);

/*
 * Its Content-Security-Policy: that style and that script, by their digests, and /status; no other
 * request, no inline attribute, no HTML made of texts (Trusted Types).
 */
extern const char render_page_policy[];

#endif
