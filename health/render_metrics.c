/*
 * render_metrics.c - /metrics.                                         [supervisor]
 *
 * Invariant: the set of series depends only on what is known, never on what has happened so far:
 * every label of a closed list is there from the start, so that rate() and increase() see the first
 * event.
 */
#include "health/render_metrics.h"

#include <inttypes.h>
#include <string.h>

/* ---- the pieces ---- */

static void
family(struct page *page, const char *name, const char *type, const char *help)
{
	page_print(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
labelled(struct page *page, const char *name, const char *label, const char *value, uint64_t n)
{
	page_print(page, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, n);
}

/* A counter of milliseconds, in seconds. */
static void
labelled_seconds(struct page *page, const char *name, const char *label, const char *value,
		 double seconds)
{
	page_print(page, "%s{%s=\"%s\"} %.3f\n", name, label, value, seconds);
}

static void
counter(struct page *page, const char *name, const char *help, uint64_t n)
{
	family(page, name, "counter", help);
	page_print(page, "%s %" PRIu64 "\n", name, n);
}

static void
gauge(struct page *page, const char *name, const char *help, int64_t n)
{
	family(page, name, "gauge", help);
	page_print(page, "%s %" PRId64 "\n", name, n);
}

static uint64_t
not_negative(int64_t n)
{
	return n > 0 ? (uint64_t)n : 0;
}

/* ---- the service ---- */

static void
print_service(struct page *page, const struct health_view *view)
{
	const struct scoreboard_pool *pool = &view->board.pool;

	gauge(page, "publisher_active_jobs", "Number of jobs currently being processed",
	      view->board.active_jobs);
	counter(page, "publisher_uptime_seconds", "Uptime of the publisher service in seconds",
		not_negative(view->uptime_s));
	family(page, "publisher_build_info", "gauge", "The version that runs; always 1.");
	labelled(page, "publisher_build_info", "version", view->version, 1);
	family(page, "publisher_start_time_seconds", "gauge", "Unix time of the start.");
	page_print(page, "publisher_start_time_seconds %.3f\n",
		   (double)pool->started_wall_ms / 1000.0);
	gauge(page, "publisher_ready", "1 while /ready answers 200.", view->ready);
	gauge(page, "publisher_redis_up", "1 while Redis answers, as the dispatcher finds it.",
	      view->redis_up);
	gauge(page, "publisher_postgres_up",
	      "1 while PostgreSQL answers, as the dispatcher finds it.", view->postgres_up);
	gauge(page, "publisher_operator_fault",
	      "1 while something only the operator can mend holds jobs up; /ready tells what.",
	      view->board.operator_fault[0] != '\0');
}

/* ---- the pool ---- */

static void
print_workers(struct page *page, const struct health_view *view)
{
	family(page, "publisher_workers", "gauge", "Worker processes by what they are doing.");
	for (int i = ACTIVITY_BOOT; i < ACTIVITY_COUNT; i++)
		if (i != ACTIVITY_RUNNING) /* the dispatcher's */
			labelled(page, "publisher_workers", "state",
				 activity_name((enum activity)i), not_negative(view->workers[i]));
	family(page, "publisher_worker_seconds_total", "counter",
	       "Time of worker processes by what they spent it on.");
	for (int i = ACTIVITY_BOOT; i < ACTIVITY_COUNT; i++)
		if (i != ACTIVITY_RUNNING)
			labelled_seconds(page, "publisher_worker_seconds_total", "state",
					 activity_name((enum activity)i), view->board.spent_s[i]);
}

static void
print_pool(struct page *page, const struct health_view *view)
{
	const struct scoreboard_pool *pool = &view->board.pool;

	print_workers(page, view);
	gauge(page, "publisher_workers_ready", "Workers that are up and take jobs.",
	      pool->workers_ready);
	gauge(page, "publisher_workers_limit", "Workers wanted (PUBLISHER_CONCURRENCY).",
	      pool->concurrency);
	gauge(page, "publisher_draining", "1 while the pool is draining.",
	      pool->phase == POOL_DRAINING);
	counter(page, "publisher_worker_restarts_total", "Workers started in place of dead ones.",
		pool->worker_restarts);
	counter(page, "publisher_workers_killed_total",
		"Workers killed because they did not let go in time.", pool->workers_killed);
	gauge(page, "publisher_dispatcher_up", "1 while the dispatcher gives signs of life.",
	      view->dispatcher_fresh);
	counter(page, "publisher_dispatcher_restarts_total",
		"Dispatchers started in place of dead ones.", pool->dispatcher_restarts);
	gauge(page, "publisher_config_generation", "Counts the configurations taken so far.",
	      pool->config_generation <= INT64_MAX ? (int64_t)pool->config_generation : INT64_MAX);
	family(page, "publisher_reloads_total", "counter",
	       "Reloads asked for, by what became of them.");
	labelled(page, "publisher_reloads_total", "result", "done", pool->reloads);
	labelled(page, "publisher_reloads_total", "result", "refused", pool->reloads_refused);
}

/* ---- jobs ---- */

/* label: "" or like `step="upload",`. */
static void
print_timing(struct page *page, const char *name, const char *label,
	     const struct scoreboard_view *board, enum timing timing)
{
	int labels = (int)strlen(label);
	uint64_t below = 0;

	for (int i = 0; i < SCOREBOARD_BUCKETS; i++) {
		below += board->timings[timing].buckets[i];
		page_print(page, "%s_bucket{%sle=\"%g\"} %" PRIu64 "\n", name, label,
			   (double)scoreboard_bucket_ms[timing][i] / 1000.0, below);
	}
	/* +Inf and _count from the same numbers: they must be equal, whatever was counted
	 * meanwhile. */
	below += board->timings[timing].buckets[SCOREBOARD_BUCKETS];
	page_print(page, "%s_bucket{%sle=\"+Inf\"} %" PRIu64 "\n", name, label, below);
	if (labels > 0)
		page_print(page, "%s_sum{%.*s} %.3f\n%s_count{%.*s} %" PRIu64 "\n", name,
			   labels - 1, label, board->timings[timing].sum_s, name, labels - 1, label,
			   below);
	else
		page_print(page, "%s_sum %.3f\n%s_count %" PRIu64 "\n", name,
			   board->timings[timing].sum_s, name, below);
}

static void
print_timings(struct page *page, const struct scoreboard_view *board)
{
	family(page, "publisher_job_duration_seconds", "histogram",
	       "How long jobs took from claim to finish; not the deferred.");
	print_timing(page, "publisher_job_duration_seconds", "", board, TIMING_JOB);
	family(page, "publisher_step_duration_seconds", "histogram",
	       "How long a file's upload took, and a publish that was accepted.");
	print_timing(page, "publisher_step_duration_seconds", "step=\"upload\",", board,
		     TIMING_UPLOAD);
	print_timing(page, "publisher_step_duration_seconds", "step=\"publish\",", board,
		     TIMING_PUBLISH);
	family(page, "publisher_lateness_seconds", "histogram",
	       "From a post's due time until it was public.");
	print_timing(page, "publisher_lateness_seconds", "", board, TIMING_LATENESS);
}

static void
print_waits(struct page *page, const struct scoreboard_view *board)
{
	family(page, "publisher_waits_total", "counter",
	       "How often a job was put off, by the reason.");
	for (int i = 0; i < WAIT_REASON_COUNT; i++)
		labelled(page, "publisher_waits_total", "reason",
			 wait_reason_name((enum wait_reason)i), board->waits[i].count);
	family(page, "publisher_wait_seconds_total", "counter",
	       "How long jobs were put off for, by the reason, counted when the wait begins.");
	for (int i = 0; i < WAIT_REASON_COUNT; i++)
		labelled_seconds(page, "publisher_wait_seconds_total", "reason",
				 wait_reason_name((enum wait_reason)i), board->waits[i].sum_s);
}

static void
print_jobs(struct page *page, const struct scoreboard_view *board)
{
	family(page, "publisher_jobs_total", "counter", "Runs of jobs by how they ended.");
	for (int i = 0; i < JOB_RESULT_COUNT; i++)
		labelled(page, "publisher_jobs_total", "result",
			 job_result_name((enum job_result)i), board->jobs[i]);
	print_timings(page, board);
	print_waits(page, board);
	family(page, "publisher_errors_total", "counter", "Failures by category.");
	for (int i = FAILURE_NONE + 1; i < FAILURE_CATEGORY_COUNT; i++)
		labelled(page, "publisher_errors_total", "category",
			 failure_category_name((enum failure_category)i), board->errors[i]);
	family(page, "publisher_reconciled_total", "counter",
	       "Publishes of unknown outcome that were cleared up, by what they turned out to be.");
	for (int i = 0; i < RECONCILE_OUTCOME_COUNT; i++)
		labelled(page, "publisher_reconciled_total", "outcome",
			 reconcile_outcome_name((enum reconcile_outcome)i), board->reconciled[i]);
}

/* ---- the queue ---- */

/* What was counted too long ago is left out: no number is better than an old one. */
static void
print_queue(struct page *page, const struct health_view *view)
{
	const struct scoreboard_view *board = &view->board;

	if (view->queue_known) {
		family(page, "publisher_queue_jobs", "gauge",
		       "Jobs of the queue by state, at most 2 s old; absent when not known.");
		for (int i = 0; i < QUEUE_STATE_COUNT; i++)
			labelled(page, "publisher_queue_jobs", "state",
				 queue_state_name((enum queue_state)i),
				 not_negative(board->queue[i]));
		gauge(page, "publisher_queue_paused", "1 while the queue is paused.",
		      board->queue_paused);
		family(page, "publisher_queue_oldest_due_seconds", "gauge",
		       "How long ago the oldest job that is next in line was due; 0 when nobody "
		       "waits.");
		page_print(page, "publisher_queue_oldest_due_seconds %.3f\n", view->oldest_due_s);
	}
	if (view->circuits_known) {
		family(page, "publisher_circuits", "gauge",
		       "Circuits that DeviantArt's refusals opened: open, or half open (their time "
		       "is over, "
		       "and a probe may go); absent when not known.");
		/* Of a closed one nothing is kept: there is nothing to count. */
		for (int i = 0; i < CIRCUIT_STATE_COUNT; i++)
			labelled(page, "publisher_circuits", "state",
				 circuit_state_name((enum circuit_state)i),
				 not_negative(board->circuits[i]));
		family(page, "publisher_application_circuit", "gauge",
		       "1 while the circuit that shuts everybody out is open, or half open; absent "
		       "when not known.");
		for (int i = 0; i < CIRCUIT_STATE_COUNT; i++)
			labelled(page, "publisher_application_circuit", "state",
				 circuit_state_name((enum circuit_state)i), view->application[i]);
	}
}

/* ---- plain counters ---- */

static const struct {
	const char *name, *help;
} counters[COUNTER_COUNT] = {
	[COUNTER_UPLOADS] = {"publisher_uploads_total", "Files that stash/submit accepted."},
	[COUNTER_UPLOADED_BYTES] = {"publisher_uploaded_bytes_total",
				    "Bytes of the files that stash/submit accepted."},
	[COUNTER_PUBLISHES] = {"publisher_publishes_total",
			       "Deviations that stash/publish accepted."},
	[COUNTER_TOKEN_REFRESHES] = {"publisher_token_refreshes_total", "Access tokens refreshed."},
	[COUNTER_TOKEN_REFRESH_FAILURES] = {"publisher_token_refresh_failures_total",
					    "Token refreshes that failed."},
	[COUNTER_DEAD_LOGINS] = {"publisher_dead_logins_total",
				 "Users found to have to connect DeviantArt again."},
	[COUNTER_FENCED] = {"publisher_fenced_publishes_total",
			    "Publishes not sent because the lease or the lock was not ours."},
	[COUNTER_HANDED_BACK] = {"publisher_handed_back_jobs_total",
				 "Jobs of dead processes given back to the queue."},
	[COUNTER_STALLED] = {"publisher_stalled_jobs_total",
			     "Jobs that the stalled check recovered."},
	[COUNTER_REQUEUED] = {"publisher_requeued_jobs_total",
			      "Jobs put in the queue anew from PostgreSQL."},
	[COUNTER_TURNS] = {"publisher_turns_total", "Turns handed to idle workers."},
	[COUNTER_REDIS_RECONNECTS] = {"publisher_redis_reconnects_total",
				      "Connections to Redis made anew after they were lost."},
	[COUNTER_POSTGRES_RECONNECTS] =
		{"publisher_postgres_reconnects_total",
		 "Connections to PostgreSQL made anew after they were lost."},
	[COUNTER_LOG_DROPPED] = {"publisher_log_dropped_total",
				 "Log lines dropped because the output would not take them."},
};

static void
print_counters(struct page *page, const struct health_view *view)
{
	for (int i = 0; i < COUNTER_COUNT; i++)
		counter(page, counters[i].name, counters[i].help,
			view->board.counters[i] +
				(i == COUNTER_LOG_DROPPED ? view->log_dropped : 0));
}

static void
print_load(struct page *page, const struct health_load *load)
{
	gauge(page, "publisher_health_connections", "Connections to this listener.",
	      load->connections);
	gauge(page, "publisher_health_connections_limit", "Connections that it takes at most.",
	      load->connections_limit);
	counter(page, "publisher_health_requests_total", "Requests that it answered.",
		load->requests);
	counter(page, "publisher_health_connections_dropped_total",
		"Connections dropped to let newer ones in.", load->dropped);
	counter(page, "publisher_health_timeouts_total",
		"Connections closed because a request or its answer took too long.",
		load->timeouts);
}

void
render_metrics(struct page *page, const struct health_view *view)
{
	print_service(page, view);
	print_pool(page, view);
	print_jobs(page, &view->board);
	print_queue(page, view);
	print_counters(page, view);
	print_load(page, &view->load);
}
