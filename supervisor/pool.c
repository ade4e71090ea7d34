/*
 * pool.c - which children there should be, and starting them.          [supervisor]
 *
 * Invariant: as many workers as PUBLISHER_CONCURRENCY take jobs, one more for a moment while one is
 * replaced, and one dispatcher; whatever is missing is started here and nowhere else (a reload's
 * probe through pool_start()).
 */
#include "supervisor/pool.h"

#include <event2/event.h>
#include <stddef.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/notify.h"

/* Forks in one go; the loop then answers probes and hears signals before the next ones. */
#define STARTS_AT_ONCE 32
/* fork() that keeps failing is said once in this time. */
#define COMPLAINT_MS 60000
/* How often the end looks whether the dispatcher has confirmed a death: nothing wakes the loop for
 * that. */
#define CONFIRM_POLL_MS 10

/* ---------------------------------------------------------------- starting */

static void
complain(struct pool *pool, int slot, int64_t pause_ms, const struct failure *why)
{
	int64_t now_ms = clock_mono_ms();

	if (pool->last_fork_complaint_ms != 0 &&
	    now_ms - pool->last_fork_complaint_ms < COMPLAINT_MS)
		return;
	pool->last_fork_complaint_ms = now_ms;
	log_failure(
		LOG_ERROR, "cannot start a process; trying again", why,
		(struct log_field[]){LOG_INT("slot", slot), LOG_INT("pauseMs", pause_ms), LOG_END});
}

bool
pool_start(struct pool *pool, int slot, const struct config *config, uint64_t config_generation)
{
	struct failure why;
	int64_t pause_ms;

	if (child_start(pool->children, slot, config, config_generation, &why)) {
		log_event(LOG_DEBUG, "child started",
			  (struct log_field[]){
				  LOG_STR("role",
					  slot == SCOREBOARD_DISPATCHER ? "dispatcher" : "worker"),
				  LOG_INT("slot", slot),
				  LOG_INT("generation", child_at(pool->children, slot)->generation),
				  LOG_INT("childPid", child_at(pool->children, slot)->pid),
				  LOG_INT("configGeneration", config_generation), LOG_END});
		return true;
	}
	pause_ms = child_pause(pool->children, slot, END_NOT_STARTED, false, 0);
	child_wait(pool->children, slot, clock_mono_ms() + pause_ms);
	complain(pool, slot, pause_ms, &why);
	return false;
}

static bool
start_current(struct pool *pool, int slot)
{
	return pool_start(pool, slot, pool->config, pool->config_generation);
}

/* ---------------------------------------------------------------- counting */

int
pool_workers_alive(const struct pool *pool)
{
	int alive = 0;

	for (int slot = 1; slot < child_slots_used(pool->children); slot++)
		alive += child_at(pool->children, slot)->pid != 0;
	return alive;
}

static void
count_record(const struct pool *pool, const struct child_record *record, struct pool_counts *counts)
{
	bool is_old = record->config_generation < pool->config_generation;

	counts->alive += record->pid != 0;
	switch (record->life) {
	case CHILD_STARTING:
		*(is_old ? &counts->old : &counts->new_starting) += 1;
		break;
	case CHILD_READY:
		*(is_old ? &counts->old : &counts->new_ready) += 1;
		break;
	case CHILD_WAITING:
		counts->waiting++;
		break;
	case CHILD_ABSENT:
	case CHILD_LEAVING:
		break;
	}
}

static struct pool_counts
count_pool(const struct pool *pool)
{
	struct pool_counts counts = {.wanted = pool->config->concurrency};
	int filled;

	for (int slot = 1; slot < child_slots_used(pool->children); slot++) {
		/* A probe is one too many on purpose, until it is proven. */
		if (pool->reload.next != NULL && slot == pool->reload.probe_slot)
			continue;
		count_record(pool, child_at(pool->children, slot), &counts);
	}
	filled = counts.alive + counts.waiting + (pool->reload.probe_slot != 0);
	counts.free_slots = filled < SCOREBOARD_SLOTS - 1 ? SCOREBOARD_SLOTS - 1 - filled : 0;
	/* Two generations' worth: reload after reload over long jobs must not fill the machine. */
	counts.alive_limit = 2 * counts.wanted + 1;
	return counts;
}

/* ---------------------------------------------------------------- filling */

static void
start_due(struct pool *pool, int *starts_left)
{
	int64_t now_ms = clock_mono_ms();

	for (int slot = 1; slot < child_slots_used(pool->children) && *starts_left > 0; slot++) {
		const struct child_record *record = child_at(pool->children, slot);

		if (record->life == CHILD_WAITING && record->due_ms <= now_ms) {
			(*starts_left)--;
			(void)start_current(pool, slot);
		}
	}
}

/* One that is not even ready is the cheapest to lose, then one without a job. */
static int
cost_of_retiring(const struct pool *pool, int slot)
{
	struct scoreboard_job job;

	if (child_at(pool->children, slot)->life == CHILD_STARTING)
		return 0;
	return scoreboard_job(pool->board, slot, &job, NULL) ? 2 : 1;
}

static void
retire_one_old(struct pool *pool)
{
	int best = 0, best_cost = 3;

	for (int slot = 1; slot < child_slots_used(pool->children) && best_cost > 0; slot++) {
		const struct child_record *record = child_at(pool->children, slot);
		int cost;

		if ((record->life != CHILD_STARTING && record->life != CHILD_READY) ||
		    record->config_generation >= pool->config_generation)
			continue;
		cost = cost_of_retiring(pool, slot);
		if (cost < best_cost) {
			best = slot;
			best_cost = cost;
		}
	}
	if (best != 0)
		child_order(pool->children, best, CHILD_ORDER_RETIRE);
}

static void
fill_workers(struct pool *pool, int *starts_left)
{
	start_due(pool, starts_left);
	while (*starts_left > 0) {
		struct pool_counts counts = count_pool(pool);

		switch (policy_pool(&counts)) {
		case POOL_START:
			(*starts_left)--;
			(void)start_current(pool, child_free_slot(pool->children));
			break;
		case POOL_RETIRE_OLD:
			retire_one_old(pool);
			break;
		case POOL_NO_MOVE:
			return;
		}
	}
}

static void
fill_dispatcher(struct pool *pool)
{
	const struct child_record *record = child_at(pool->children, SCOREBOARD_DISPATCHER);

	if (record->life == CHILD_ABSENT ||
	    (record->life == CHILD_WAITING && record->due_ms <= clock_mono_ms()))
		(void)start_current(pool, SCOREBOARD_DISPATCHER);
}

/* ---------------------------------------------------------------- orders */

void
pool_order_workers(struct pool *pool, enum child_order order)
{
	for (int slot = 1; slot < child_slots_used(pool->children); slot++)
		child_order(pool->children, slot, order);
}

void
pool_look(struct pool *pool)
{
	child_order(pool->children, SCOREBOARD_DISPATCHER, CHILD_ORDER_LOOK);
}

/* ---------------------------------------------------------------- the step */

static int
count_ready(const struct pool *pool)
{
	int ready = 0;

	for (int slot = 1; slot < child_slots_used(pool->children); slot++)
		ready += child_at(pool->children, slot)->life == CHILD_READY;
	return ready;
}

static void
report(struct pool *pool)
{
	struct scoreboard_pool *page = &pool->report;

	page->workers_ready = count_ready(pool);
	page->concurrency = pool->config->concurrency;
	page->config_generation = pool->config_generation;
	page->shows_details = pool->config->health_check_details;
	if (page->workers_ready > 0 && policy_advance(&pool->phase, RUN_SERVING)) {
		log_event(LOG_INFO, "serving", NULL);
		notify_ready();
	}
	page->phase = pool->phase >= RUN_DRAINING   ? POOL_DRAINING
		      : pool->phase == RUN_STARTING ? POOL_STARTING
						    : POOL_SERVING;
	scoreboard_pool_set(pool->board, page);
}

/* When the next pause, deadline or look is due; INT64_MAX: nothing is planned. */
static int64_t
next_due(const struct pool *pool, int64_t now_ms)
{
	int64_t due_ms = INT64_MAX;

	if (pool->reload.next != NULL)
		due_ms = pool->reload.probe_deadline_ms;
	if (pool->phase >= RUN_DRAINING) {
		due_ms = pool->stop.deadline_ms;
		if (pool->stop.stage == STOP_CONFIRM)
			due_ms = now_ms + CONFIRM_POLL_MS;
	}
	for (int slot = 0; slot < child_slots_used(pool->children); slot++) {
		const struct child_record *record = child_at(pool->children, slot);

		if (record->life == CHILD_WAITING && record->due_ms < due_ms)
			due_ms = record->due_ms;
	}
	return due_ms;
}

static void
arm_timer(struct pool *pool, bool at_once)
{
	int64_t now_ms = clock_mono_ms();
	int64_t due_ms = at_once ? now_ms : next_due(pool, now_ms);
	int64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
	struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};

	(void)evtimer_del(pool->timer);
	if (due_ms != INT64_MAX && pool->phase != RUN_GONE)
		(void)evtimer_add(pool->timer, &wait);
}

void
pool_step(struct pool *pool)
{
	int starts_left = STARTS_AT_ONCE;

	if (pool->phase < RUN_DRAINING) {
		fill_dispatcher(pool);
		reload_step(pool);
		fill_workers(pool, &starts_left);
	} else {
		if (stop_needs_dispatcher(pool))
			fill_dispatcher(pool);
		stop_step(pool);
	}
	report(pool);
	arm_timer(pool, starts_left == 0);
}
