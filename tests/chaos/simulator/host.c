/*
 * host.c - supervisor/child.h over coroutines, and the supervisor's event loop.   [simulator]
 *
 * What child.c does with fork(), pipes and waitpid() is done here with processes of process.h; what
 * supervisor.c does in callbacks of libevent is done in host_run(). The rest is the program's own.
 */
#include "tests/chaos/simulator/host.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "tests/chaos/simulator/checks.h"
#include "tests/chaos/simulator/history.h"
#include "tests/chaos/simulator/process.h"
#include "tests/chaos/simulator/sim.h"

#define SLOTS       24
#define DEATHS_MOST 64
/* design.md: a slot starts at most one process in RESTART_SPACING_MS. */
#define STORM_WINDOW_MS 1000

struct host hosts[HOSTS_MOST];
int host_count;

struct child_table {
	struct child_world world;
	struct host *host;
	int slots_used;
	struct child_record records[SLOTS];
	struct process *processes[SLOTS];
	int64_t stillborn_ms[SLOTS]; /* when the slot's last one died before it was ready; 0: not so
				      */
	struct process dead[DEATHS_MOST];
	int dead_count;
};

/* ---- supervisor/child.h ---- */

struct child_table *
child_table_new(const struct child_world *world, struct failure *why)
{
	struct child_table *table = calloc(1, sizeof(*table));

	(void)why;
	if (table == NULL)
		abort();
	table->world = *world;
	table->host = (struct host *)world->base;
	return table;
}

void
child_table_free(struct child_table *table)
{
	free(table);
}

int
child_slots_used(const struct child_table *table)
{
	return table->slots_used;
}

const struct child_record *
child_at(const struct child_table *table, int slot)
{
	return &table->records[slot];
}

int
child_free_slot(const struct child_table *table)
{
	int pausing = 0;

	for (int slot = 1; slot < SLOTS; slot++) {
		if (table->records[slot].life == CHILD_ABSENT)
			return slot;
		if (table->records[slot].life == CHILD_WAITING && pausing == 0)
			pausing = slot;
	}
	return pausing;
}

static void
kill_by_serial(void *argument)
{
	int serial = (int)(intptr_t)argument;
	struct process *p;

	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->serial == serial)
			process_kill(p, SIGKILL);
	}
}

/* No storm of forks: in any second a slot has at most as many starts as its spacing lets through.
 */
static void
count_start(struct host *host)
{
	int most = (host->pool.config->concurrency + 2) * (STORM_WINDOW_MS / RESTART_SPACING_MS);

	if (sim_now_ms() - host->starts_since_ms >= STORM_WINDOW_MS) {
		host->starts_since_ms = sim_now_ms();
		host->starts = 0;
	}
	if (++host->starts > most)
		sim_violation("forks are bounded", "%d processes started within a second",
			      host->starts);
}

bool
child_start(struct child_table *table, int slot, const struct config *config,
	    uint64_t config_generation, struct failure *why)
{
	struct child_record *record = &table->records[slot];
	struct child child;

	count_start(table->host);
	record->generation++;
	identity_token(table->world.instance, slot, record->generation, record->token);
	scoreboard_assign(table->world.board, slot, record->generation, record->token);
	if (slot >= table->slots_used)
		table->slots_used = slot + 1;
	child = (struct child){.config = config,
			       .board = table->world.board,
			       .slot = slot,
			       .generation = record->generation,
			       .instance = table->world.instance,
			       .token = record->token};
	/* Each HUP may try one. */
	if (table->stillborn_ms[slot] != 0 &&
	    config_generation == table->host->pool.config_generation &&
	    sim_now_ms() - table->stillborn_ms[slot] < RESTART_MIN_MS)
		sim_violation("forks are bounded",
			      "slot %d starts again %lld ms after a stillbirth", slot,
			      (long long)(sim_now_ms() - table->stillborn_ms[slot]));
	table->stillborn_ms[slot] = 0;
	table->processes[slot] = sim_strikes(20) ? NULL : process_start(table->host, &child);
	if (table->processes[slot] != NULL && sim_now_ms() < table->host->stillborn_until_ms) {
		table->processes[slot]->wake_ms = INT64_MAX;
		sim_plan(sim_now_ms() + sim_between(0, 30), kill_by_serial,
			 (void *)(intptr_t)table->processes[slot]->serial);
	}
	if (table->processes[slot] == NULL) {
		scoreboard_vacate(table->world.board, slot);
		return failure_set(why, FAILURE_AWAY, "fork: try again");
	}
	record->config_generation = config_generation;
	record->pid = table->processes[slot]->serial;
	record->life = CHILD_STARTING;
	record->was_ready = record->killed = false;
	record->started_ms = clock_mono_ms();
	record->leaving_since_ms = 0;
	return true;
}

void
child_order(struct child_table *table, int slot, enum child_order order)
{
	struct child_record *record = &table->records[slot];

	if (record->pid == 0)
		return;
	if (order != CHILD_ORDER_LOOK && record->life != CHILD_LEAVING) {
		record->life = CHILD_LEAVING;
		record->leaving_since_ms = clock_mono_ms();
	}
	if (table->processes[slot]->alive)
		process_order(table->processes[slot], (char)order);
}

void
child_kill(struct child_table *table, int slot)
{
	struct child_record *record = &table->records[slot];

	if (record->pid == 0)
		return;
	record->killed = true;
	if (table->processes[slot]->alive)
		process_kill(table->processes[slot], SIGKILL);
}

void
child_has_job(struct child_table *table, int slot, int64_t now_ms)
{
	table->records[slot].leaving_since_ms = now_ms;
}

bool
child_reap(struct child_table *table, struct child_death *death)
{
	struct process *p;
	struct child_record *record;

	if (table->dead_count == 0)
		return false;
	p = &table->dead[--table->dead_count];
	record = &table->records[p->child.slot];
	*death = (struct child_death){
		.slot = p->child.slot,
		.pid = record->pid,
		.wait_status = p->wait_status,
		.generation = record->generation,
		.config_generation = record->config_generation,
		.was_ready = record->was_ready,
		.was_ordered = record->life == CHILD_LEAVING,
		.was_killed = record->killed,
		.lived_ms = clock_mono_ms() - record->started_ms,
	};
	memcpy(death->token, record->token, sizeof(death->token));
	/* A reload's probe is tried once; its slot is anybody's then. */
	if (!record->was_ready && record->life == CHILD_STARTING &&
	    record->config_generation == table->host->pool.config_generation)
		table->stillborn_ms[p->child.slot] = sim_now_ms();
	record->pid = 0;
	record->life = CHILD_ABSENT;
	table->processes[p->child.slot] = NULL;
	return true;
}

void
child_wait(struct child_table *table, int slot, int64_t due_ms)
{
	table->records[slot].life = CHILD_WAITING;
	table->records[slot].due_ms = due_ms;
}

void
child_forget(struct child_table *table, int slot, bool forgiven)
{
	table->records[slot].life = CHILD_ABSENT;
	table->stillborn_ms[slot] = 0; /* a new configuration may begin at once */
	if (forgiven)
		table->records[slot].history = (struct restart_history){.streak = 0};
}

int64_t
child_pause(struct child_table *table, int slot, enum child_end end, bool was_ready,
	    int64_t lived_ms)
{
	return policy_restart_delay(&table->records[slot].history, end, was_ready, lived_ms,
				    sim_below(UINT32_MAX));
}

/* ---- what pool.c, reload.c and stop.c want of the event loop and the settings ---- */

int
event_add(struct event *ev, const struct timeval *timeout)
{
	struct host *host = (struct host *)ev;

	host->timer_ms = sim_now_ms() + timeout->tv_sec * 1000 + timeout->tv_usec / 1000;
	return 0;
}

int
event_del(struct event *event)
{
	struct host *host = (struct host *)event;

	host->timer_ms = INT64_MAX;
	return 0;
}

int
event_base_loopbreak(struct event_base *base)
{
	(void)base; /* the phase says it */
	return 0;
}

struct config *
config_load(const char *path, struct config_errors *errors)
{
	(void)path;
	(void)errors;
	return sim_chance(1000) ? NULL : history_new_config();
}

void
config_errors_free(struct config_errors *errors)
{
	(void)errors;
}

/* ---- what processes do ---- */

void
host_child_died(struct host *host, struct process *p)
{
	struct child_table *table = host->pool.children;

	/* Its supervisor, or none any more. */
	if (!host->is_up || table->processes[p->child.slot] != p ||
	    table->records[p->child.slot].pid != p->serial)
		return;
	if (table->dead_count == DEATHS_MOST)
		abort();
	table->dead[table->dead_count++] = *p;
	host->child_died = true;
}

void
host_child_ready(struct host *host, struct process *p)
{
	struct child_table *table = host->pool.children;
	struct child_record *record;

	if (!host->is_up || table->processes[p->child.slot] != p)
		return;
	record = &table->records[p->child.slot];
	record->was_ready = true;
	if (record->life == CHILD_STARTING)
		record->life = CHILD_READY;
	host->child_ready = true;
}

void
host_wake_dispatcher(struct host *host)
{
	struct process *p;

	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->host == host && p->child.slot == SCOREBOARD_DISPATCHER)
			process_wake(p);
	}
}

bool
host_has_job(const struct host *host, int slot)
{
	struct scoreboard_job job;

	return host->pool.board != NULL && scoreboard_job(host->pool.board, slot, &job, NULL);
}

/* ---- what the world does ---- */

static void
on_ready(void *argument, int slot)
{
	(void)argument;
	(void)slot; /* host_run() does what supervisor.c's does */
}

static bool
at_start(void *argument)
{
	return pool_at_start(argument);
}

void
host_start(struct host *host)
{
	struct pool *pool = &host->pool;
	struct failure why;
	struct child_world world;

	memset(pool, 0, sizeof(*pool));
	host->is_up = true;
	host->instances++;
	host->tick_ms = sim_now_ms() + 1000;
	host->timer_ms = INT64_MAX;
	host->child_died = host->child_ready = false;
	host->idle_count = 0;
	host->starts = 0;
	pool->base = (struct event_base *)host;
	pool->timer = (struct event *)host;
	pool->config = history_new_config();
	pool->config_generation = 1;
	snprintf(pool->instance, sizeof(pool->instance), "ip.%08x.%d.%d.%d", 0xB0070000U,
		 host->number, 100 + host->instances, host->instances);
	pool->board = scoreboard_new();
	if (pool->board == NULL)
		abort();
	world = (struct child_world){.base = pool->base,
				     .board = pool->board,
				     .instance = pool->instance,
				     .on_ready = on_ready,
				     .at_start = at_start,
				     .argument = pool};
	pool->children = child_table_new(&world, &why);
	TRACE("- supervisor %s starts", pool->instance);
	pool_step(pool);
}

/* The board of a supervisor that is gone stays mapped: its orphans still write there. */
static void
forget_supervisor(struct host *host)
{
	host->is_up = false;
	host->timer_ms = INT64_MAX;
}

void
host_kill_supervisor(struct host *host)
{
	struct process *p;

	if (!host->is_up)
		return;
	TRACE("- supervisor %s is killed", host->pool.instance);
	sim_count(SIM_SUPERVISOR_KILLS);
	forget_supervisor(host);
	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->host != host)
			continue;
		process_close_control(p);
		/* supervisor/child_process.c: an alarm ends what does not leave by itself. */
		sim_plan(sim_now_ms() + 4000, kill_by_serial, (void *)(intptr_t)p->serial);
	}
}

void
host_drain(struct host *host, bool now)
{
	if (!host->is_up)
		return;
	sim_count(SIM_DRAINS);
	if (now)
		stop_now(&host->pool, 131, "QUIT");
	else
		stop_drain(&host->pool, 0, "TERM");
	pool_step(&host->pool);
}

void
host_reload(struct host *host)
{
	if (!host->is_up || host->pool.phase >= RUN_DRAINING)
		return;
	sim_count(SIM_RELOADS);
	TRACE("- HUP to %s", host->pool.instance);
	reload_request(&host->pool);
	pool_step(&host->pool);
}

void
host_kill_all(struct host *host)
{
	struct process *p;

	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->host == host) {
			sim_count(SIM_KILLS);
			process_kill(p, SIGKILL);
		}
	}
}

void
host_freeze(struct host *host, int64_t until_ms)
{
	struct process *p;

	TRACE("- host %c stands still for %lld ms", 'A' + host->number,
	      (long long)(until_ms - sim_now_ms()));
	host->frozen_until_ms = until_ms;
	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->host == host)
			p->last_stopped_ms = sim_now_ms();
	}
}

static void
the_end(struct host *host)
{
	struct process *p;

	if (host->pool.phase != RUN_GONE)
		return;
	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->host == host && strcmp(p->instance, host->pool.instance) == 0)
			sim_violation("a drain ends", "%s outlives its supervisor",
				      process_name(p));
	}
	TRACE("- supervisor %s is gone", host->pool.instance);
	forget_supervisor(host);
}

bool
host_run(struct host *host)
{
	bool ran = true;

	if (!host->is_up || host->frozen_until_ms > sim_now_ms())
		return false;
	if (host->child_died) {
		host->child_died = false;
		pool_bury(&host->pool);
		pool_step(&host->pool);
	} else if (host->child_ready) {
		host->child_ready = false;
		pool_look(&host->pool);
		pool_step(&host->pool);
	} else if (sim_now_ms() >= host->timer_ms) {
		host->timer_ms = INT64_MAX;
		pool_step(&host->pool);
	} else if (sim_now_ms() >= host->tick_ms) {
		host->tick_ms = sim_now_ms() + 1000;
		watchdog_tick(&host->pool);
		pool_bury(&host->pool);
		pool_step(&host->pool);
		host_check(host);
	} else {
		ran = false;
	}
	the_end(host);
	return ran;
}

int64_t
host_next_ms(const struct host *host)
{
	int64_t next_ms = host->tick_ms < host->timer_ms ? host->tick_ms : host->timer_ms;

	if (!host->is_up)
		return INT64_MAX;
	if (host->child_died || host->child_ready)
		next_ms = sim_now_ms();
	return next_ms > host->frozen_until_ms ? next_ms : host->frozen_until_ms;
}

void
host_sleep_until(struct host *host, int64_t ms)
{
	/* Its ticks find nothing; that it did not tick is no gap. */
	if (host->tick_ms < ms)
		host->tick_ms = ms;
	host->pool.last_tick_ms = 0;
	host->pool.resumed_ms = ms;
}

bool
host_is_dead_instance(const char *token)
{
	for (int i = 0; i < host_count; i++) {
		const char *instance = hosts[i].pool.instance;
		size_t size = strlen(instance);

		if (hosts[i].is_up && strncmp(token, instance, size) == 0 && token[size] == '.')
			return false;
	}
	return true;
}

/* Nobody is forgotten: as many workers as wanted live, start, or pause for a bounded time. */
void
host_check(const struct host *host)
{
	const struct pool *pool = &host->pool;
	int there = 0;

	check_hand_back(host);
	if (pool->phase >= RUN_DRAINING)
		return;
	for (int slot = 1; slot < pool->children->slots_used; slot++) {
		const struct child_record *record = &pool->children->records[slot];

		there += record->life == CHILD_STARTING || record->life == CHILD_READY ||
			 record->life == CHILD_WAITING;
		if (record->life == CHILD_WAITING && record->due_ms > sim_now_ms() + RESTART_MAX_MS)
			sim_violation("pauses are bounded", "slot %d pauses for %lld ms", slot,
				      (long long)(record->due_ms - sim_now_ms()));
	}
	if (there < pool->config->concurrency)
		sim_violation("no slot is forgotten", "%d workers of %d", there,
			      pool->config->concurrency);
}

void
host_forget_all(void)
{
	for (int i = 0; i < host_count; i++) {
		struct pool *pool = &hosts[i].pool;

		child_table_free(pool->children);
		scoreboard_free(pool->board);
		config_free(pool->config);
		config_free(pool->reload.next);
	}
	memset(hosts, 0, sizeof(hosts));
}
