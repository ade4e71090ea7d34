/*
 * reload.c - HUP: a new configuration, worker by worker.               [supervisor]
 *
 * Invariant: nothing changes before one worker of the new configuration has said READY; from then
 * on there is no way back, and every process that starts has the new one. A child keeps the
 * configuration it was forked with.
 */
#include <stddef.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/guard.h"
#include "supervisor/notify.h"
#include "supervisor/pool.h"

bool
reload_is_active(const struct pool *pool)
{
	return pool->reload.next != NULL || pool->reload.rolling;
}

/* ---------------------------------------------------------------- how it ends */

static void
finish(struct pool *pool)
{
	pool->reload.rolling = false;
	pool->reload.probe_slot = 0;
	if (pool->phase == RUN_SERVING)
		notify_ready();
}

static void
refuse(struct pool *pool, const char *why)
{
	pool->report.reloads_refused++;
	log_event(LOG_ERROR, "reload refused; the old configuration stays",
		  (struct log_field[]){LOG_STR("why", why), LOG_END});
	if (pool->reload.next != NULL)
		log_setup(pool->config->log_level);
	config_free(pool->reload.next);
	pool->reload.next = NULL;
	finish(pool);
}

void
reload_abandon(struct pool *pool)
{
	if (reload_is_active(pool))
		log_event(LOG_INFO, "the end comes before the reload is through", NULL);
	/* A probe in flight is one more worker to drain. */
	config_free(pool->reload.next);
	pool->reload = (struct reload){.next = NULL};
}

/* ---------------------------------------------------------------- how it begins */

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/*
 * A worker that still has a job of the old queue would be watched over by a dispatcher of another
 * one, so the queue changes with the next start alone. User and password may be others: it stays
 * the same queue.
 */
static bool
is_same_queue(const struct config *old, const struct config *next)
{
	const struct redis_address *a = &old->redis, *b = &next->redis;

	return same_text(old->queue_name, next->queue_name) &&
	       same_text(old->queue_prefix, next->queue_prefix) && same_text(a->host, b->host) &&
	       same_text(a->path, b->path) && a->port == b->port && a->db == b->db;
}

static void
warn_of_restarts(const struct config *old, const struct config *next)
{
	if (old->health_check_enabled != next->health_check_enabled ||
	    old->health_check_port != next->health_check_port ||
	    strcmp(old->health_check_host, next->health_check_host) != 0)
		log_event(LOG_WARN,
			  "HEALTH_CHECK_ENABLED, _HOST and _PORT change with the next start, not "
			  "with a reload",
			  NULL);
}

static void
log_errors(const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		log_event(LOG_ERROR, "wrong setting",
			  (struct log_field[]){LOG_STR("error", errors->texts[i]), LOG_END});
	if (errors->lost)
		log_event(LOG_ERROR, "further wrong settings could not be kept for want of memory",
			  NULL);
}

static void
begin(struct pool *pool)
{
	struct config_errors errors = CONFIG_ERRORS_NONE;
	int64_t now_ms = clock_mono_ms();

	notify_reloading();
	pool->reload = (struct reload){
		.next = config_load(pool->config_path, &errors),
		.started_ms = now_ms,
		.probe_deadline_ms = now_ms + WATCH_READY_MS,
	};
	if (pool->reload.next == NULL) {
		log_errors(&errors);
		refuse(pool, "the configuration is wrong");
	} else if (!is_same_queue(pool->config, pool->reload.next)) {
		refuse(pool, "QUEUE_NAME, QUEUE_PREFIX and the place that REDIS_URL names change "
			     "with a restart, not with a reload");
	} else {
		log_setup(pool->reload.next->log_level);
		log_event(LOG_INFO, "reload begun",
			  (struct log_field[]){
				  LOG_INT("concurrency", pool->reload.next->concurrency), LOG_END});
		warn_of_restarts(pool->config, pool->reload.next);
	}
	config_errors_free(&errors);
}

void
reload_request(struct pool *pool)
{
	if (reload_is_active(pool))
		pool->reload.again = true;
	else
		begin(pool);
}

/* ---------------------------------------------------------------- the probe */

/* Pauses were earned under the old configuration. */
static void
forget_pauses(struct pool *pool)
{
	for (int slot = 0; slot < child_slots_used(pool->children); slot++)
		if (child_at(pool->children, slot)->life == CHILD_WAITING)
			child_forget(pool->children, slot, true);
}

static void
commit(struct pool *pool)
{
	config_free(pool->config);
	pool->config = pool->reload.next;
	guard_follow(pool->config->log_level);
	pool->config_generation++;
	pool->reload.next = NULL;
	pool->reload.probe_slot = 0;
	pool->reload.rolling = true;
	forget_pauses(pool);
}

static void
start_probe(struct pool *pool)
{
	int slot = child_free_slot(pool->children);

	if (slot == 0)
		return; /* every slot is taken by a worker that finishes its job */
	if (pool_start(pool, slot, pool->reload.next, pool->config_generation + 1)) {
		pool->reload.probe_slot = slot;
		return;
	}
	child_forget(pool->children, slot, false);
	refuse(pool, "no new worker can be started");
}

static void
watch_probe(struct pool *pool)
{
	const struct child_record *probe = child_at(pool->children, pool->reload.probe_slot);

	if (probe->life == CHILD_READY) {
		commit(pool);
	} else if (probe->life != CHILD_STARTING) {
		refuse(pool, "the first new worker died before it was ready");
	} else if (clock_mono_ms() >= pool->reload.probe_deadline_ms) {
		child_kill(pool->children, pool->reload.probe_slot);
		child_order(pool->children, pool->reload.probe_slot, CHILD_ORDER_STOP);
		refuse(pool, "the first new worker does not get ready");
	}
}

static void
step_probe(struct pool *pool)
{
	if (pool->reload.probe_slot != 0)
		watch_probe(pool);
	else if (clock_mono_ms() >= pool->reload.probe_deadline_ms)
		refuse(pool, "there is no slot for a new worker");
	else
		start_probe(pool);
}

/* ---------------------------------------------------------------- the roll */

/* How far the workers are: none of the old takes jobs, and as many new ones as wanted are ready. */
struct progress {
	int old, ready, waiting;
};

static struct progress
count_progress(const struct pool *pool)
{
	struct progress progress = {.old = 0};

	for (int slot = 1; slot < child_slots_used(pool->children); slot++) {
		const struct child_record *record = child_at(pool->children, slot);
		bool takes_jobs = record->life == CHILD_STARTING || record->life == CHILD_READY;

		progress.waiting += record->life == CHILD_WAITING;
		if (takes_jobs && record->config_generation < pool->config_generation)
			progress.old++;
		else
			progress.ready += record->life == CHILD_READY;
	}
	return progress;
}

/* The dispatcher is the last to be replaced. True when the new one is ready. */
static bool
replace_dispatcher(struct pool *pool)
{
	const struct child_record *record = child_at(pool->children, SCOREBOARD_DISPATCHER);

	if (record->config_generation == pool->config_generation)
		return record->life == CHILD_READY;
	if (record->life == CHILD_STARTING || record->life == CHILD_READY)
		child_order(pool->children, SCOREBOARD_DISPATCHER, CHILD_ORDER_RETIRE);
	return false;
}

static void
step_roll(struct pool *pool)
{
	struct progress progress = count_progress(pool);

	if (progress.old == 0 && progress.ready >= pool->config->concurrency &&
	    replace_dispatcher(pool)) {
		pool->report.reloads++;
		log_event(LOG_INFO, "reload done",
			  (struct log_field[]){
				  LOG_INT("concurrency", pool->config->concurrency),
				  LOG_INT("configGeneration", pool->config_generation),
				  LOG_INT("durationMs", clock_mono_ms() - pool->reload.started_ms),
				  LOG_END});
		finish(pool);
	} else if (pool->reload.again && progress.waiting > 0) {
		/* New workers die before they are ready, and the operator has a newer
		 * configuration. */
		log_event(LOG_WARN, "reload did not get through; the next one takes over", NULL);
		finish(pool);
	}
}

void
reload_step(struct pool *pool)
{
	if (pool->reload.next != NULL)
		step_probe(pool);
	if (pool->reload.rolling)
		step_roll(pool);
	if (!reload_is_active(pool) && pool->reload.again) {
		pool->reload.again = false;
		begin(pool);
		if (pool->reload.next != NULL)
			step_probe(pool);
	}
}
