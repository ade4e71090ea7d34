#ifndef HEALTH_RENDER_PAST_H
#define HEALTH_RENDER_PAST_H
/*
 * render_past.h - parts of /status: how long steps took, what failed.   [supervisor]
 *
 * Members of a JSON object, each with the comma before it.
 */
#include "health/page.h"
#include "health/view.h"

/* "timings": a histogram each, over all that was since the start; counts are not cumulative and
 * have one more than the bounds. */
void render_timings(struct page *page, const struct scoreboard_view *board);

/* "failures": those for good, then those that wait, the latest of each first. */
void render_failures(struct page *page, const struct health_view *view,
		     const struct scoreboard *board);

/* "title" and "user" of a post; nothing where HEALTH_CHECK_DETAILS does not ask for them. */
void render_names(struct page *page, const struct health_view *view, const char *title,
		  const char *user);

#endif
