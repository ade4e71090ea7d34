/*
 * stop.c - how the program ends.                                       [supervisor]
 *
 * Invariant: the dispatcher leaves last, since it renews the locks of those who still work and
 * hands back what the dead held; and every stage has a deadline, so that the end comes whatever the
 * children do.
 */
#include <event2/event.h>
#include <stddef.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/notify.h"
#include "supervisor/pool.h"

static bool
has_open_deaths(const struct pool *pool)
{
	char token[SCOREBOARD_TOKEN_SIZE];
	uint64_t serial;
	size_t at = 0;

	return scoreboard_death_next(pool->board, &at, &serial, token);
}

static int
count_jobs_in_hand(const struct pool *pool)
{
	struct scoreboard_job job;
	int count = 0;

	for (int slot = 1; slot < child_slots_used(pool->children); slot++)
		count += child_at(pool->children, slot)->pid != 0 &&
			 scoreboard_job(pool->board, slot, &job, NULL);
	return count;
}

bool
stop_needs_dispatcher(const struct pool *pool)
{
	return pool->stop.stage <= STOP_CONFIRM &&
	       (pool_workers_alive(pool) > 0 || has_open_deaths(pool));
}

static void
begin(struct pool *pool)
{
	reload_abandon(pool);
	for (int slot = 1; slot < child_slots_used(pool->children); slot++)
		if (child_at(pool->children, slot)->life == CHILD_WAITING)
			child_forget(pool->children, slot, false);
	pool->stop = policy_stop_drain(clock_mono_ms(), pool->config->drain_timeout_ms);
	/* Health and dispatcher are to know before the first worker goes. */
	pool->report.phase = POOL_DRAINING;
	scoreboard_pool_set(pool->board, &pool->report);
	notify_stopping();
}

void
stop_drain(struct pool *pool, int exit_status, const char *why)
{
	if (!policy_advance(&pool->phase, RUN_DRAINING))
		return;
	pool->exit_status = exit_status;
	begin(pool);
	log_event(LOG_INFO, "drain begun",
		  (struct log_field[]){
			  LOG_STR("why", why), LOG_INT("workers", pool_workers_alive(pool)),
			  LOG_INT("jobsInHand", count_jobs_in_hand(pool)),
			  LOG_INT("drainTimeoutMs", pool->config->drain_timeout_ms), LOG_END});
	pool_order_workers(pool, CHILD_ORDER_DRAIN);
	pool_look(pool);
}

void
stop_now(struct pool *pool, int exit_status, const char *why)
{
	bool drains = pool->phase == RUN_DRAINING;

	if (!policy_advance(&pool->phase, RUN_STOPPING))
		return;
	pool->exit_status = exit_status;
	if (!drains)
		begin(pool);
	policy_stop_hurry(&pool->stop, clock_mono_ms());
	log_event(LOG_WARN, "stopping now",
		  (struct log_field[]){LOG_STR("why", why),
				       LOG_INT("workers", pool_workers_alive(pool)),
				       LOG_INT("jobsInHand", count_jobs_in_hand(pool)), LOG_END});
	pool_look(pool);
}

static void
give_back(struct pool *pool)
{
	if (!pool->stop.hurried)
		log_event(LOG_WARN, "drain deadline: jobs in hand are given back",
			  (struct log_field[]){LOG_INT("jobsInHand", count_jobs_in_hand(pool)),
					       LOG_END});
	pool_order_workers(pool, CHILD_ORDER_STOP);
}

static void
kill_workers(struct pool *pool)
{
	log_event(LOG_ERROR, "workers that do not leave are killed",
		  (struct log_field[]){LOG_INT("workers", pool_workers_alive(pool)), LOG_END});
	for (int slot = 1; slot < child_slots_used(pool->children); slot++) {
		if (child_at(pool->children, slot)->pid == 0)
			continue;
		child_kill(pool->children, slot);
		pool->report.workers_killed++;
	}
}

static void
end(struct pool *pool)
{
	bool confirmed = !has_open_deaths(pool);
	int stuck = pool_workers_alive(pool);

	if (!confirmed)
		log_event(LOG_WARN,
			  "dead workers' jobs were not handed back in time; the next start or the "
			  "stalled check does it",
			  NULL);
	if (stuck > 0)
		log_event(LOG_ERROR, "workers are stuck in the kernel and left behind",
			  (struct log_field[]){LOG_INT("workers", stuck), LOG_END});
	log_event(LOG_INFO, pool->stop.hurried ? "stopped" : "drain over",
		  (struct log_field[]){LOG_INT("durationMs", clock_mono_ms() - pool->stop.begun_ms),
				       LOG_END});
	(void)policy_advance(&pool->phase, RUN_GONE);
	(void)event_base_loopbreak(pool->base);
}

static void
enact(struct pool *pool)
{
	switch (pool->stop.stage) {
	case STOP_GIVE_BACK:
		give_back(pool);
		break;
	case STOP_KILL:
		kill_workers(pool);
		break;
	case STOP_CONFIRM:
		pool_look(pool);
		break;
	case STOP_DISPATCHER:
		child_order(pool->children, SCOREBOARD_DISPATCHER,
			    pool->stop.hurried ? CHILD_ORDER_STOP : CHILD_ORDER_DRAIN);
		break;
	case STOP_DISPATCHER_KILL:
		child_kill(pool->children, SCOREBOARD_DISPATCHER);
		break;
	case STOP_OVER:
		end(pool);
		break;
	case STOP_FINISH:
		break;
	}
}

void
stop_step(struct pool *pool)
{
	struct stop_facts facts;

	do {
		facts = (struct stop_facts){
			.workers = pool_workers_alive(pool),
			.dispatcher = child_at(pool->children, SCOREBOARD_DISPATCHER)->pid != 0,
			.open_deaths = has_open_deaths(pool),
		};
		if (!policy_stop_step(&pool->stop, &facts, clock_mono_ms()))
			return;
		enact(pool);
	} while (pool->stop.stage != STOP_OVER);
}
