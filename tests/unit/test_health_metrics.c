/*
 * render_metrics.c, page.c: /metrics, to the byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "health/render_metrics.h"
#include "tests/unit/health_case.h"

static const char metrics[] =
	"# HELP publisher_active_jobs Number of jobs currently being processed\n"
	"# TYPE publisher_active_jobs gauge\n"
	"publisher_active_jobs 2\n"
	"# HELP publisher_uptime_seconds Uptime of the publisher service in seconds\n"
	"# TYPE publisher_uptime_seconds counter\n"
	"publisher_uptime_seconds 3600\n"
	"# HELP publisher_build_info The version that runs; always 1.\n"
	"# TYPE publisher_build_info gauge\n"
	"publisher_build_info{version=\"1.0.0\"} 1\n"
	"# HELP publisher_start_time_seconds Unix time of the start.\n"
	"# TYPE publisher_start_time_seconds gauge\n"
	"publisher_start_time_seconds 1765234800.000\n"
	"# HELP publisher_ready 1 while /ready answers 200.\n"
	"# TYPE publisher_ready gauge\n"
	"publisher_ready 1\n"
	"# HELP publisher_redis_up 1 while Redis answers, as the dispatcher finds it.\n"
	"# TYPE publisher_redis_up gauge\n"
	"publisher_redis_up 1\n"
	"# HELP publisher_postgres_up 1 while PostgreSQL answers, as the dispatcher finds it.\n"
	"# TYPE publisher_postgres_up gauge\n"
	"publisher_postgres_up 1\n"
	"# HELP publisher_operator_fault 1 while something only the operator can mend holds jobs "
	"up; /ready tells what.\n"
	"# TYPE publisher_operator_fault gauge\n"
	"publisher_operator_fault 0\n"
	"# HELP publisher_workers Worker processes by what they are doing.\n"
	"# TYPE publisher_workers gauge\n"
	"publisher_workers{state=\"boot\"} 0\n"
	"publisher_workers{state=\"idle\"} 3\n"
	"publisher_workers{state=\"loading\"} 0\n"
	"publisher_workers{state=\"uploading\"} 2\n"
	"publisher_workers{state=\"publishing\"} 0\n"
	"publisher_workers{state=\"recording\"} 0\n"
	"publisher_workers{state=\"draining\"} 0\n"
	"# HELP publisher_worker_seconds_total Time of worker processes by what they spent it on.\n"
	"# TYPE publisher_worker_seconds_total counter\n"
	"publisher_worker_seconds_total{state=\"boot\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"idle\"} 12.500\n"
	"publisher_worker_seconds_total{state=\"loading\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"uploading\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"publishing\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"recording\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"draining\"} 0.000\n"
	"# HELP publisher_workers_ready Workers that are up and take jobs.\n"
	"# TYPE publisher_workers_ready gauge\n"
	"publisher_workers_ready 5\n"
	"# HELP publisher_workers_limit Workers wanted (PUBLISHER_CONCURRENCY).\n"
	"# TYPE publisher_workers_limit gauge\n"
	"publisher_workers_limit 5\n"
	"# HELP publisher_draining 1 while the pool is draining.\n"
	"# TYPE publisher_draining gauge\n"
	"publisher_draining 0\n"
	"# HELP publisher_worker_restarts_total Workers started in place of dead ones.\n"
	"# TYPE publisher_worker_restarts_total counter\n"
	"publisher_worker_restarts_total 0\n"
	"# HELP publisher_workers_killed_total Workers killed because they did not let go in "
	"time.\n"
	"# TYPE publisher_workers_killed_total counter\n"
	"publisher_workers_killed_total 0\n"
	"# HELP publisher_dispatcher_up 1 while the dispatcher gives signs of life.\n"
	"# TYPE publisher_dispatcher_up gauge\n"
	"publisher_dispatcher_up 1\n"
	"# HELP publisher_dispatcher_restarts_total Dispatchers started in place of dead ones.\n"
	"# TYPE publisher_dispatcher_restarts_total counter\n"
	"publisher_dispatcher_restarts_total 0\n"
	"# HELP publisher_config_generation Counts the configurations taken so far.\n"
	"# TYPE publisher_config_generation gauge\n"
	"publisher_config_generation 1\n"
	"# HELP publisher_reloads_total Reloads asked for, by what became of them.\n"
	"# TYPE publisher_reloads_total counter\n"
	"publisher_reloads_total{result=\"done\"} 0\n"
	"publisher_reloads_total{result=\"refused\"} 0\n"
	"# HELP publisher_jobs_total Runs of jobs by how they ended.\n"
	"# TYPE publisher_jobs_total counter\n"
	"publisher_jobs_total{result=\"completed\"} 7\n"
	"publisher_jobs_total{result=\"failed\"} 0\n"
	"publisher_jobs_total{result=\"retried\"} 0\n"
	"publisher_jobs_total{result=\"deferred\"} 0\n"
	"# HELP publisher_job_duration_seconds How long jobs took from claim to finish; not the "
	"deferred.\n"
	"# TYPE publisher_job_duration_seconds histogram\n"
	"publisher_job_duration_seconds_bucket{le=\"0.05\"} 0\n"
	"publisher_job_duration_seconds_bucket{le=\"0.1\"} 0\n"
	"publisher_job_duration_seconds_bucket{le=\"0.25\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"0.5\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"1\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"2.5\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"5\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"10\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"30\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"60\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"120\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"300\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"600\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"1500\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"+Inf\"} 4\n"
	"publisher_job_duration_seconds_sum 2000.500\n"
	"publisher_job_duration_seconds_count 4\n"
	"# HELP publisher_step_duration_seconds How long a file's upload took, and a publish that "
	"was accepted.\n"
	"# TYPE publisher_step_duration_seconds histogram\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"0.05\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"0.1\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"0.25\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"0.5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"1\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"2.5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"10\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"30\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"60\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"120\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"300\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"600\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"1500\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"+Inf\"} 0\n"
	"publisher_step_duration_seconds_sum{step=\"upload\"} 0.000\n"
	"publisher_step_duration_seconds_count{step=\"upload\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"0.05\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"0.1\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"0.25\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"0.5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"1\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"2.5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"10\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"30\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"60\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"120\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"300\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"600\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"1500\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"+Inf\"} 0\n"
	"publisher_step_duration_seconds_sum{step=\"publish\"} 0.000\n"
	"publisher_step_duration_seconds_count{step=\"publish\"} 0\n"
	"# HELP publisher_lateness_seconds From a post's due time until it was public.\n"
	"# TYPE publisher_lateness_seconds histogram\n"
	"publisher_lateness_seconds_bucket{le=\"0.5\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"1\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"2\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"5\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"10\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"30\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"60\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"120\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"300\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"900\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"3600\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"21600\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"86400\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"604800\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"+Inf\"} 0\n"
	"publisher_lateness_seconds_sum 0.000\n"
	"publisher_lateness_seconds_count 0\n"
	"# HELP publisher_waits_total How often a job was put off, by the reason.\n"
	"# TYPE publisher_waits_total counter\n"
	"publisher_waits_total{reason=\"not_due\"} 0\n"
	"publisher_waits_total{reason=\"locked\"} 0\n"
	"publisher_waits_total{reason=\"pace\"} 3\n"
	"publisher_waits_total{reason=\"asked_to_wait\"} 0\n"
	"publisher_waits_total{reason=\"circuit\"} 0\n"
	"publisher_waits_total{reason=\"application_circuit\"} 0\n"
	"publisher_waits_total{reason=\"rate_limit\"} 0\n"
	"publisher_waits_total{reason=\"deviantart_away\"} 0\n"
	"publisher_waits_total{reason=\"storage_away\"} 0\n"
	"publisher_waits_total{reason=\"server_away\"} 0\n"
	"publisher_waits_total{reason=\"token\"} 0\n"
	"publisher_waits_total{reason=\"operator\"} 0\n"
	"publisher_waits_total{reason=\"outcome_unknown\"} 0\n"
	"publisher_waits_total{reason=\"attempt_failed\"} 0\n"
	"publisher_waits_total{reason=\"lock_lost\"} 0\n"
	"publisher_waits_total{reason=\"stopped\"} 0\n"
	"# HELP publisher_wait_seconds_total How long jobs were put off for, by the reason, "
	"counted when the wait begins.\n"
	"# TYPE publisher_wait_seconds_total counter\n"
	"publisher_wait_seconds_total{reason=\"not_due\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"locked\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"pace\"} 4.250\n"
	"publisher_wait_seconds_total{reason=\"asked_to_wait\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"circuit\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"application_circuit\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"rate_limit\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"deviantart_away\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"storage_away\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"server_away\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"token\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"operator\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"outcome_unknown\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"attempt_failed\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"lock_lost\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"stopped\"} 0.000\n"
	"# HELP publisher_errors_total Failures by category.\n"
	"# TYPE publisher_errors_total counter\n"
	"publisher_errors_total{category=\"RATE_LIMIT\"} 0\n"
	"publisher_errors_total{category=\"AUTH_ERROR\"} 0\n"
	"publisher_errors_total{category=\"TOKEN_EXPIRED\"} 0\n"
	"publisher_errors_total{category=\"REFRESH_TOKEN_EXPIRED\"} 0\n"
	"publisher_errors_total{category=\"NETWORK_ERROR\"} 0\n"
	"publisher_errors_total{category=\"SERVER_ERROR\"} 0\n"
	"publisher_errors_total{category=\"QUOTA_EXCEEDED\"} 0\n"
	"publisher_errors_total{category=\"VALIDATION_ERROR\"} 0\n"
	"publisher_errors_total{category=\"UNKNOWN\"} 0\n"
	"publisher_errors_total{category=\"AWAY\"} 0\n"
	"publisher_errors_total{category=\"OPERATOR\"} 0\n"
	"publisher_errors_total{category=\"LOST\"} 0\n"
	"publisher_errors_total{category=\"STOPPED\"} 0\n"
	"publisher_errors_total{category=\"OUTCOME_UNKNOWN\"} 0\n"
	"# HELP publisher_reconciled_total Publishes of unknown outcome that were cleared up, by "
	"what they turned out to be.\n"
	"# TYPE publisher_reconciled_total counter\n"
	"publisher_reconciled_total{outcome=\"published\"} 0\n"
	"publisher_reconciled_total{outcome=\"published_now\"} 0\n"
	"publisher_reconciled_total{outcome=\"no_link\"} 0\n"
	"publisher_reconciled_total{outcome=\"failed\"} 0\n"
	"# HELP publisher_queue_jobs Jobs of the queue by state, at most 2 s old; absent when not "
	"known.\n"
	"# TYPE publisher_queue_jobs gauge\n"
	"publisher_queue_jobs{state=\"waiting\"} 0\n"
	"publisher_queue_jobs{state=\"paused\"} 0\n"
	"publisher_queue_jobs{state=\"active\"} 0\n"
	"publisher_queue_jobs{state=\"prioritized\"} 0\n"
	"publisher_queue_jobs{state=\"delayed\"} 0\n"
	"publisher_queue_jobs{state=\"completed\"} 0\n"
	"publisher_queue_jobs{state=\"failed\"} 0\n"
	"publisher_queue_jobs{state=\"waiting-children\"} 0\n"
	"# HELP publisher_queue_paused 1 while the queue is paused.\n"
	"# TYPE publisher_queue_paused gauge\n"
	"publisher_queue_paused 0\n"
	"# HELP publisher_queue_oldest_due_seconds How long ago the oldest job that is next in "
	"line "
	"was due; 0 when nobody waits.\n"
	"# TYPE publisher_queue_oldest_due_seconds gauge\n"
	"publisher_queue_oldest_due_seconds 0.000\n"
	"# HELP publisher_circuits Circuits that DeviantArt's refusals opened: open, or half open "
	"(their "
	"time is over, and a probe may go); absent when not known.\n"
	"# TYPE publisher_circuits gauge\n"
	"publisher_circuits{state=\"open\"} 0\n"
	"publisher_circuits{state=\"half_open\"} 0\n"
	"# HELP publisher_application_circuit 1 while the circuit that shuts everybody out is "
	"open, or half open; absent when not known.\n"
	"# TYPE publisher_application_circuit gauge\n"
	"publisher_application_circuit{state=\"open\"} 1\n"
	"publisher_application_circuit{state=\"half_open\"} 0\n"
	"# HELP publisher_uploads_total Files that stash/submit accepted.\n"
	"# TYPE publisher_uploads_total counter\n"
	"publisher_uploads_total 0\n"
	"# HELP publisher_uploaded_bytes_total Bytes of the files that stash/submit accepted.\n"
	"# TYPE publisher_uploaded_bytes_total counter\n"
	"publisher_uploaded_bytes_total 0\n"
	"# HELP publisher_publishes_total Deviations that stash/publish accepted.\n"
	"# TYPE publisher_publishes_total counter\n"
	"publisher_publishes_total 0\n"
	"# HELP publisher_token_refreshes_total Access tokens refreshed.\n"
	"# TYPE publisher_token_refreshes_total counter\n"
	"publisher_token_refreshes_total 0\n"
	"# HELP publisher_token_refresh_failures_total Token refreshes that failed.\n"
	"# TYPE publisher_token_refresh_failures_total counter\n"
	"publisher_token_refresh_failures_total 0\n"
	"# HELP publisher_dead_logins_total Users found to have to connect DeviantArt again.\n"
	"# TYPE publisher_dead_logins_total counter\n"
	"publisher_dead_logins_total 0\n"
	"# HELP publisher_fenced_publishes_total Publishes not sent because the lease or the lock "
	"was not ours.\n"
	"# TYPE publisher_fenced_publishes_total counter\n"
	"publisher_fenced_publishes_total 0\n"
	"# HELP publisher_handed_back_jobs_total Jobs of dead processes given back to the queue.\n"
	"# TYPE publisher_handed_back_jobs_total counter\n"
	"publisher_handed_back_jobs_total 0\n"
	"# HELP publisher_stalled_jobs_total Jobs that the stalled check recovered.\n"
	"# TYPE publisher_stalled_jobs_total counter\n"
	"publisher_stalled_jobs_total 0\n"
	"# HELP publisher_requeued_jobs_total Jobs put in the queue anew from PostgreSQL.\n"
	"# TYPE publisher_requeued_jobs_total counter\n"
	"publisher_requeued_jobs_total 0\n"
	"# HELP publisher_turns_total Turns handed to idle workers.\n"
	"# TYPE publisher_turns_total counter\n"
	"publisher_turns_total 0\n"
	"# HELP publisher_redis_reconnects_total Connections to Redis made anew after they were "
	"lost.\n"
	"# TYPE publisher_redis_reconnects_total counter\n"
	"publisher_redis_reconnects_total 0\n"
	"# HELP publisher_postgres_reconnects_total Connections to PostgreSQL made anew after they "
	"were lost.\n"
	"# TYPE publisher_postgres_reconnects_total counter\n"
	"publisher_postgres_reconnects_total 0\n"
	"# HELP publisher_log_dropped_total Log lines dropped because the output would not take "
	"them.\n"
	"# TYPE publisher_log_dropped_total counter\n"
	"publisher_log_dropped_total 0\n"
	"# HELP publisher_health_connections Connections to this listener.\n"
	"# TYPE publisher_health_connections gauge\n"
	"publisher_health_connections 1\n"
	"# HELP publisher_health_connections_limit Connections that it takes at most.\n"
	"# TYPE publisher_health_connections_limit gauge\n"
	"publisher_health_connections_limit 512\n"
	"# HELP publisher_health_requests_total Requests that it answered.\n"
	"# TYPE publisher_health_requests_total counter\n"
	"publisher_health_requests_total 0\n"
	"# HELP publisher_health_connections_dropped_total Connections dropped to let newer ones "
	"in.\n"
	"# TYPE publisher_health_connections_dropped_total counter\n"
	"publisher_health_connections_dropped_total 0\n"
	"# HELP publisher_health_timeouts_total Connections closed because a request or its answer "
	"took too long.\n"
	"# TYPE publisher_health_timeouts_total counter\n"
	"publisher_health_timeouts_total 0\n";

static void
metrics_are_as_they_were(void **state)
{
	(void)state;
	view.board.jobs[JOB_COMPLETED] = 7;
	view.board.timings[TIMING_JOB].buckets[2] = 3;
	view.board.timings[TIMING_JOB].buckets[SCOREBOARD_BUCKETS] = 1;
	view.board.timings[TIMING_JOB].count = 4;
	view.board.timings[TIMING_JOB].sum_s = 2000.5;
	view.board.spent_s[ACTIVITY_IDLE] = 12.5;
	view.board.waits[WAIT_PACE].count = 3;
	view.board.waits[WAIT_PACE].sum_s = 4.25;
	view.board.application_until_wall_ms = WALL_MS + 1;
	assert_string_equal(rendered(render_metrics), metrics);
}

static void
application_circuit_is_open_until_its_time_is_over(void **state)
{
	(void)state;
	view.board.application_until_wall_ms = 0;
	assert_non_null(strstr(rendered(render_metrics),
			       "publisher_application_circuit{state=\"open\"} 0\n"
			       "publisher_application_circuit{state=\"half_open\"} 0\n"));
	view.board.application_until_wall_ms = WALL_MS;
	assert_non_null(strstr(rendered(render_metrics),
			       "publisher_application_circuit{state=\"open\"} 0\n"
			       "publisher_application_circuit{state=\"half_open\"} 1\n"));
}

static void
old_counts_are_left_out(void **state)
{
	const char *text;

	(void)state;
	view.board.queue_counted_ms = NOW_MS - HEALTH_QUEUE_MAX_AGE_MS;
	assert_non_null(strstr(rendered(render_metrics), "publisher_queue_jobs{"));
	view.board.queue_counted_ms--;
	view.board.circuits_counted_ms = 0;
	text = rendered(render_metrics);
	assert_null(strstr(text, "publisher_queue_"));
	assert_null(strstr(text, "publisher_circuits"));
	assert_null(strstr(text, "publisher_application_circuit"));
}

/* The family a sample belongs to: a histogram's samples have suffixes. */
static void
assert_is_declared(const char *text, const char *sample)
{
	char name[128], line[160];
	size_t size = strcspn(sample, "{ ");
	static const char *const suffixes[] = {"", "_bucket", "_sum", "_count"};

	assert_in_range(size, 1, sizeof(name) - 1);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t cut = strlen(suffixes[i]);

		if (cut > size || memcmp(sample + size - cut, suffixes[i], cut) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(size - cut), sample);
		snprintf(line, sizeof(line), "# TYPE %s ", name);
		if (strstr(text, line) == NULL)
			continue;
		snprintf(line, sizeof(line), "# HELP %s ", name);
		assert_non_null(strstr(text, line));
		return;
	}
	fail_msg("no TYPE for %.*s", (int)size, sample);
}

static void
every_series_has_help_and_type(void **state)
{
	static char copy[ANSWER_BODY_SIZE];
	char *rest = NULL;

	(void)state;
	snprintf(copy, sizeof(copy), "%s", rendered(render_metrics));
	assert_null(strstr(copy, "(null)")); /* a counter without a line in the table */
	for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		assert_true(strncmp(line, "publisher_", 10) == 0 || strncmp(line, "# ", 2) == 0);
		if (line[0] != '#')
			assert_is_declared(room, line);
	}
}

static void
fullest_page_fits(void **state)
{
	struct page page;

	(void)state;
	memset(view.board.jobs, 0xFF, sizeof(view.board.jobs));
	memset(view.board.errors, 0xFF, sizeof(view.board.errors));
	memset(view.board.reconciled, 0xFF, sizeof(view.board.reconciled));
	memset(view.board.counters, 0xFF, sizeof(view.board.counters));
	memset(view.board.timings[TIMING_JOB].buckets, 0xFF,
	       sizeof(view.board.timings[TIMING_JOB].buckets));
	view.board.timings[TIMING_JOB].sum_s = 1.8e16;
	for (int i = 0; i < QUEUE_STATE_COUNT; i++)
		view.board.queue[i] = INT64_MAX;
	for (int i = 0; i < CIRCUIT_STATE_COUNT; i++)
		view.board.circuits[i] = INT64_MIN;
	view.board.pool.config_generation = UINT64_MAX;
	view.board.pool.worker_restarts = UINT64_MAX;
	health_view_judge(&view);
	page_init(&page, room, sizeof(room));
	render_metrics(&page, &view);
	assert_false(page.full);
	assert_true(page.size < sizeof(room) / 2);
	assert_non_null(strstr(room, "publisher_circuits{state=\"open\"} 0\n"));
}

static void
page_that_is_full_says_so_and_stays_terminated(void **state)
{
	char small[16];
	struct page page;

	(void)state;
	page_init(&page, small, sizeof(small));
	page_print(&page, "%s", "0123456789");
	page_print(&page, "%s", "0123456789");
	assert_true(page.full);
	assert_string_equal(small, "0123456789");
	page_print(&page, "x");
	assert_string_equal(small, "0123456789");

	page_init(&page, small, sizeof(small));
	page_print(&page, "%s", "0123456789");
	page_json(&page, "\n");
	assert_string_equal(small, "0123456789\"\\n\"");
	assert_false(page.full);
	page_json(&page, "");
	assert_true(page.full);
	page_init(&page, small, sizeof(small));
	page_json(&page, "0123456789abcde");
	assert_true(page.full);
	assert_string_equal(small, "");
}

/* ---- answers ---- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(metrics_are_as_they_were, serving),
		cmocka_unit_test_setup(application_circuit_is_open_until_its_time_is_over, serving),
		cmocka_unit_test_setup(old_counts_are_left_out, serving),
		cmocka_unit_test_setup(every_series_has_help_and_type, serving),
		cmocka_unit_test_setup(fullest_page_fits, serving),
		cmocka_unit_test(page_that_is_full_says_so_and_stays_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
