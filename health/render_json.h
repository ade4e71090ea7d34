#ifndef HEALTH_RENDER_JSON_H
#define HEALTH_RENDER_JSON_H
/*
 * render_json.h - the answers of /health, /ready, /status, and of errors. [supervisor]
 *
 * service.md "Health Checks": its fields first, as they are there; ours after them. Pure: view in,
 * text out.
 */
#include "health/page.h"
#include "health/view.h"

void render_health(struct page *page, const struct health_view *view);
void render_ready(struct page *page, const struct health_view *view);

/*
 * All that the listener knows, for `isekai-publisher status` and the status page: what /ready says,
 * then queue, circuits, jobs, errors, timings, one entry a slot, and the recent failures. Ids only:
 * titles and names of users where HEALTH_CHECK_DETAILS asks for them. Ages in ms; what is not known
 * is null. Slots and failures are read while the page is composed.
 */
void render_status(struct page *page, const struct health_view *view,
		   const struct scoreboard *board);

/* {"error": ..., "status": <HTTP status>} */
void render_error(struct page *page, int status, const char *message);

#endif
