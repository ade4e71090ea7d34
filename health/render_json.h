#ifndef HEALTH_RENDER_JSON_H
#define HEALTH_RENDER_JSON_H
/*
 * render_json.h - the answers of /health and /ready, and of errors.    [supervisor]
 *
 * service.md "Health Checks": its fields first, as they are there; ours after them. Pure: view in,
 * text out.
 */
#include "health/page.h"
#include "health/view.h"

void render_health(struct page *page, const struct health_view *view);
void render_ready(struct page *page, const struct health_view *view);

/* {"error": ..., "status": <HTTP status>} */
void render_error(struct page *page, int status, const char *message);

#endif
