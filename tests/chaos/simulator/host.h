#ifndef TESTS_CHAOS_SIMULATOR_HOST_H
#define TESTS_CHAOS_SIMULATOR_HOST_H
/*
 * host.h - a machine with one publisher on it: the program's own pool.c, obituary.c, watchdog.c,
 * reload.c, stop.c and policy.c, over simulated children.   [simulator]
 */
#include <stdbool.h>
#include <stdint.h>

#include "supervisor/pool.h"

struct process;

#define HOSTS_MOST 2

struct host {
	int number;
	bool is_up; /* a supervisor lives */
	int instances;
	struct pool pool;
	int64_t tick_ms, timer_ms; /* INT64_MAX: not armed */
	bool child_died, child_ready;
	int64_t frozen_until_ms; /* the whole machine stands still */
	int64_t wall_skew_ms;
	uint64_t idle_count;        /* of the eventfd */
	int64_t stillborn_until_ms; /* children die before they are ready */
	int starts;                 /* processes that were started in `starts_since_ms` and after */
	int64_t starts_since_ms;
};
extern struct host hosts[HOSTS_MOST];
extern int host_count;

/* ---- what processes do to their host ---- */

void host_child_died(struct host *host, struct process *p);
void host_child_ready(struct host *host, struct process *p);
void host_wake_dispatcher(struct host *host);
bool host_has_job(const struct host *host, int slot);

/* ---- what the world does to it ---- */

void host_start(struct host *host);
void host_kill_supervisor(struct host *host);
void host_drain(struct host *host, bool now);
void host_reload(struct host *host);
void host_kill_all(struct host *host);
void host_freeze(struct host *host, int64_t until_ms);
/* What its supervisor has to do; false: nothing is due. */
bool host_run(struct host *host);
int64_t host_next_ms(const struct host *host);
void host_sleep_until(struct host *host, int64_t ms);
/* Whether the supervisor of this instance does not exist any more. */
bool host_is_dead_instance(const char *token);
void host_check(const struct host *host);
void host_forget_all(void);

#endif
