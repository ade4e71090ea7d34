#ifndef SUPERVISOR_POLICY_H
#define SUPERVISOR_POLICY_H
/*
 * policy.h - what the supervisor decides, without doing any of it.     [supervisor]
 *
 * Pure functions on plain structs: no clock, no process, no shared memory, so that every decision
 * can be tested with made-up times. Times are clock_mono_ms(), durations end in _ms too.
 */
#include <stdbool.h>
#include <stdint.h>

/* ---- the phase of the whole program ---- */

enum run_phase {
	RUN_STARTING, /* no worker has been ready yet */
	RUN_SERVING,
	RUN_DRAINING, /* jobs in hand are finished, none is taken */
	RUN_STOPPING, /* jobs in hand are given back now */
	RUN_GONE
};

/* Only forward: a late HUP or TERM revives nothing. False when `next` is not ahead. */
bool policy_advance(enum run_phase *phase, enum run_phase next);

enum signal_effect { SIGNAL_NOTHING, SIGNAL_DRAIN, SIGNAL_STOP, SIGNAL_RELOAD };
/* contract.md's table of signals. *exit_status is set for DRAIN (0) and STOP (128 + signal). */
enum signal_effect policy_signal(int signo, enum run_phase phase, int *exit_status);

/* ---- how children leave, and when their successors start ---- */

enum child_end {
	END_ASKED,         /* it had been ordered to leave, and left in order */
	END_DECLARED_DEAD, /* its token has a tombstone */
	END_SICK,          /* out of memory */
	END_OVERWHELMED,   /* out of memory in its very first job */
	END_MISCONFIGURED,
	END_CRASHED,     /* any other status or signal; status 0 too, when nobody had asked */
	END_NOT_STARTED, /* fork() or a pipe failed */
};

/* From a status of waitpid(2). */
enum child_end policy_child_end(int wait_status, bool was_ordered);

/* Whether a worker's death is put on record for the dispatcher; also when in doubt. */
bool policy_death_is_recorded(enum child_end end, bool had_job);
/* Whether it counts against the job in hand, which fails after too many of them in a row. */
bool policy_death_blames_job(enum child_end end);

#define RESTART_MIN_MS 250
#define RESTART_MAX_MS 30000
/* A slot starts at most one process in this time, so that no fault makes a storm of forks. */
#define RESTART_SPACING_MS 100

struct restart_history {
	unsigned streak; /* deaths before READY, one after the other */
};

/*
 * How long to wait before the slot gets a new process: nothing for one that was ready (but see
 * SPACING), a pause that grows from RESTART_MIN_MS to RESTART_MAX_MS where they die before.
 * `chance`: any random number, for jitter.
 */
int64_t policy_restart_delay(struct restart_history *history, enum child_end end, bool was_ready,
			     int64_t lived_ms, uint32_t chance);

/* ---- who starts, who is replaced ---- */

struct pool_counts {
	int wanted;       /* concurrency */
	int old;          /* take jobs, but of an earlier configuration; READY or starting */
	int new_starting; /* of the current configuration */
	int new_ready;
	int waiting;     /* slots that pause before their next process */
	int alive;       /* all worker processes, those that finish a last job too */
	int alive_limit; /* replacements wait while there are that many */
	int free_slots;
};

enum pool_move { POOL_NO_MOVE, POOL_START, POOL_RETIRE_OLD };

/*
 * The next single step towards `wanted` workers of the current configuration; called until it says
 * POOL_NO_MOVE. It keeps: at most wanted + 1 take jobs (more only while a larger pool shrinks), and
 * an old one is retired only when as many as wanted go on without it.
 */
enum pool_move policy_pool(const struct pool_counts *counts);

/* ---- who is killed ---- */

#define WATCH_READY_MS  30000 /* from fork to READY */
#define WATCH_GRACE_MS  5000  /* after a job's own deadline */
#define WATCH_LEAVE_MS  5000  /* to leave, without a job in hand */
#define WATCH_SILENT_MS 5000  /* the dispatcher's heartbeat */
#define WATCH_IDLE_MS                                                                              \
	120000 /* a worker's, without a job; it beats at least every max(2 s, slots * 0.25 s) */
#define WATCH_IDLE_SLOT_MS 500

struct watched {
	bool is_dispatcher, is_ready, is_leaving, has_job;
	int64_t now_ms;
	int64_t since_ms; /* it runs since; later if the supervisor itself had stood still */
	int64_t leaving_since_ms; /* ordered to leave, or its last job seen in hand: the later */
	int64_t heartbeat_ms;     /* 0: none yet */
	int64_t job_deadline_ms;
	int slots; /* worker slots of the pool */
};

enum verdict {
	VERDICT_FINE,
	VERDICT_NEVER_READY,
	VERDICT_JOB_OVERDUE,
	VERDICT_SILENT,
	VERDICT_DOES_NOT_LEAVE,
};
enum verdict policy_watch(const struct watched *watched);
/* For the log: "does not let go of its job" ... */
const char *policy_verdict_text(enum verdict verdict);

/* ---- the end, step by step ---- */

#define STOP_GIVE_BACK_MS 3000 /* to give the job back, then SIGKILL */
#define STOP_KILL_MS                                                                               \
	5000 /* to be gone after SIGKILL; only a process stuck in the kernel takes longer */
#define STOP_CONFIRM_MS         1500 /* for the dispatcher to hand dead workers' jobs back */
#define STOP_CONFIRM_HURRIED_MS 2000
#define STOP_DISPATCHER_MS      1000 /* for the dispatcher to leave, then SIGKILL */

enum stop_stage {
	STOP_FINISH,     /* workers finish their jobs */
	STOP_GIVE_BACK,  /* workers give them back */
	STOP_KILL,       /* workers are killed */
	STOP_CONFIRM,    /* no worker is left; the dispatcher hands back what the dead held */
	STOP_DISPATCHER, /* the dispatcher leaves, last of all */
	STOP_DISPATCHER_KILL,
	STOP_OVER
};

struct stop_plan {
	enum stop_stage stage;
	int64_t begun_ms, deadline_ms; /* the whole; this stage */
	bool hurried;                  /* asked to stop now */
};

struct stop_facts {
	int workers;      /* processes */
	bool dispatcher;  /* a process */
	bool open_deaths; /* recorded and not yet confirmed */
};

struct stop_plan policy_stop_drain(int64_t now_ms, int64_t drain_timeout_ms);
/* Also in the middle of a drain: its stage never goes back. */
void policy_stop_hurry(struct stop_plan *plan, int64_t now_ms);
/* Moves on by at most one stage; true when it did, and the caller does what the new stage asks for.
 */
bool policy_stop_step(struct stop_plan *plan, const struct stop_facts *facts, int64_t now_ms);

#endif
