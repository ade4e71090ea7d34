/*
 * render_json.c - the answers of /health, /ready, /status, and of errors. [supervisor]
 */
#include "health/render_json.h"

#include <inttypes.h>

#include "common/clock.h"
#include "health/render_held.h"
#include "health/render_past.h"

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

/* What /ready and /status have in common. */
static void
print_ready(struct page *page, const struct health_view *view)
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
}

void
render_ready(struct page *page, const struct health_view *view)
{
	print_ready(page, view);
	page_print(page, "}\n");
}

/* ---- /status ---- */

static void
print_count(struct page *page, bool first, const char *name, uint64_t n)
{
	page_print(page, "%s\"%s\":%" PRIu64, first ? "" : ",", name, n);
}

static uint64_t
not_negative(int64_t n)
{
	return n > 0 ? (uint64_t)n : 0;
}

static void
print_queue(struct page *page, const struct health_view *view)
{
	page_print(page, ",\"queue\":");
	if (!view->queue_known) {
		page_print(page, "null");
		return;
	}
	page_print(page, "{\"isPaused\":%s,\"oldestDueMs\":%.0f",
		   json_bool(view->board.queue_paused), view->oldest_due_s * 1000);
	for (int i = 0; i < QUEUE_STATE_COUNT; i++)
		print_count(page, false, queue_state_name((enum queue_state)i),
			    not_negative(view->board.queue[i]));
	page_print(page, "}");
}

static void
print_circuits(struct page *page, const struct health_view *view)
{
	page_print(page, ",\"circuits\":");
	if (!view->circuits_known) {
		page_print(page, "null");
		return;
	}
	for (int i = 0; i < CIRCUIT_STATE_COUNT; i++) {
		page_print(page, i == 0 ? "{" : "");
		print_count(page, i == 0, circuit_state_name((enum circuit_state)i),
			    not_negative(view->board.circuits[i]));
	}
	page_print(page, "}");
}

static void
print_jobs(struct page *page, const struct scoreboard_view *board)
{
	page_print(page, ",\"jobs\":{");
	for (int i = 0; i < JOB_RESULT_COUNT; i++)
		print_count(page, i == 0, job_result_name((enum job_result)i), board->jobs[i]);
	page_print(page, "},\"errors\":{");
	for (int i = FAILURE_NONE + 1; i < FAILURE_CATEGORY_COUNT; i++)
		print_count(page, i == FAILURE_NONE + 1,
			    failure_category_name((enum failure_category)i), board->errors[i]);
	page_print(page,
		   "},\"uploads\":%" PRIu64 ",\"uploadedBytes\":%" PRIu64 ",\"publishes\":%" PRIu64,
		   board->counters[COUNTER_UPLOADS], board->counters[COUNTER_UPLOADED_BYTES],
		   board->counters[COUNTER_PUBLISHES]);
	page_print(page, ",\"workerRestarts\":%" PRIu64 ",\"workersKilled\":%" PRIu64,
		   board->pool.worker_restarts, board->pool.workers_killed);
}

/* Since at_ms; 0 while that is not known, or of a moment that came after the page's. */
static int64_t
age_ms(const struct health_view *view, int64_t at_ms)
{
	return at_ms > 0 && view->now_mono_ms > at_ms ? view->now_mono_ms - at_ms : 0;
}

static void
print_job(struct page *page, const struct health_view *view, const struct scoreboard_job *job)
{
	page_print(page, ",\"job\":{\"id\":");
	page_json(page, job->id);
	page_print(page, ",\"deviationId\":");
	page_json(page, job->deviation_id);
	page_print(page, ",\"attempt\":%d,\"forMs\":%" PRId64 ",\"deadlineInMs\":%" PRId64,
		   job->attempt, age_ms(view, job->started_ms),
		   job->deadline_ms > view->now_mono_ms ? job->deadline_ms - view->now_mono_ms : 0);
	render_names(page, view, job->title, job->user);
	page_print(page, "}");
}

static void
print_slots(struct page *page, const struct health_view *view, const struct scoreboard *board)
{
	struct scoreboard_slot_view slot;
	bool first = true;

	page_print(page, ",\"slots\":[");
	for (int i = 0; i < scoreboard_slots_used(board); i++) {
		if (!scoreboard_read_slot(board, i, &slot))
			continue;
		page_print(page,
			   "%s\n{\"slot\":%d,\"role\":\"%s\",\"activity\":\"%s\",\"forMs\":%" PRId64
			   ",\"heartbeatAgeMs\":%" PRId64 ",\"generation\":%" PRIu64,
			   first ? "" : ",", i,
			   i == SCOREBOARD_DISPATCHER ? "dispatcher" : "worker",
			   activity_name(slot.activity), age_ms(view, slot.activity_since_ms),
			   age_ms(view, slot.heartbeat_ms), slot.generation);
		if (slot.has_job)
			print_job(page, view, &slot.job);
		page_print(page, "}");
		first = false;
	}
	page_print(page, "]");
}

void
render_status(struct page *page, const struct health_view *view, const struct scoreboard *board)
{
	print_ready(page, view);
	page_print(page, ",\"uptime\":%" PRId64, view->uptime_s);
	print_queue(page, view);
	print_circuits(page, view);
	render_held(page, view, board);
	print_jobs(page, &view->board);
	page_print(page, ",\"details\":%s", json_bool(view->board.pool.shows_details));
	render_timings(page, &view->board);
	print_slots(page, view, board);
	render_failures(page, view, board);
	page_print(page, "}\n");
}

void
render_error(struct page *page, int status, const char *message)
{
	page_print(page, "{\"error\":");
	page_json(page, message);
	page_print(page, ",\"status\":%d}\n", status);
}
