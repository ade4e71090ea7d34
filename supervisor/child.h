#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H
/*
 * child.h - the table of children.                                     [supervisor]
 *
 * One record a slot of the scoreboard, private to the supervisor: a pid, slot or generation is
 * believed only from here, never from shared memory. The only place that forks, reaps and signals.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/failure.h"
#include "common/identity.h"
#include "common/scoreboard.h"
#include "supervisor/policy.h"
#include "worker/worker.h"

struct child_table;
struct event;
struct event_base;
struct health;

enum child_life {
	CHILD_ABSENT,
	CHILD_STARTING, /* forked; has not said READY */
	CHILD_READY,
	CHILD_LEAVING, /* ordered to go; takes no new job */
	CHILD_WAITING, /* no process; the next one starts at due_ms */
};

/* Read-only outside child.c, but for `history` and `config_generation` of a slot without a process.
 */
struct child_record {
	enum child_life life;
	pid_t pid;                  /* 0: no process */
	uint64_t generation;        /* of the slot, growing from 1; the last one used */
	uint64_t config_generation; /* the configuration that its process runs with */
	bool was_ready;
	bool killed; /* SIGKILL was sent by us */
	int64_t started_ms;
	int64_t leaving_since_ms; /* see struct watched */
	int64_t due_ms;
	struct restart_history history;
	char token[IDENTITY_TOKEN_SIZE];

	int control_fd, ready_fd; /* our ends; -1: none */
	struct event *ready_event;
};

/* What is known of a child that was just reaped. */
struct child_death {
	int slot;
	pid_t pid;
	int wait_status;
	uint64_t generation, config_generation;
	bool was_ready, was_ordered, was_killed;
	int64_t lived_ms;
	char token[IDENTITY_TOKEN_SIZE];
};

/* What all children share. The pointers stay the caller's and outlive the table. */
struct child_world {
	struct event_base *base;
	struct scoreboard *board;
	const char *instance;
	struct health *health; /* NULL: none */
	void (*on_ready)(void *argument, int slot);
	bool (*at_start)(void *argument); /* see struct child */
	void *argument;
};

struct child_table *child_table_new(const struct child_world *world, struct failure *why);
/* Frees what the supervisor holds; processes, if there are any, see their pipes closed. */
void child_table_free(struct child_table *table);

/* One above the highest slot that was ever used. */
int child_slots_used(const struct child_table *table);
const struct child_record *child_at(const struct child_table *table, int slot);
/* The lowest worker slot without a process and without a pause, else the lowest that pauses; 0:
 * none is left. */
int child_free_slot(const struct child_table *table);

/* Hears READY of children whose event could not be made, or was lost; for the tick. */
void child_hear_ready(struct child_table *table);

/*
 * Forks slot's next generation with that configuration. False (and nothing has changed but the
 * generation) when a pipe or the process could not be made. In the child it does not return.
 */
bool child_start(struct child_table *table, int slot, const struct config *config,
		 uint64_t config_generation, struct failure *why);
/* Writes an order; DRAIN, RETIRE and STOP make the child LEAVING. A slot without a process is left
 * alone. */
void child_order(struct child_table *table, int slot, enum child_order order);
void child_kill(struct child_table *table, int slot);
/* For the watchdog: it still has a job in hand, so the time to leave has not begun. */
void child_has_job(struct child_table *table, int slot, int64_t now_ms);

/* The next child that died, or false. Strangers (we may be PID 1) are reaped and forgotten. */
bool child_reap(struct child_table *table, struct child_death *death);

/* For slots without a process: pause until due_ms; or no pause, and a clean history if `forgiven`.
 */
void child_wait(struct child_table *table, int slot, int64_t due_ms);
void child_forget(struct child_table *table, int slot, bool forgiven);
/* The pause that follows this end (policy_restart_delay() on the slot's history). */
int64_t child_pause(struct child_table *table, int slot, enum child_end end, bool was_ready,
		    int64_t lived_ms);

#endif
