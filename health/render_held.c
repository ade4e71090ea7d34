/*
 * render_held.c - who is held back, and until when.                    [supervisor]
 */
#include "health/render_held.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/scoreboard_held.h"

/* The dispatcher counts every second; as long as its word on circuits counts, so does this. */
#define HELD_MAX_AGE_MS HEALTH_CIRCUITS_MAX_AGE_MS

/* A time, and how long it is until then; null and 0 for one that has come. */
static void
print_until(struct page *page, const struct health_view *view, const char *name,
	    int64_t until_wall_ms)
{
	char iso[CLOCK_ISO_SIZE];
	int64_t left_ms = until_wall_ms - view->now_wall_ms;

	if (left_ms > 0)
		page_print(page, "\"%s\":\"%s\",\"forMs\":%" PRId64, name,
			   clock_iso(until_wall_ms, iso), left_ms);
	else
		page_print(page, "\"%s\":null,\"forMs\":0", name);
}

static void
print_everybody(struct page *page, const struct health_view *view,
		const struct scoreboard_held *held)
{
	int64_t until_ms = held->application_until_wall_ms;
	const char *state = until_ms == 0                  ? "closed"
			    : until_ms > view->now_wall_ms ? "open"
							   : "half_open";

	page_print(page, "\"everybody\":{\"circuit\":\"%s\",", state);
	print_until(page, view, "until", until_ms);
	page_print(page, ",\"isPaused\":%s,\"isFull\":%s,\"limitedForMs\":%" PRId64 "}",
		   view->board.queue_paused ? "true" : "false", held->queue_full ? "true" : "false",
		   held->limited_until_wall_ms > view->now_wall_ms
			   ? held->limited_until_wall_ms - view->now_wall_ms
			   : 0);
}

static void
print_user(struct page *page, const struct health_view *view, enum held_by by,
	   const struct scoreboard_held_user *user)
{
	bool is_over = user->until_wall_ms <= view->now_wall_ms;

	page_print(page, "{\"userId\":");
	page_json(page, user->id);
	page_print(page, ",");
	print_until(page, view, "until", user->until_wall_ms);
	if (by == HELD_BY_CIRCUIT)
		page_print(page, ",\"state\":\"%s\"", is_over ? "half_open" : "open");
	else if (by == HELD_BY_PACE)
		page_print(page, ",\"posts\":%" PRId64, user->posts);
	else
		page_print(page, ",\"state\":\"%s\"",
			   user->until_wall_ms == 0 ? "dead" : "refreshing");
	page_print(page, "}");
}

static void
print_users(struct page *page, const struct health_view *view, const struct scoreboard_held *held,
	    enum held_by by, const char *name)
{
	page_print(page, ",\"%s\":{\"total\":%" PRId64 ",\"users\":[", name, held->by[by].total);
	for (int i = 0; i < held->by[by].count; i++) {
		page_print(page, i == 0 ? "" : ",");
		print_user(page, view, by, &held->by[by].users[i]);
	}
	page_print(page, "]}");
}

void
render_held(struct page *page, const struct health_view *view, const struct scoreboard *board)
{
	struct scoreboard_held held;

	scoreboard_held_read(board, &held);
	page_print(page, ",\"heldBack\":");
	if (held.counted_ms == 0 || view->now_mono_ms - held.counted_ms > HELD_MAX_AGE_MS) {
		page_print(page, "null");
		return;
	}
	page_print(page, "{");
	print_everybody(page, view, &held);
	print_users(page, view, &held, HELD_BY_CIRCUIT, "circuits");
	print_users(page, view, &held, HELD_BY_PACE, "pace");
	print_users(page, view, &held, HELD_BY_LOGIN, "logins");
	page_print(page, "}");
}
