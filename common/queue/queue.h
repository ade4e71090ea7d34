#ifndef COMMON_QUEUE_QUEUE_H
#define COMMON_QUEUE_QUEUE_H
/*
 * queue.h - a BullMQ queue, seen by a consumer.                        [worker, dispatcher]
 *
 * Every state change is one Lua script of our own (lua/ beside this file), written from
 * bullmq-protocol.md; section numbers below are that page's. Times are Redis' own (TIME), so hosts
 * with different clocks agree. The scripts are sent through one struct redis, which the caller
 * owns. Keys of our own lie outside "<prefix>:<queue>:" (section 2, removeOrphanedJobs) under
 * "<prefix>-publisher:<queue>:", so that a hash tag in the prefix covers them too (19).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/redis.h"

struct queue;

struct queue_settings {
	const char *prefix, *name; /* QUEUE_PREFIX, QUEUE_NAME */
	int64_t lock_duration_ms;  /* PUBLISHER_LOCK_DURATION_MS */
	int limiter_max;       /* PUBLISHER_LIMITER_MAX per second; 0 = off; meta.max wins (12.2) */
	int max_stalled_count; /* PUBLISHER_MAX_STALLED_COUNT */
	int default_attempts;  /* PUBLISHER_MAX_ATTEMPTS: for jobs whose options give no attempts
				  (absent or 0) */
	int metrics_minutes;   /* data points kept in metrics:* (14.1); 0 = none */
};

/* Strings are copied; `redis` is borrowed. NULL when out of memory. */
struct queue *queue_new(struct redis *redis, const struct queue_settings *settings);
void queue_free(struct queue *queue);

/* ---- claiming (7) ---- */

/* A claimed job. Owned by the caller: queue_job_free(). Strings are NUL-terminated; a NUL inside
 * makes the job a bad one. */
struct queue_job {
	char *id;
	char *name;             /* "" when absent */
	char *data;             /* JSON as stored, not parsed */
	char *deferred_failure; /* `defa`: fail the job with this text, do not run it (7.1); NULL =
				   none */
	char *scheduler_id;     /* `rjk`; NULL = none */
	int64_t timestamp_ms;   /* when the producer added it */
	int64_t claimed_ms;     /* Redis' TIME at the claim = processedOn */
	int64_t lease_end_mono_ms; /* clock_mono_ms() read before the script was sent + lock
				      duration */
	int64_t delay_ms;
	int priority;
	int attempts_started;  /* ats, this claim included */
	int stalls;            /* how often a stalled check recovered it (11.2) */
	bool retried_by_hand;  /* it had ended, and somebody had it run again (9.5) */
	int attempts_made;     /* attempts that ended: atm, and what v4 counted in attemptsMade */
	int max_attempts;      /* opts.attempts, else default_attempts; at least 1 */
	struct queue_backoff { /* the job's own backoff option (3.3) */
		enum {
			QUEUE_BACKOFF_NONE,
			QUEUE_BACKOFF_FIXED,
			QUEUE_BACKOFF_EXPONENTIAL,
			QUEUE_BACKOFF_UNKNOWN
		} kind;
		int64_t delay_ms;
		double jitter; /* 0..1 */
	} backoff;
	/* kept for the finish scripts: retention, stack trace limit, keepLogs, deduplication,
	 * parent; see queue_job.c */
	struct queue_job_options *options;
	bool options_broken; /* `opts` was not the JSON object it must be; defaults hold */
};
void queue_job_free(struct queue_job *job);

enum queue_claim_state {
	QUEUE_CLAIM_JOB,  /* *job is set */
	QUEUE_CLAIM_NONE, /* nothing to do; next_due_ms says when the first delayed job is due (0 =
			     none) */
	QUEUE_CLAIM_PAUSED,
	QUEUE_CLAIM_MAXED,   /* queue-wide concurrency reached */
	QUEUE_CLAIM_LIMITED, /* queue-wide rate limit; wait_ms says how long */
	QUEUE_CLAIM_DEAD, /* the token has a tombstone: this process was declared dead and must exit
			   */
};
struct queue_claim {
	enum queue_claim_state state;
	struct queue_job *job;
	int64_t next_due_ms; /* Redis wall clock, ms */
	int64_t now_ms;      /* Redis wall clock at the script */
	int64_t wait_ms;
};

/*
 * Takes and locks the next job in one atomic step: promotes what is due (7.2), obeys pause,
 * concurrency and limit (12), skips ids without a hash (dropping them from `active`), 0: markers
 * and ids locked by somebody else, at most 100 ids a call (then NONE with next_due_ms = now_ms:
 * look again at once). `worker_name` becomes `pb`, "" = none. The lock's value is `token`.
 *
 * If an earlier call that could claim lost its answer (redis_answer_lost()), a job may be locked by
 * our token without anybody knowing, or will be when that call arrives late. The queue object
 * remembers for a lock's life; a claim, or ending with a next, looks for such a job first and gives
 * it out: no second `active` event, no second start counted. So one struct queue serves one token
 * and one job at a time.
 *
 * A job with `scheduler_id` ends its schedule unless the claimer adds the next run (15.3), which
 * this program does not: the worker says so loudly.
 */
bool queue_claim(struct queue *queue, const char *token, const char *worker_name,
		 struct queue_claim *claim, struct failure *why);

/*
 * Whether such a job may be locked by this queue's token now. A process that leaves like that must
 * not be taken for one that left nothing behind.
 */
bool queue_may_hold_job(const struct queue *queue);

/*
 * ---- ending a claim (8, 9, 10). Each optionally claims the next job in the same script ----
 *
 * An ending is of one claim, told by its token, number and moment (attempts_started, claimed_ms):
 * one that arrives late, by a connection that was cut, changes nothing of a later claim.
 */

/* What became of the claim that is ended. */
enum queue_end_state {
	QUEUE_ENDED,
	QUEUE_END_LOST, /* hash gone (-1), lock missing (-2) or another's (-6), not in active (-3),
			   tombstone, or our lock by a later claim: this claim is over, nothing was
			   changed. Also the answer to a repeated ending whose first answer was
			   lost */
	QUEUE_END_PENDING_CHILDREN, /* -4, -9 (completed only) */
};
struct queue_end {
	enum queue_end_state state;
	struct queue_claim next; /* meaningful when fetch_next was asked and the state is
				    QUEUE_ENDED; JOB, NONE, ... as after queue_claim */
};
/* Asked of every ending: NULL = do not claim another one. */
struct queue_next {
	const char *worker_name;
};

/* return_value: JSON text (validated here; trap 1). */
bool queue_complete(struct queue *queue, const struct queue_job *job, const char *token,
		    const char *return_value, const struct queue_next *next, struct queue_end *end,
		    struct failure *why);

/* For good (9.4). reason: plain text. stack_entry: one more entry of the stack trace ("" = "Error:
 * <reason>"). */
bool queue_fail(struct queue *queue, const struct queue_job *job, const char *token,
		const char *reason, const char *stack_entry, const struct queue_next *next,
		struct queue_end *end, struct failure *why);

/* Retry: delay_ms 0 = at once (9.3), else 9.2. Burns one attempt (atm + 1). */
bool queue_retry(struct queue *queue, const struct queue_job *job, const char *token,
		 int64_t delay_ms, const char *reason, const char *stack_entry,
		 const struct queue_next *next, struct queue_end *end, struct failure *why);

/* Defer: to `delayed` for delay_ms (>= 1) without burning an attempt and without error fields (10,
 * DelayedError). */
bool queue_defer(struct queue *queue, const struct queue_job *job, const char *token,
		 int64_t delay_ms, const struct queue_next *next, struct queue_end *end,
		 struct failure *why);

/* Put back to the front of its class, no attempt burned (10, first row). */
bool queue_put_back(struct queue *queue, const struct queue_job *job, const char *token,
		    struct queue_end *end, struct failure *why);

/* ---- while a job runs ---- */

/* Sent without waiting for the reply (redis_send). json: progress value (14.2). */
bool queue_progress(struct queue *queue, const struct queue_job *job, const char *json,
		    struct failure *why);
/* One row of the job's log (14.3), sent without waiting. Obeys keepLogs; where a job has none, the
 * latest rows are kept that fit: one that waits for its operator for weeks tells so each time. */
#define QUEUE_LOG_ROWS_MOST 1000
bool queue_log(struct queue *queue, const struct queue_job *job, const char *row,
	       struct failure *why);

/*
 * Renews locks (11.1) in one script. lost[i] becomes true where the lock is missing or another's.
 * count <= 1200. lease_end_mono_ms: clock read before the script was sent + lock duration.
 */
struct queue_lease {
	const char *job_id, *token;
};
bool queue_renew(struct queue *queue, const struct queue_lease *leases, size_t count, bool *lost,
		 int64_t *lease_end_mono_ms, struct failure *why);

/* ---- dispatcher ---- */

/* What the queue looks like, and promotion of what is due (7.2; runs also while paused or limited).
 * One script. */
struct queue_look {
	int64_t waiting, prioritized, active; /* `waiting`: jobs in wait, markers not counted */
	int64_t next_due_ms;                  /* first delayed job, Redis wall clock; 0 = none */
	int64_t now_ms;
	bool paused, maxed;
	int64_t room;       /* how many more may be active under meta.concurrency; -1 = no limit */
	int64_t limited_ms; /* rate limit shut for so long; 0 = open */
};
bool queue_look(struct queue *queue, struct queue_look *look, struct failure *why);
/* ZADD marker ("0", 0), unless paused or maxed: leaves work for neighbours (21.1). Sent without
 * waiting. */
bool queue_leave_marker(struct queue *queue, struct failure *why);
/* Key of the marker set, for BZPOPMIN. Valid as long as the queue. */
const char *queue_marker_key(const struct queue *queue);

/*
 * Hands every job back that is locked by `token` (a dead process): walks `active`, unlocks, returns
 * to the front of its class, events as 10, no attempt, no stalled count; leaves a tombstone for
 * twice the lock's life so that a command of the dead still in flight does nothing. *ids: JSON
 * array text of the ids (free()). Idempotent.
 */
bool queue_hand_back(struct queue *queue, const char *token, char **ids, struct failure *why);
/* Tokens of the locks of all jobs in `active` that begin with `prefix` (ours: "<instance format>");
 * JSON array of {"id","token"}; free(). At most 2000. */
bool queue_active_tokens(struct queue *queue, const char *prefix, char **json, struct failure *why);

/* BullMQ's stalled check (11.2), throttled by stalled-check; ids without a hash are dropped; an id
 * that never started (no processedOn) is returned without counting. Over the limit: `defa`, or
 * failed directly where meta.version or the clients seen are older than 5.49.2 (note 1 of 18). */
struct queue_stalled {
	bool ran;
	int64_t recovered, failed;
	int64_t again_ms; /* until then the throttle lets nobody check; asked sooner it is in vain
			   */
};
bool queue_check_stalled(struct queue *queue, int64_t interval_ms, struct queue_stalled *stalled,
			 struct failure *why);

/* Job counts by state, for /metrics. */
struct queue_counts {
	int64_t waiting, paused, active, prioritized, delayed, completed, failed, waiting_children;
	/*
	 * Of the jobs that are next in line (first of `wait`, first of `prioritized`) the oldest:
	 * when it was due, that is its timestamp plus the delay of its options, wall clock of
	 * whoever added it; 0: none waits, or it does not say.
	 */
	int64_t oldest_due_ms;
	bool is_paused;
};
bool queue_count(struct queue *queue, struct queue_counts *counts, struct failure *why);

/* ---- producing (5) ---- */

/*
 * Ids must not be whole numbers or contain ':' (5.1), priority is 0 to 2097151, JSON must be JSON:
 * else FAILURE_VALIDATION_ERROR and nothing is written.
 */
struct queue_add {
	const char *id, *name, *data; /* id NULL: the counter's; data: JSON */
	int64_t delay_ms;
	int priority;
	int attempts;
	const char *backoff_json; /* {"type":...,"delay":...} or NULL */
	const char *remove_on_complete_json,
		*remove_on_fail_json; /* {"age":..,"count":..} or NULL */
	/* A job of this id in completed or failed, or in no state at all (a hash that a neighbour's
	 * pause lost), is removed (`removed` event) and added anew, in the same script. */
	bool replace_finished;
};
enum queue_added {
	QUEUE_ADDED,
	QUEUE_ADD_EXISTS /* `duplicated` event written, nothing changed */
};
bool queue_add(struct queue *queue, const struct queue_add *job, enum queue_added *added,
	       struct failure *why);
/* The same, sent without waiting (hand-over to storage-cleanup). */
bool queue_add_unwatched(struct queue *queue, const struct queue_add *job, struct failure *why);

/* State of one job id: "waiting", "active", "delayed", "prioritized", "completed", "failed",
 * "waiting-children", "paused", "unknown" (hash without a place) or "missing"; delayed: *due_ms. */
bool queue_job_state(struct queue *queue, const char *id, char state[24], int64_t *due_ms,
		     struct failure *why);
/* Removes a job that is not active, not locked and not the next run of a schedule; *removed says
 * whether it was there. Its children, if it has any, stay. */
bool queue_remove(struct queue *queue, const char *id, bool *removed, struct failure *why);

/* ---- by hand (9.5, 12): what the commands do, and BullMQ's Queue and Job do alike ---- */

/*
 * Job.retry(): a job that failed goes back to work, with its events; its counters stay. *retried
 * false: it had not failed, or has no hash; state says where it is, as queue_job_state() does.
 */
bool queue_reprocess(struct queue *queue, const char *id, char state[24], bool *retried,
		     struct failure *why);

/* Job.promote(): a delayed job need not wait any longer. *promoted false: it is not delayed. */
bool queue_promote(struct queue *queue, const char *id, bool *promoted, struct failure *why);

/*
 * Queue.pause() and Queue.resume(), in the way of the BullMQ that meta.version names: 6 leaves
 * `wait` where it is, older ones move it away. Nothing that lies in `paused` is overwritten.
 * *changed false: it is so already; no event is written then.
 */
bool queue_set_paused(struct queue *queue, bool paused, bool *changed, struct failure *why);

/* What holds for everybody on the queue (12.2). */
struct queue_limits {
	int64_t max, period_ms; /* jobs started in so long; max -1: no limit */
	int64_t shut_ms;        /* nobody starts for so long; 0: open */
	int64_t concurrency;    /* -1: no limit */
	int64_t active;
};
/* As they are; open: and the rate limit begins anew, as by Queue.removeRateLimitKey(). */
bool queue_read_limits(struct queue *queue, bool open, struct queue_limits *limits,
		       struct failure *why);

/* A private key of ours: "<prefix>-publisher:<queue>:<suffix>". Returns out; cut if it does not
 * fit. */
const char *queue_private_key(const struct queue *queue, const char *suffix, char *out,
			      size_t out_size);

#endif
