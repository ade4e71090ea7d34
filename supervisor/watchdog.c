/*
 * watchdog.c - kills what does not let go.                             [supervisor]
 *
 * Invariant: every child is bounded: to get ready, to finish a job, to leave, to give a sign of
 * life. What it says of itself in the scoreboard is only compared with the clock.
 */
#include <stddef.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/pool.h"

/* A tick that comes this late says that we ourselves stood still (SIGSTOP, suspend), and the
 * children may have too. */
#define GAP_MS 3000
/* PostgreSQL up and a dispatcher content with it for so long: the configuration works. */
#define PROVEN_MS 10000

/* The longest PUBLISHER_JOB_TIMEOUT_MS: for a job that names no deadline. */
#define LONGEST_JOB_MS 1500000

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
deadline_of(const struct scoreboard_job *job)
{
	return job->deadline_ms > 0 ? job->deadline_ms : job->started_ms + LONGEST_JOB_MS;
}

static void
execute(struct pool *pool, int slot, enum verdict verdict, const struct scoreboard_slot_view *view)
{
	log_event(LOG_ERROR, "killing a child",
		  (struct log_field[]){
			  LOG_STR("role", slot == SCOREBOARD_DISPATCHER ? "dispatcher" : "worker"),
			  LOG_INT("slot", slot),
			  LOG_INT("generation", child_at(pool->children, slot)->generation),
			  LOG_INT("childPid", child_at(pool->children, slot)->pid),
			  LOG_STR("why", policy_verdict_text(verdict)),
			  LOG_STR("activity", activity_name(view->activity)),
			  LOG_STR("jobId", view->has_job ? view->job.id : NULL),
			  LOG_STR("deviationId", view->has_job ? view->job.deviation_id : NULL),
			  LOG_END});
	child_kill(pool->children, slot);
	if (slot != SCOREBOARD_DISPATCHER)
		pool->report.workers_killed++;
}

static void
watch_child(struct pool *pool, int slot, int64_t now_ms)
{
	const struct child_record *record = child_at(pool->children, slot);
	struct scoreboard_slot_view view = {.slot = slot};
	struct watched watched;
	enum verdict verdict;

	if (record->pid == 0 || record->killed)
		return;
	(void)scoreboard_read_slot(pool->board, slot, &view); /* an empty view is a silent child */
	if (record->life == CHILD_LEAVING && view.has_job)
		child_has_job(pool->children, slot, now_ms);
	watched = (struct watched){
		.is_dispatcher = slot == SCOREBOARD_DISPATCHER,
		.is_ready = record->was_ready,
		.is_leaving = record->life == CHILD_LEAVING,
		.has_job = view.has_job,
		.now_ms = now_ms,
		.since_ms = later(record->started_ms, pool->resumed_ms),
		.leaving_since_ms = later(record->leaving_since_ms, pool->resumed_ms),
		.heartbeat_ms = view.heartbeat_ms,
		.job_deadline_ms = later(deadline_of(&view.job), pool->resumed_ms),
		.slots = pool->config->concurrency,
	};
	verdict = policy_watch(&watched);
	if (verdict != VERDICT_FINE)
		execute(pool, slot, verdict, &view);
}

static void
notice_that_it_works(struct pool *pool, int64_t now_ms)
{
	const struct child_record *dispatcher = child_at(pool->children, SCOREBOARD_DISPATCHER);
	struct scoreboard_view view;

	if (pool->has_worked || dispatcher->life != CHILD_READY ||
	    now_ms - dispatcher->started_ms < PROVEN_MS)
		return;
	scoreboard_read(pool->board, &view);
	pool->has_worked = view.dependencies[DEPENDENCY_POSTGRES].checked_ms != 0 &&
			   view.dependencies[DEPENDENCY_POSTGRES].up &&
			   now_ms - view.dependencies[DEPENDENCY_POSTGRES].since_ms > PROVEN_MS;
}

void
watchdog_tick(struct pool *pool)
{
	int64_t now_ms = clock_mono_ms();

	if (pool->last_tick_ms != 0 && now_ms - pool->last_tick_ms > GAP_MS)
		pool->resumed_ms = now_ms;
	pool->last_tick_ms = now_ms;
	notice_that_it_works(pool, now_ms);
	/* While the pool ends, the stages of stop.c bound the workers; jobs and the dispatcher are
	 * watched on. */
	for (int slot = 0; slot < child_slots_used(pool->children); slot++)
		watch_child(pool, slot, now_ms);
}
