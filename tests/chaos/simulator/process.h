#ifndef TESTS_CHAOS_SIMULATOR_PROCESS_H
#define TESTS_CHAOS_SIMULATOR_PROCESS_H
/*
 * process.h - workers and dispatchers as coroutines, and who of them runs.   [simulator]
 *
 * A process runs the program's own worker_main() or dispatcher_main() on a stack of its own, until
 * it waits. Every call of a simulated server waits at least twice: while the request is on its way,
 * and while the answer is. There the process may be killed (it is never resumed), stopped for
 * longer than its lease, or held up.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/worker.h"

struct host;

struct process {
	int number; /* its place in the table, reused */
	int serial; /* its "pid" */
	struct host *host;
	struct child child;
	char token[SCOREBOARD_TOKEN_SIZE], instance[96];
	bool alive;
	int wait_status;

	int64_t wake_ms;
	bool interruptible, woken;
	int64_t stopped_until_ms, last_stopped_ms;
	char orders[32];
	size_t order_count;
	bool control_closed; /* the supervisor is gone */
	const char *at;      /* what it is about; for the trace */
	bool has_refusal;    /* DeviantArt asked it to slow down, and the gates were not told yet */
	/* Claims are numbered by the simulator, 0 is none. */
	uint64_t claim;       /* the last one that it has heard of */
	uint64_t ended_claim; /* the queue was told of that one's end, the process may not know */

	/* A request that has left: it may take effect although its sender dies. */
	void (*detach)(void *request, int64_t effect_ms);
	void *request;
};

/* The one that runs; NULL: the scheduler itself, which is never killed and never waits. */
struct process *process_current(void);
/* For the trace: "w2.1", "d0.1"; "-" for NULL. */
const char *process_name(const struct process *p);

/* May not be called while a process runs. NULL: the table is full. */
struct process *process_start(struct host *host, const struct child *child);
void process_kill(struct process *p, int signal);
void process_order(struct process *p, char order);
void process_close_control(struct process *p);
/* Ends any interruptible wait of it. */
void process_wake(struct process *p);
/* Every living process, in order; NULL at the end of the table. */
struct process *process_next(int *at);

bool process_is_alive(int serial);
struct process *process_by_token(const char *token);

/* ---- for the simulated calls ---- */

/* Gives the others their turn; `interruptible` waits end with process_wake() as well. */
void process_wait(int64_t until_ms, bool interruptible);
/* A moment, for a request or its answer; now and then much longer. */
void process_latency(void);

/* ---- the scheduler ---- */

/* Lets one process go on that is due; false: none is. */
bool process_run_one(void);
/* When the next one is due; INT64_MAX: never. *all_rest: all that live wait for something to do. */
int64_t process_next_ms(bool *all_rest);
/* Moves what rests to that moment: nothing would happen before. */
void process_sleep_until(int64_t ms);
void process_forget_all(void);

/* ---- file descriptors that only the simulator knows ---- */

enum sim_fd { SIM_FD_CONTROL = 0x40000000, SIM_FD_IDLE = 0x41000000, SIM_FD_REDIS = 0x42000000 };

#endif
