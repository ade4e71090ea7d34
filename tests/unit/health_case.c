/*
 * health_case.c - see health_case.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "tests/unit/health_case.h"

struct health_view view;
char room[ANSWER_BODY_SIZE];

int
serving(void **state)
{
	(void)state;
	memset(&view, 0, sizeof(view));
	view.now_mono_ms = NOW_MS;
	view.now_wall_ms = WALL_MS;
	view.pid = 42;
	view.version = "1.0.0";
	view.board.pool.started_mono_ms = NOW_MS - 3600 * 1000;
	view.board.pool.started_wall_ms = WALL_MS - 3600 * 1000;
	view.board.pool.phase = POOL_SERVING;
	view.board.pool.workers_ready = 5;
	view.board.pool.concurrency = 5;
	view.board.pool.config_generation = 1;
	view.workers[ACTIVITY_IDLE] = 3;
	view.workers[ACTIVITY_UPLOADING] = 2;
	view.board.active_jobs = 2;
	view.board.dispatcher_heartbeat_ms = NOW_MS - 100;
	for (int i = 0; i < DEPENDENCY_COUNT; i++) {
		view.board.dependencies[i].up = true;
		view.board.dependencies[i].checked_ms = NOW_MS - 100;
	}
	view.board.queue_counted_ms = NOW_MS - 1000;
	view.board.circuits_counted_ms = NOW_MS - 1000;
	view.load.connections = 1;
	view.load.connections_limit = 512;
	return 0;
}

const char *
rendered(void (*render)(struct page *page, const struct health_view *view))
{
	struct page page;

	health_view_judge(&view);
	page_init(&page, room, sizeof(room));
	render(&page, &view);
	assert_false(page.full);
	return room;
}

void
assert_not_ready(const char *error)
{
	health_view_judge(&view);
	assert_false(view.ready);
	assert_string_equal(view.error, error);
}
