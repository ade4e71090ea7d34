#ifndef SUPERVISOR_POOL_H
#define SUPERVISOR_POOL_H
/*
 * pool.h - the supervisor's state, and what its parts do with it.      [supervisor]
 *
 * Events (a signal, a death, READY, a timer) change the state a little and then call pool_step(),
 * the one function that decides what happens next; it may be called at any time and as often as one
 * likes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/identity.h"
#include "supervisor/child.h"
#include "supervisor/policy.h"
#include "supervisor/status_line.h"

struct event;
struct event_base;
struct health;

/* A HUP that was good: first one new worker must get ready (the probe), then the others are
 * replaced. */
struct reload {
	struct config *next; /* while the probe is out; owned */
	int probe_slot;      /* 0: not started yet */
	bool rolling;        /* next was proven and is now the configuration */
	bool again;          /* a HUP came meanwhile */
	int64_t started_ms, probe_deadline_ms;
};

struct systemd {
	struct event *watchdog; /* NULL: it asks for no sign of life */
	enum status_doing told;
};

struct pool {
	struct event_base *base;
	struct event *timer; /* fires when pool_step() has something to do by itself */
	struct scoreboard *board;
	struct health *health;
	struct child_table *children;
	char instance[IDENTITY_INSTANCE_SIZE];

	const char *config_path; /* NULL: none */
	struct config *config;   /* owned */
	uint64_t config_generation;
	struct reload reload;

	enum run_phase phase;
	struct stop_plan stop;
	struct systemd systemd;
	int exit_status;
	bool has_worked;    /* the configuration was seen to be usable: see obituary.c */
	int64_t resumed_ms; /* the loop goes without a gap since */
	int64_t last_tick_ms, last_fork_complaint_ms;

	struct scoreboard_pool report;
};

/* ---- pool.c ---- */

void pool_step(struct pool *pool);
/* Starts a process of the current or, for a probe, the next configuration; a failure becomes a
 * pause. */
bool pool_start(struct pool *pool, int slot, const struct config *config,
		uint64_t config_generation);
/* Worker processes, also those that leave. */
int pool_workers_alive(const struct pool *pool);
void pool_order_workers(struct pool *pool, enum child_order order);
void pool_look(struct pool *pool);

/* ---- obituary.c ---- */

/* Reaps all that are dead: says so, records their tokens, plans their successors. */
void pool_bury(struct pool *pool);
/* Nothing has worked with the first configuration yet: what cannot work now is a start that failed,
 * and the operator waits for its exit status. Later it is an outage, and tried again. */
bool pool_at_start(const struct pool *pool);

/* ---- reload.c ---- */

void reload_request(struct pool *pool);
void reload_step(struct pool *pool);
/* A drain has begun: what was not proven is forgotten. */
void reload_abandon(struct pool *pool);
bool reload_is_active(const struct pool *pool);

/* ---- watchdog.c ---- */

/* Once a second. */
void watchdog_tick(struct pool *pool);

/* ---- systemd.c ---- */

/* Before the first fork. */
bool systemd_open(struct pool *pool, struct failure *why);
void systemd_close(struct pool *pool);
/* After every pool_step(): tells at once what the program does now, if that is something else. */
void systemd_step(struct pool *pool);
/* Once a second: the status line, and more time where it is needed. */
void systemd_tick(struct pool *pool);

/* ---- stop.c ---- */

/* Begin to end; what was asked for first decides the exit status, unless something hastier is asked
 * for. */
void stop_drain(struct pool *pool, int exit_status, const char *why);
void stop_now(struct pool *pool, int exit_status, const char *why);
void stop_step(struct pool *pool);
/* Whether a dispatcher that died is still needed. */
bool stop_needs_dispatcher(const struct pool *pool);

#endif
