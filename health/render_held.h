#ifndef HEALTH_RENDER_HELD_H
#define HEALTH_RENDER_HELD_H
/*
 * render_held.h - who is held back, and until when: a member of /status. [supervisor]
 */
#include "common/scoreboard.h"
#include "health/page.h"
#include "health/view.h"

/* ,"heldBack":{...}, or null while nobody has counted lately. Ids of users only. */
void render_held(struct page *page, const struct health_view *view, const struct scoreboard *board);

#endif
