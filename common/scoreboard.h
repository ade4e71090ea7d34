#ifndef COMMON_SCOREBOARD_H
#define COMMON_SCOREBOARD_H
/*
 * scoreboard.h - shared memory in which every process reports.         [every process]
 *
 * One anonymous MAP_SHARED mapping, made before the first fork and sized for the largest pool.
 * Every slot has exactly one writer; numbers are relaxed C11 atomics, texts lie under a sequence
 * count; there are no locks that a dying process could hold and no pointers. Readers treat it as
 * what a stranger says: copied, bounded, cleaned. Counters only go up and outlive the process in
 * the slot. Times are clock_mono_ms() unless a name says otherwise.
 *
 * Slot 0 is the dispatcher's; slots 1..n are workers'. "Generation" tells who writes: it is raised
 * by the supervisor before each fork into the slot.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"

#define SCOREBOARD_WORKERS_MAX 1024
/* A spare slot lets a reload start the new worker before the old one is gone. */
#define SCOREBOARD_SLOTS      (1 + SCOREBOARD_WORKERS_MAX + 1)
#define SCOREBOARD_DISPATCHER 0
#define SCOREBOARD_TOKEN_SIZE 112
#define SCOREBOARD_ID_SIZE                                                                         \
	160 /* longer ids are cut for display; scoreboard_job.id_complete says so */
#define SCOREBOARD_TITLE_SIZE 48 /* longer titles are cut: there is one of these a slot */
#define SCOREBOARD_NAME_SIZE  24 /* of a user; DeviantArt has none of more than 20 bytes */
/* A failure's message is whole on /ready: its end is the reason (libpq names the socket first). */
#define SCOREBOARD_TEXT_SIZE FAILURE_MESSAGE_SIZE

struct scoreboard;

/* NULL and errno when the mapping cannot be made. Never freed: it lives as long as the program
 * (tests: scoreboard_free). */
struct scoreboard *scoreboard_new(void);
void scoreboard_free(struct scoreboard *board);

/* ---- what a process of a slot does ---- */

enum activity {
	ACTIVITY_NONE,    /* no process, or one that has not reported yet */
	ACTIVITY_BOOT,    /* connecting for the first time */
	ACTIVITY_IDLE,    /* waiting for a turn */
	ACTIVITY_LOADING, /* claimed a job; reading the row, asking the gates, refreshing a token */
	ACTIVITY_UPLOADING,
	ACTIVITY_PUBLISHING,
	ACTIVITY_RECORDING,
	ACTIVITY_DRAINING,
	ACTIVITY_RUNNING, /* the dispatcher at work */
	ACTIVITY_COUNT
};
const char *activity_name(enum activity activity);

/* Called by the supervisor before it forks into the slot: new generation, token, cleared report;
 * counters stay. */
void scoreboard_assign(struct scoreboard *board, int slot, uint64_t generation, const char *token);
/* Called by the supervisor after it has reaped the slot's process. */
void scoreboard_vacate(struct scoreboard *board, int slot);
/* One more than the highest slot that was ever assigned: where a walk over all slots may end. */
int scoreboard_slots_used(const struct scoreboard *board);
uint64_t scoreboard_generation(const struct scoreboard *board, int slot);
void scoreboard_token(const struct scoreboard *board, int slot, char out[SCOREBOARD_TOKEN_SIZE]);

void scoreboard_activity(struct scoreboard *board, int slot, enum activity activity);
void scoreboard_heartbeat(struct scoreboard *board, int slot);

/* ---- the job in hand (writer: the slot's worker) ---- */

struct scoreboard_job {
	char id[SCOREBOARD_ID_SIZE], deviation_id[SCOREBOARD_ID_SIZE];
	bool id_complete; /* id was not cut: it may be used as a key */
	int attempt;
	int64_t started_ms, deadline_ms; /* after deadline_ms the supervisor may kill the worker */
	uint64_t claim; /* counts this slot's claims; names the claim a renewal belongs to */
	char title[SCOREBOARD_TITLE_SIZE], user[SCOREBOARD_NAME_SIZE]; /* "" = not told */
};
/* Returns the claim number, never 0. lease_end_ms: clock read before the script was sent + lock
 * duration. */
uint64_t scoreboard_job_begin(struct scoreboard *board, int slot, const char *id,
			      const char *deviation_id, int attempt, int64_t deadline_ms,
			      int64_t lease_end_ms);
/* The deviation's id is known only after the job's data was read. */
void scoreboard_job_deviation(struct scoreboard *board, int slot, const char *deviation_id);
/* What people call it, for a setting that asks for it (HEALTH_CHECK_DETAILS); NULL counts as "". */
void scoreboard_job_names(struct scoreboard *board, int slot, const char *title, const char *user);
void scoreboard_job_end(struct scoreboard *board, int slot);
/* The worker renewed its own lock. */
void scoreboard_lease(struct scoreboard *board, int slot, int64_t lease_end_ms);

/* False: no job in hand (or it kept changing while read). *lease_end_ms may be NULL: the later of
 * both leases below. */
bool scoreboard_job(const struct scoreboard *board, int slot, struct scoreboard_job *job,
		    int64_t *lease_end_ms);

/*
 * The same with the token that the job is locked with, surely of one generation: whoever reads the
 * two apart may hold a new job beside its predecessor's token.
 */
bool scoreboard_locked_job(const struct scoreboard *board, int slot, struct scoreboard_job *job,
			   int64_t *lease_end_ms, char token[SCOREBOARD_TOKEN_SIZE]);

/* ---- renewals (writer: the dispatcher), one row a worker slot ---- */

void scoreboard_renewed(struct scoreboard *board, int slot, uint64_t claim, int64_t lease_end_ms);
/* The lock of that claim is gone or another's. */
void scoreboard_lock_lost(struct scoreboard *board, int slot, uint64_t claim);
/* For the worker: when its current claim's lease ends (own or dispatcher's renewal); *lost if the
 * dispatcher saw it lost. */
int64_t scoreboard_lease_end(const struct scoreboard *board, int slot, bool *lost);

/* ---- deaths (writer: the supervisor), confirmed by the dispatcher ---- */

/*
 * Records the token of a process that is dead, until scoreboard_death_confirmed(); blames_job: it
 * counts against the job in hand. False: the list is full (the stalled check will do it).
 * scoreboard_death_next() gives the dispatcher the next unconfirmed record at or after *at (start
 * with 0) and moves *at behind it.
 */
#define SCOREBOARD_DEATHS 2048
bool scoreboard_death_record(struct scoreboard *board, const char *token, bool blames_job);
bool scoreboard_death_next(const struct scoreboard *board, size_t *at, uint64_t *serial,
			   char token[SCOREBOARD_TOKEN_SIZE]);
/* Of the record with this serial. */
bool scoreboard_death_blames_job(uint64_t serial);
void scoreboard_death_confirmed(struct scoreboard *board, uint64_t serial);

/* ---- counters (writer: the slot's process) ---- */

enum job_result { JOB_COMPLETED, JOB_FAILED, JOB_RETRIED, JOB_DEFERRED, JOB_RESULT_COUNT };
const char *job_result_name(enum job_result result);

enum reconcile_outcome {
	RECONCILED_PUBLISHED,     /* the gallery or error_code 9 showed it */
	RECONCILED_PUBLISHED_NOW, /* asked again, and it went out */
	RECONCILED_NO_LINK,       /* published, but no link could be found */
	RECONCILED_FAILED,        /* cannot be known */
	RECONCILE_OUTCOME_COUNT
};
const char *reconcile_outcome_name(enum reconcile_outcome outcome);

/* Why a job was put off, in the words of the gates (worker/lua/gates.lua) where they are theirs. */
enum wait_reason {
	WAIT_NOT_DUE,     /* its row is due later, or "publish now" is about to change it */
	WAIT_LOCKED,      /* somebody else works on the deviation */
	WAIT_PACE,        /* its user's pace */
	WAIT_ASKED,       /* DeviantArt has asked its user to wait */
	WAIT_CIRCUIT,     /* its user's circuit is open, or another one is the probe */
	WAIT_APPLICATION, /* the application's circuit, likewise */
	WAIT_REFUSED,     /* DeviantArt has just refused it (RATE_LIMIT) */
	WAIT_DEVIANTART,  /* DeviantArt is away */
	WAIT_STORAGE,     /* the storage is */
	WAIT_SERVER,      /* Redis or PostgreSQL is, or memory was short */
	WAIT_TOKEN,       /* another worker refreshes its user's token */
	WAIT_OPERATOR,    /* only the operator can mend it */
	WAIT_UNKNOWN,     /* a publish of unknown outcome, or a link that is looked for */
	WAIT_ATTEMPT,     /* an attempt failed */
	WAIT_LOST,        /* its lock was not ours any more */
	WAIT_STOPPED,     /* the process was asked to stop, or the job's time was over */
	WAIT_REASON_COUNT
};
const char *wait_reason_name(enum wait_reason reason);

/* What is told as a histogram. */
enum timing {
	TIMING_JOB,      /* from claim to end; not the deferred */
	TIMING_UPLOAD,   /* a file, from the storage into Sta.sh */
	TIMING_PUBLISH,  /* a stash/publish that was accepted, repairs included */
	TIMING_LATENESS, /* a post, from its due time to public: what its artist sees */
	TIMING_COUNT
};
/* Upper bounds of the buckets in ms; the last bucket (+Inf) follows them. */
#define SCOREBOARD_BUCKETS 14
extern const int64_t scoreboard_bucket_ms[TIMING_COUNT][SCOREBOARD_BUCKETS];

/* Plain counters, one enum for all, so that a new one is one line here and one in health/. */
enum counter {
	COUNTER_UPLOADS, /* stash/submit accepted */
	COUNTER_UPLOADED_BYTES,
	COUNTER_PUBLISHES, /* stash/publish accepted */
	COUNTER_TOKEN_REFRESHES,
	COUNTER_TOKEN_REFRESH_FAILURES,
	COUNTER_DEAD_LOGINS,
	COUNTER_FENCED, /* a publish not sent because the lease or lock was not ours any more */
	COUNTER_HANDED_BACK, /* jobs of dead processes given back (dispatcher) */
	COUNTER_STALLED,     /* jobs the stalled check recovered (dispatcher) */
	COUNTER_REQUEUED,    /* jobs put in the queue anew from PostgreSQL (dispatcher) */
	COUNTER_TURNS,       /* turns pushed (dispatcher) */
	COUNTER_REDIS_RECONNECTS,
	COUNTER_POSTGRES_RECONNECTS,
	COUNTER_LOG_DROPPED,
	COUNTER_COUNT
};

void scoreboard_count(struct scoreboard *board, int slot, enum counter counter, uint64_t n);
void scoreboard_count_job(struct scoreboard *board, int slot, enum job_result result,
			  int64_t duration_ms);
/* One more of that duration; below 0 counts as 0. */
void scoreboard_time(struct scoreboard *board, int slot, enum timing timing, int64_t duration_ms);
/* A job was put off for delay_ms (0: it is to be had at once). */
void scoreboard_count_wait(struct scoreboard *board, int slot, enum wait_reason reason,
			   int64_t delay_ms);
void scoreboard_count_error(struct scoreboard *board, int slot, enum failure_category category);
void scoreboard_count_reconciled(struct scoreboard *board, int slot,
				 enum reconcile_outcome outcome);

/* ---- the world outside ---- */

enum dependency { DEPENDENCY_REDIS, DEPENDENCY_POSTGRES, DEPENDENCY_COUNT };
/* Up, or away since now with a reason (no secrets). Repeated calls are cheap. Writer: the
 * dispatcher. */
void scoreboard_dependency(struct scoreboard *board, enum dependency dependency, bool up,
			   const char *reason);

/* What only the operator can mend, by what it holds up. Writer: the slot's process. */
enum operator_fault {
	OPERATOR_FAULT_APPLICATION, /* DeviantArt refuses the client (invalid_client) */
	OPERATOR_FAULT_STORAGE,     /* the storage refuses the settings */
	OPERATOR_FAULT_COUNT
};
/*
 * NULL or "" says that it was just seen to work (a refresh, an upload went through), and takes back
 * what any slot reported of that kind before.
 */
void scoreboard_operator_fault(struct scoreboard *board, int slot, enum operator_fault kind,
			       const char *reason);

/* ---- the queue (writer: the dispatcher) ---- */

enum queue_state { /* labels of publisher_queue_jobs */
		   QUEUE_STATE_WAITING,
		   QUEUE_STATE_PAUSED,
		   QUEUE_STATE_ACTIVE,
		   QUEUE_STATE_PRIORITIZED,
		   QUEUE_STATE_DELAYED,
		   QUEUE_STATE_COMPLETED,
		   QUEUE_STATE_FAILED,
		   QUEUE_STATE_WAITING_CHILDREN,
		   QUEUE_STATE_COUNT
};
const char *queue_state_name(enum queue_state state);
enum circuit_state { CIRCUIT_OPEN, CIRCUIT_HALF_OPEN, CIRCUIT_STATE_COUNT };
const char *circuit_state_name(enum circuit_state state);
/* oldest_due_wall_ms: queue_counts' oldest_due_ms; 0 = nobody waits. */
void scoreboard_queue(struct scoreboard *board, const int64_t counts[QUEUE_STATE_COUNT],
		      bool queue_paused, int64_t oldest_due_wall_ms);
/* application_until_wall_ms: the end of the open time of the application's circuit, which is among
 * those that are counted; 0 = it is closed. */
void scoreboard_circuits(struct scoreboard *board, const int64_t counts[CIRCUIT_STATE_COUNT],
			 int64_t application_until_wall_ms);

/* ---- who is idle (writers: workers; reader: dispatcher) ---- */

/* Number of worker slots below `slots` whose activity is IDLE. */
int scoreboard_idle(const struct scoreboard *board, int slots);
/* The dispatcher sleeps until a worker becomes idle: set by it, read by workers before they write
 * the wake descriptor. */
void scoreboard_dispatcher_parked(struct scoreboard *board, bool parked);
bool scoreboard_is_dispatcher_parked(const struct scoreboard *board);

/* ---- the supervisor's own page ---- */

enum pool_phase { POOL_STARTING, POOL_SERVING, POOL_DRAINING };
struct scoreboard_pool {
	enum pool_phase phase;
	int concurrency;    /* worker slots wanted */
	int workers_ready;  /* workers that have said READY and live */
	bool shows_details; /* titles and user names may be shown */
	uint64_t config_generation;
	uint64_t worker_restarts, dispatcher_restarts, workers_killed; /* counters */
	uint64_t reloads, reloads_refused;
	int64_t started_wall_ms, started_mono_ms;
};
void scoreboard_pool_set(struct scoreboard *board, const struct scoreboard_pool *pool);

/* ---- reading it all, for the health listener and tests ---- */

struct scoreboard_slot_view {
	int slot;
	uint64_t generation;
	enum activity activity;
	int64_t activity_since_ms, heartbeat_ms;
	bool has_job;
	struct scoreboard_job job;
};
struct scoreboard_view {
	struct scoreboard_pool pool;
	int active_jobs;                 /* derived: slots with a job in hand */
	uint64_t jobs[JOB_RESULT_COUNT]; /* sums over all slots */
	uint64_t errors[FAILURE_CATEGORY_COUNT];
	uint64_t reconciled[RECONCILE_OUTCOME_COUNT];
	uint64_t counters[COUNTER_COUNT];
	struct {
		uint64_t count;
		double sum_s; /* as long as the jobs were put off for */
	} waits[WAIT_REASON_COUNT];
	double spent_s[ACTIVITY_COUNT]; /* by all workers that ever were, up to their last word */
	struct {
		uint64_t buckets[SCOREBOARD_BUCKETS + 1]; /* not cumulative */
		uint64_t count;
		double sum_s;
	} timings[TIMING_COUNT];
	struct {
		bool up;
		int64_t since_ms, checked_ms; /* checked_ms 0: nobody has looked yet */
		char reason[SCOREBOARD_TEXT_SIZE];
	} dependencies[DEPENDENCY_COUNT]; /* as the dispatcher reports; a word counts while it is
					     fresh */
	char operator_fault[SCOREBOARD_TEXT_SIZE]; /* any slot's latest; "" = none */
	int64_t queue[QUEUE_STATE_COUNT];
	int64_t queue_counted_ms;   /* 0 = never */
	int64_t oldest_due_wall_ms; /* 0 = nobody waits */
	bool queue_paused;
	int64_t circuits[CIRCUIT_STATE_COUNT];
	int64_t circuits_counted_ms;
	int64_t application_until_wall_ms; /* 0: its circuit is closed */
	int64_t dispatcher_heartbeat_ms;
	bool dispatcher_up;
};
void scoreboard_read(const struct scoreboard *board, struct scoreboard_view *view);
/* How many worker slots are at which activity; a process that has not reported yet counts as
 * ACTIVITY_BOOT. */
void scoreboard_activities(const struct scoreboard *board, int counts[ACTIVITY_COUNT]);
/* False for a slot that nobody uses. */
bool scoreboard_read_slot(const struct scoreboard *board, int slot,
			  struct scoreboard_slot_view *view);

#endif
