/*
 * policy.c - what the supervisor decides, without doing any of it.     [supervisor]
 *
 * Invariant: nothing here reads a clock, forks, signals or looks into shared memory.
 */
#include "supervisor/policy.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "worker/worker.h"

/* ---- the phase of the whole program ---- */

bool
policy_advance(enum run_phase *phase, enum run_phase next)
{
	if (next <= *phase)
		return false;
	*phase = next;
	return true;
}

enum signal_effect
policy_signal(int signo, enum run_phase phase, int *exit_status)
{
	bool stops = signo == SIGQUIT;

	if (signo == SIGHUP)
		return phase < RUN_DRAINING ? SIGNAL_RELOAD : SIGNAL_NOTHING;
	if (signo != SIGTERM && signo != SIGINT && signo != SIGQUIT)
		return SIGNAL_NOTHING;
	if (phase >= RUN_STOPPING)
		return SIGNAL_NOTHING;
	if (stops || phase == RUN_DRAINING) {
		*exit_status = 128 + signo;
		return SIGNAL_STOP;
	}
	*exit_status = 0;
	return SIGNAL_DRAIN;
}

/* ---- how children leave, and when their successors start ---- */

enum child_end
policy_child_end(int wait_status, bool was_ordered)
{
	if (!WIFEXITED(wait_status))
		return END_CRASHED;
	switch (WEXITSTATUS(wait_status)) {
	case CHILD_EXIT_ASKED:
		return was_ordered ? END_ASKED : END_CRASHED;
	case CHILD_EXIT_DECLARED_DEAD:
		return END_DECLARED_DEAD;
	case CHILD_EXIT_SICK:
		return END_SICK;
	case CHILD_EXIT_OVERWHELMED:
		return END_OVERWHELMED;
	case CHILD_EXIT_MISCONFIGURED:
		return END_MISCONFIGURED;
	default:
		return END_CRASHED;
	}
}

bool
policy_death_is_recorded(enum child_end end, bool had_job)
{
	return end != END_ASKED || had_job;
}

/*
 * A worker that had done other jobs, and ran out of memory, would have done so in any job: what
 * lacks is the host's or was lost by the process. One that had enough when it said READY and is
 * short after its very first job is another matter: a post that does this to one fresh worker
 * after the other is to blame.
 */
bool
policy_death_blames_job(enum child_end end)
{
	return end != END_SICK;
}

/* 250 ms, 500 ms ... and up to a quarter more, never above the maximum. */
static int64_t
growing_pause(unsigned streak, uint32_t chance)
{
	const int64_t ceiling_ms = (int64_t)RESTART_MAX_MS * 4 / 5;
	int64_t pause_ms = (int64_t)RESTART_MIN_MS << (streak < 7 ? streak : 7);

	if (pause_ms > ceiling_ms)
		pause_ms = ceiling_ms;
	return pause_ms + chance % (pause_ms / 4 + 1);
}

int64_t
policy_restart_delay(struct restart_history *history, enum child_end end, bool was_ready,
		     int64_t lived_ms, uint32_t chance)
{
	/* Somebody has to repair a setting or the database first. */
	if (end == END_MISCONFIGURED)
		return RESTART_MAX_MS;
	if (was_ready || end == END_ASKED) {
		history->streak = 0;
		return lived_ms < RESTART_SPACING_MS ? RESTART_SPACING_MS - lived_ms : 0;
	}
	return growing_pause(history->streak++, chance);
}

/* ---- who starts, who is replaced ---- */

enum pool_move
policy_pool(const struct pool_counts *counts)
{
	int take_jobs = counts->old + counts->new_starting + counts->new_ready;

	if (counts->old > 0 && counts->old + counts->new_ready > counts->wanted)
		return POOL_RETIRE_OLD;
	if (counts->free_slots == 0)
		return POOL_NO_MOVE;
	/* A slot that pauses counts as filled: else its pause would end in the next slot. */
	if (take_jobs + counts->waiting < counts->wanted)
		return POOL_START;
	if (counts->old > 0 && counts->new_starting == 0 && counts->waiting == 0 &&
	    counts->alive < counts->alive_limit)
		return POOL_START;
	return POOL_NO_MOVE;
}

/* ---- who is killed ---- */

static bool
is_silent(const struct watched *watched)
{
	int64_t heard_ms = watched->heartbeat_ms > watched->since_ms ? watched->heartbeat_ms
								     : watched->since_ms;
	int64_t limit_ms = watched->is_dispatcher
				   ? WATCH_SILENT_MS
				   : WATCH_IDLE_MS + (int64_t)watched->slots * WATCH_IDLE_SLOT_MS;

	return watched->now_ms - heard_ms > limit_ms;
}

enum verdict
policy_watch(const struct watched *watched)
{
	if (watched->has_job && watched->now_ms > watched->job_deadline_ms + WATCH_GRACE_MS)
		return VERDICT_JOB_OVERDUE;
	if (watched->is_leaving)
		return !watched->has_job &&
				       watched->now_ms - watched->leaving_since_ms > WATCH_LEAVE_MS
			       ? VERDICT_DOES_NOT_LEAVE
			       : VERDICT_FINE;
	if (!watched->is_ready && watched->now_ms - watched->since_ms > WATCH_READY_MS)
		return VERDICT_NEVER_READY;
	/* A job may keep a worker longer than a heartbeat; its deadline is watched instead. */
	if (!watched->has_job && is_silent(watched))
		return VERDICT_SILENT;
	return VERDICT_FINE;
}

const char *
policy_verdict_text(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_NEVER_READY:
		return "does not get ready";
	case VERDICT_JOB_OVERDUE:
		return "does not let go of a job whose time is over";
	case VERDICT_SILENT:
		return "gives no sign of life";
	case VERDICT_DOES_NOT_LEAVE:
		return "was ordered to leave and does not";
	case VERDICT_FINE:
		break;
	}
	return "is well";
}

/* ---- the end, step by step ---- */

struct stop_plan
policy_stop_drain(int64_t now_ms, int64_t drain_timeout_ms)
{
	return (struct stop_plan){
		.stage = STOP_FINISH, .begun_ms = now_ms, .deadline_ms = now_ms + drain_timeout_ms};
}

void
policy_stop_hurry(struct stop_plan *plan, int64_t now_ms)
{
	plan->hurried = true;
	if (plan->stage == STOP_FINISH)
		plan->deadline_ms = now_ms; /* the next step gives back */
}

static void
enter(struct stop_plan *plan, enum stop_stage stage, int64_t now_ms)
{
	plan->stage = stage;
	switch (stage) {
	case STOP_GIVE_BACK:
		plan->deadline_ms = now_ms + STOP_GIVE_BACK_MS;
		break;
	case STOP_KILL:
	case STOP_DISPATCHER_KILL:
		plan->deadline_ms = now_ms + STOP_KILL_MS;
		break;
	case STOP_CONFIRM:
		plan->deadline_ms =
			now_ms + (plan->hurried ? STOP_CONFIRM_HURRIED_MS : STOP_CONFIRM_MS);
		break;
	case STOP_DISPATCHER:
		plan->deadline_ms = now_ms + STOP_DISPATCHER_MS;
		break;
	case STOP_FINISH:
	case STOP_OVER:
		plan->deadline_ms = INT64_MAX;
		break;
	}
}

/* The stage that comes after this one is over, or the same. */
static enum stop_stage
next_stage(const struct stop_plan *plan, const struct stop_facts *facts, int64_t now_ms)
{
	bool late = now_ms >= plan->deadline_ms;

	switch (plan->stage) {
	case STOP_FINISH:
		return facts->workers == 0 ? STOP_CONFIRM : late ? STOP_GIVE_BACK : STOP_FINISH;
	case STOP_GIVE_BACK:
		return facts->workers == 0 ? STOP_CONFIRM : late ? STOP_KILL : STOP_GIVE_BACK;
	case STOP_KILL:
		return facts->workers == 0 || late ? STOP_CONFIRM : STOP_KILL;
	case STOP_CONFIRM:
		return !facts->open_deaths || late ? STOP_DISPATCHER : STOP_CONFIRM;
	case STOP_DISPATCHER:
		return !facts->dispatcher ? STOP_OVER
		       : late             ? STOP_DISPATCHER_KILL
					  : STOP_DISPATCHER;
	case STOP_DISPATCHER_KILL:
		return !facts->dispatcher || late ? STOP_OVER : STOP_DISPATCHER_KILL;
	case STOP_OVER:
		break;
	}
	return STOP_OVER;
}

bool
policy_stop_step(struct stop_plan *plan, const struct stop_facts *facts, int64_t now_ms)
{
	enum stop_stage next = next_stage(plan, facts, now_ms);

	if (next == plan->stage)
		return false;
	enter(plan, next, now_ms);
	return true;
}
