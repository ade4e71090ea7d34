/*
 * render_json.c - the answers of /health and /ready, and of errors.    [supervisor]
 */
#include "health/render_json.h"

#include <inttypes.h>

#include "common/clock.h"

static const char service[] = "isekai-publisher";

static const char *
json_bool(bool value)
{
	return value ? "true" : "false";
}

static const char *
phase_name(enum pool_phase phase)
{
	switch (phase) {
	case POOL_STARTING:
		return "starting";
	case POOL_SERVING:
		return "serving";
	case POOL_DRAINING:
		break;
	}
	return "draining";
}

static void
print_head(struct page *page, const char *status)
{
	page_print(page, "{\"status\":\"%s\",\"service\":\"%s\"", status, service);
}

static void
print_timestamp(struct page *page, const struct health_view *view)
{
	char iso[CLOCK_ISO_SIZE];

	page_print(page, ",\"timestamp\":\"%s\"", clock_iso(view->now_wall_ms, iso));
}

static void
print_process(struct page *page, const struct health_view *view)
{
	page_print(page, ",\"version\":");
	page_json(page, view->version);
	page_print(page, ",\"pid\":%ld,\"configGeneration\":%" PRIu64, view->pid,
		   view->board.pool.config_generation);
}

void
render_health(struct page *page, const struct health_view *view)
{
	print_head(page, "healthy");
	page_print(page, ",\"uptime\":%" PRId64, view->uptime_s);
	print_timestamp(page, view);
	print_process(page, view);
	page_print(page, "}\n");
}

static void
print_dispatcher(struct page *page, const struct health_view *view)
{
	int64_t heartbeat_ms = view->board.dispatcher_heartbeat_ms;

	page_print(page, ",\"dispatcher\":{\"running\":%s,\"heartbeatAgeMs\":",
		   json_bool(view->dispatcher_fresh));
	if (heartbeat_ms <= 0)
		page_print(page, "null}");
	else
		page_print(page, "%" PRId64 "}",
			   view->now_mono_ms > heartbeat_ms ? view->now_mono_ms - heartbeat_ms : 0);
}

void
render_ready(struct page *page, const struct health_view *view)
{
	const struct scoreboard_pool *pool = &view->board.pool;

	print_head(page, view->ready ? "ready" : "not_ready");
	page_print(page, ",\"worker\":{\"running\":%s,\"activeJobs\":%d}",
		   json_bool(pool->workers_ready > 0), view->board.active_jobs);
	page_print(page, ",\"redis\":{\"connected\":%s}", json_bool(view->redis_up));
	print_timestamp(page, view);
	if (!view->ready) {
		page_print(page, ",\"error\":");
		page_json(page, view->error);
	}
	page_print(page, ",\"postgres\":{\"connected\":%s}", json_bool(view->postgres_up));
	page_print(page,
		   ",\"pool\":{\"phase\":\"%s\",\"workersReady\":%d,\"workersIdle\":%d,"
		   "\"concurrency\":%d,\"concurrencyLimit\":%d}",
		   phase_name(pool->phase), pool->workers_ready, view->workers[ACTIVITY_IDLE],
		   pool->concurrency, SCOREBOARD_WORKERS_MAX);
	print_dispatcher(page, view);
	if (view->board.operator_fault[0] != '\0') {
		page_print(page, ",\"operatorFault\":");
		page_json(page, view->board.operator_fault);
	}
	print_process(page, view);
	page_print(page, "}\n");
}

void
render_error(struct page *page, int status, const char *message)
{
	page_print(page, "{\"error\":");
	page_json(page, message);
	page_print(page, ",\"status\":%d}\n", status);
}
