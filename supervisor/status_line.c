/*
 * status_line.c - how the pool does, in one line for `systemctl status`. [supervisor]
 */
#include "supervisor/status_line.h"

#include <inttypes.h>

#include "common/text.h"
#include "health/page.h"
#include "health/status_duration.h"

/* Of a reason; the counts are to fit behind it. */
#define REASON_SIZE 200

static int64_t
not_negative(int64_t n)
{
	return n > 0 ? n : 0;
}

static void
print_reason(struct page *page, const char *what, const char *reason)
{
	char shown[REASON_SIZE];

	(void)text_copy(shown, sizeof(shown), reason);
	page_print(page, "%s: %s; ", what, shown);
}

static void
print_workers(struct page *page, const struct health_view *view)
{
	const struct scoreboard_pool *pool = &view->board.pool;

	page_print(page, "%d/%d busy", view->board.active_jobs, pool->concurrency);
	if (pool->workers_ready < pool->concurrency)
		page_print(page, ", %d up", pool->workers_ready);
}

static void
print_queue(struct page *page, const struct health_view *view)
{
	const int64_t *queue = view->board.queue;
	char duration[STATUS_DURATION_SIZE];

	if (!view->queue_known) {
		page_print(page, ", queue unknown");
		return;
	}
	page_print(page, ", %" PRId64 " waiting",
		   not_negative(queue[QUEUE_STATE_WAITING]) +
			   not_negative(queue[QUEUE_STATE_PAUSED]) +
			   not_negative(queue[QUEUE_STATE_PRIORITIZED]));
	/* Less is on its way to a worker. */
	if (view->oldest_due_s >= 1)
		page_print(page, ", oldest due %s",
			   status_duration((int64_t)view->oldest_due_s * 1000, duration));
	if (view->board.queue_paused)
		page_print(page, ", queue paused");
}

static void
print_breakers(struct page *page, const struct health_view *view)
{
	static const char *const states[CIRCUIT_STATE_COUNT] = {
		[CIRCUIT_OPEN] = "open",
		[CIRCUIT_HALF_OPEN] = "half open",
	};

	if (!view->circuits_known)
		return;
	for (int i = 0; i < CIRCUIT_STATE_COUNT; i++) {
		int64_t count = not_negative(view->board.circuits[i]);

		if (count > 0)
			page_print(page, ", %" PRId64 " breaker%s %s", count, count == 1 ? "" : "s",
				   states[i]);
	}
}

static void
print_pool(struct page *page, const struct health_view *view)
{
	if (!view->ready)
		print_reason(page, "not ready", view->error);
	if (view->board.operator_fault[0] != '\0')
		print_reason(page, "operator", view->board.operator_fault);
	print_workers(page, view);
	print_queue(page, view);
	print_breakers(page, view);
}

static void
print_jobs_in_hand(struct page *page, const struct health_view *view)
{
	int jobs = view->board.active_jobs;

	page_print(page, "%d job%s in hand", jobs, jobs == 1 ? "" : "s");
}

void
status_line(char *out, size_t size, const struct health_view *view, enum status_doing doing,
	    int64_t left_ms)
{
	struct page page;

	page_init(&page, out, size);
	switch (doing) {
	case STATUS_STARTING:
		page_print(&page, "starting; ");
		print_pool(&page, view);
		break;
	case STATUS_RELOADING:
		page_print(&page, "reloading; ");
		print_pool(&page, view);
		break;
	case STATUS_SERVING:
		print_pool(&page, view);
		break;
	case STATUS_FINISHING:
		page_print(&page, "draining: ");
		print_jobs_in_hand(&page, view);
		page_print(&page, ", for %" PRId64 " s at most",
			   (not_negative(left_ms) + 999) / 1000);
		break;
	case STATUS_STOPPING:
		page_print(&page, "stopping: ");
		print_jobs_in_hand(&page, view);
		break;
	case STATUS_STOPPED:
		page_print(&page, "stopped");
		break;
	}
}
