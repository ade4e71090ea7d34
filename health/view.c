/*
 * view.c - ready or not, and why.                                      [supervisor]
 *
 * Invariant: what is not known counts as not ready; a report of the future or from before a restart
 * is no report.
 */
#include "health/view.h"

#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "health/page.h"

#ifndef PUBLISHER_VERSION
#define PUBLISHER_VERSION "unknown"
#endif

static bool
is_recent(int64_t at_ms, int64_t now_ms, int64_t max_age_ms)
{
	/* The reporter may have read the clock just after we did. */
	return at_ms > 0 && at_ms <= now_ms + 1000 && now_ms - at_ms <= max_age_ms;
}

static void
add_reason(struct page *error, const char *what, const char *why)
{
	page_print(error, "%s%s%s%s", error->size > 0 ? "; " : "", what, why[0] != '\0' ? ": " : "",
		   why);
}

static bool
judge_dependency(const struct health_view *view, enum dependency which, const char *name,
		 struct page *error)
{
	char what[64];
	struct page page;

	if (!view->dispatcher_fresh)
		return false; /* said once, for all of them */
	page_init(&page, what, sizeof(what));
	if (view->board.dependencies[which].checked_ms == 0) {
		page_print(&page, "%s has not been reached yet", name);
		add_reason(error, what, "");
		return false;
	}
	if (!is_recent(view->board.dependencies[which].checked_ms, view->now_mono_ms,
		       HEALTH_WORD_MAX_AGE_MS)) {
		page_print(&page, "%s is unknown", name);
		add_reason(error, what, "nobody has asked it for too long");
		return false;
	}
	if (!view->board.dependencies[which].up) {
		page_print(&page, "%s is away", name);
		add_reason(error, what, view->board.dependencies[which].reason);
		return false;
	}
	return true;
}

/* What it says of a server is a sign of life too: a statement may hold up its heartbeat, and does
 * no harm. */
static bool
is_dispatcher_fresh(const struct health_view *view)
{
	const struct scoreboard_view *board = &view->board;
	bool fresh = is_recent(board->dispatcher_heartbeat_ms, view->now_mono_ms,
			       HEALTH_WORD_MAX_AGE_MS);

	for (int i = 0; i < DEPENDENCY_COUNT; i++)
		fresh = fresh || is_recent(board->dependencies[i].checked_ms, view->now_mono_ms,
					   HEALTH_WORD_MAX_AGE_MS);
	return fresh;
}

static void
judge_pool(const struct health_view *view, struct page *error)
{
	if (view->board.pool.phase == POOL_DRAINING)
		add_reason(error, "the pool is draining", "");
	else if (view->board.pool.workers_ready == 0)
		add_reason(error, "no worker is up", "");
}

void
health_view_judge(struct health_view *view)
{
	const struct scoreboard_view *board = &view->board;
	int64_t now_ms = view->now_mono_ms;
	struct page error;

	page_init(&error, view->error, sizeof(view->error));
	view->dispatcher_fresh = is_dispatcher_fresh(view);
	judge_pool(view, &error);
	if (!view->dispatcher_fresh)
		add_reason(&error, "Redis and PostgreSQL are unknown",
			   board->dispatcher_heartbeat_ms == 0
				   ? "the dispatcher has not reported yet"
				   : "the dispatcher is silent");
	view->redis_up = judge_dependency(view, DEPENDENCY_REDIS, "Redis", &error);
	view->postgres_up = judge_dependency(view, DEPENDENCY_POSTGRES, "PostgreSQL", &error);
	view->ready = error.size == 0;

	view->queue_known = is_recent(board->queue_counted_ms, now_ms, HEALTH_QUEUE_MAX_AGE_MS);
	/* The clock of whoever added the job may be ahead of ours. */
	view->oldest_due_s =
		view->queue_known && board->oldest_due_wall_ms > 0 &&
				view->now_wall_ms > board->oldest_due_wall_ms
			? (double)(view->now_wall_ms - board->oldest_due_wall_ms) / 1000.0
			: 0;
	view->circuits_known =
		is_recent(board->circuits_counted_ms, now_ms, HEALTH_CIRCUITS_MAX_AGE_MS);
	view->application[CIRCUIT_OPEN] = board->application_until_wall_ms > view->now_wall_ms;
	view->application[CIRCUIT_HALF_OPEN] =
		board->application_until_wall_ms > 0 && !view->application[CIRCUIT_OPEN];
	view->uptime_s = board->pool.started_mono_ms > 0 && now_ms > board->pool.started_mono_ms
				 ? (now_ms - board->pool.started_mono_ms) / 1000
				 : 0;
}

void
health_view_read(struct health_view *view, const struct scoreboard *board,
		 const struct health_load *load)
{
	memset(view, 0, sizeof(*view));
	scoreboard_read(board, &view->board);
	scoreboard_activities(board, view->workers);
	view->load = *load;
	view->now_mono_ms = clock_mono_ms();
	view->now_wall_ms = clock_wall_ms();
	view->pid = (long)getpid();
	view->version = PUBLISHER_VERSION;
	view->log_dropped = log_dropped();
	health_view_judge(view);
}
