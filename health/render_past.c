/*
 * render_past.c - parts of /status: how long steps took, what failed.   [supervisor]
 */
#include "health/render_past.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/scoreboard_failures.h"

void
render_names(struct page *page, const struct health_view *view, const char *title, const char *user)
{
	/* Told by a worker that was asked to; a reload may have taken that back since. */
	if (!view->board.pool.shows_details)
		return;
	page_print(page, ",\"title\":");
	page_json(page, title);
	page_print(page, ",\"user\":");
	page_json(page, user);
}

static void
print_numbers(struct page *page, const char *name, const uint64_t *numbers, size_t count)
{
	page_print(page, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++)
		page_print(page, "%s%" PRIu64, i == 0 ? "" : ",", numbers[i]);
	page_print(page, "]");
}

void
render_timings(struct page *page, const struct scoreboard_view *board)
{
	static const char *const names[TIMING_COUNT] = {
		[TIMING_JOB] = "job",
		[TIMING_UPLOAD] = "upload",
		[TIMING_PUBLISH] = "publish",
		[TIMING_LATENESS] = "lateness",
	};

	page_print(page, ",\"timings\":{");
	for (size_t i = 0; i < TIMING_COUNT; i++) {
		uint64_t bounds[SCOREBOARD_BUCKETS];

		for (size_t j = 0; j < SCOREBOARD_BUCKETS; j++)
			bounds[j] = (uint64_t)scoreboard_bucket_ms[i][j];
		page_print(page, "%s\"%s\":{\"count\":%" PRIu64 ",\"sumMs\":%.0f",
			   i == 0 ? "" : ",", names[i], board->timings[i].count,
			   board->timings[i].sum_s * 1000);
		print_numbers(page, "boundsMs", bounds, SCOREBOARD_BUCKETS);
		print_numbers(page, "counts", board->timings[i].buckets, SCOREBOARD_BUCKETS + 1);
		page_print(page, "}");
	}
	page_print(page, "}");
}

static void
print_failure(struct page *page, const struct health_view *view,
	      const struct scoreboard_failure *failure)
{
	int64_t ago_ms = view->now_wall_ms - failure->at_wall_ms;
	char iso[CLOCK_ISO_SIZE];

	page_print(page,
		   "\n{\"result\":\"%s\",\"category\":\"%s\",\"at\":\"%s\",\"agoMs\":%" PRId64,
		   failure->outcome == FAILURE_ENDED_JOB ? "failed" : "waits",
		   failure_category_name(failure->category), clock_iso(failure->at_wall_ms, iso),
		   ago_ms > 0 ? ago_ms : 0);
	page_print(page, ",\"reason\":");
	page_json(page, failure->reason);
	page_print(page, ",\"jobId\":");
	page_json(page, failure->id);
	page_print(page, ",\"deviationId\":");
	page_json(page, failure->deviation_id);
	page_print(page, ",\"attempt\":%d,\"maxAttempts\":%d,\"waitMs\":%" PRId64, failure->attempt,
		   failure->max_attempts, failure->wait_ms);
	render_names(page, view, failure->title, failure->user);
	page_print(page, "}");
}

void
render_failures(struct page *page, const struct health_view *view, const struct scoreboard *board)
{
	struct scoreboard_failure failures[SCOREBOARD_FAILURES];
	bool first = true;

	page_print(page, ",\"failures\":[");
	for (int outcome = 0; outcome < FAILURE_OUTCOME_COUNT; outcome++) {
		int count = scoreboard_failures(board, (enum failure_outcome)outcome, failures);

		for (int i = 0; i < count; i++) {
			page_print(page, first ? "" : ",");
			print_failure(page, view, &failures[i]);
			first = false;
		}
	}
	page_print(page, "]");
}
