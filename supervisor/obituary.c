/*
 * obituary.c - what happens when a child has died.                     [supervisor]
 *
 * Invariant: a dead worker's token is on record before its slot may get a new process, unless the
 * worker left in order and with empty hands; the dispatcher is told at once.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/pool.h"

/* ---------------------------------------------------------------- saying it */

#define HOW_SIZE 64

/* "signal SIGKILL", "status 78 (misconfigured)"; out of the kernel's status alone. */
static void
describe_end(const struct child_death *death, enum child_end end, char how[HOW_SIZE])
{
	static const char *const names[] = {
		[END_ASKED] = "asked",
		[END_DECLARED_DEAD] = "declared dead",
		[END_SICK] = "out of memory",
		[END_OVERWHELMED] = "out of memory in its first job",
		[END_CRASHED] = "unexpected",
		[END_MISCONFIGURED] = "misconfigured",
		[END_NOT_STARTED] = "not started",
	};
	int status = death->wait_status;

	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));

		(void)snprintf(how, HOW_SIZE, "signal SIG%s%s%s", name != NULL ? name : "?",
			       WCOREDUMP(status) ? ", core dumped" : "",
			       death->was_killed ? ", by us" : "");
	} else {
		(void)snprintf(how, HOW_SIZE, "status %d (%s)", WEXITSTATUS(status), names[end]);
	}
}

static void
log_death(const struct pool *pool, const struct child_death *death, enum child_end end,
	  const struct scoreboard_job *job)
{
	bool stopping = pool->phase >= RUN_DRAINING;
	enum log_level level = end == END_ASKED           ? LOG_DEBUG
			       : end == END_MISCONFIGURED ? LOG_ERROR
			       : stopping                 ? LOG_INFO
							  : LOG_WARN;
	char how[HOW_SIZE];

	describe_end(death, end, how);
	log_event(level, end == END_ASKED ? "child left" : "child died",
		  (struct log_field[]){
			  LOG_STR("role",
				  death->slot == SCOREBOARD_DISPATCHER ? "dispatcher" : "worker"),
			  LOG_INT("slot", death->slot), LOG_INT("generation", death->generation),
			  LOG_INT("childPid", death->pid), LOG_STR("how", how),
			  LOG_INT("livedMs", death->lived_ms),
			  LOG_BOOL("wasReady", death->was_ready),
			  LOG_STR("jobId", job != NULL ? job->id : NULL),
			  LOG_STR("deviationId", job != NULL ? job->deviation_id : NULL), LOG_END});
}

/* ---------------------------------------------------------------- the job it held */

static void
hand_on(struct pool *pool, const struct child_death *death, enum child_end end, bool had_job)
{
	bool recorded = true;

	/* The dispatcher holds no job: its token locks nothing. */
	if (death->slot != SCOREBOARD_DISPATCHER && policy_death_is_recorded(end, had_job))
		recorded = scoreboard_death_record(pool->board, death->token,
						   policy_death_blames_job(end));
	scoreboard_vacate(pool->board, death->slot);
	if (!recorded)
		log_event(LOG_WARN,
			  "too many deaths wait for the dispatcher; the stalled check will find "
			  "this one's job",
			  (struct log_field[]){LOG_INT("slot", death->slot), LOG_END});
	pool_look(pool);
}

/* ---------------------------------------------------------------- its successor */

bool
pool_at_start(const struct pool *pool)
{
	struct scoreboard_view view;

	if (pool->phase >= RUN_DRAINING || pool->has_worked || reload_is_active(pool) ||
	    pool->config_generation != 1)
		return false;
	scoreboard_read(pool->board, &view);
	return view.jobs[JOB_COMPLETED] + view.jobs[JOB_FAILED] == 0;
}

static void
plan_successor(struct pool *pool, const struct child_death *death, enum child_end end)
{
	bool is_dispatcher = death->slot == SCOREBOARD_DISPATCHER;
	int64_t pause_ms;

	if (pool->phase >= RUN_DRAINING && !is_dispatcher)
		return;
	if (end == END_ASKED)
		return; /* it was replaced, or is not wanted any more; pool_step() knows */
	if (pool->reload.next != NULL && death->slot == pool->reload.probe_slot)
		return; /* a probe is not tried twice: reload.c */
	if (death->was_ordered && !is_dispatcher)
		return; /* it crashed on its way out: its place is filled already */
	if (!death->was_ordered)
		*(is_dispatcher ? &pool->report.dispatcher_restarts
				: &pool->report.worker_restarts) += 1;
	pause_ms = child_pause(pool->children, death->slot, end, death->was_ready, death->lived_ms);
	if (pause_ms > 0)
		child_wait(pool->children, death->slot, clock_mono_ms() + pause_ms);
}

static void
bury(struct pool *pool, const struct child_death *death)
{
	enum child_end end = policy_child_end(death->wait_status, death->was_ordered);
	struct scoreboard_job job;
	bool had_job = scoreboard_job(pool->board, death->slot, &job, NULL);

	log_death(pool, death, end, had_job ? &job : NULL);
	hand_on(pool, death, end, had_job);
	plan_successor(pool, death, end);
	/* A child that cannot work with this configuration or database. */
	if (end == END_MISCONFIGURED && pool_at_start(pool))
		stop_drain(pool, CHILD_EXIT_MISCONFIGURED, "the configuration cannot work");
}

void
pool_bury(struct pool *pool)
{
	struct child_death death;

	while (child_reap(pool->children, &death))
		bury(pool, &death);
}
