#ifndef COMMON_QUEUE_QUEUE_INTERNAL_H
#define COMMON_QUEUE_QUEUE_INTERNAL_H
/*
 * queue_internal.h - what the queue's files share; only they and their unit tests include it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/queue/queue.h"

struct redisReply;

/* Every call has this long. A lock lives longer, a stuck server is noticed before it ends. */
#define QUEUE_TIMEOUT_MS 5000

/* The scripts, each lua/<name>.lua with the parts it needs in front (queue_script.c). */
enum queue_script {
	QUEUE_SCRIPT_CLAIM,
	QUEUE_SCRIPT_END_JOB,
	QUEUE_SCRIPT_RETRY_JOB,
	QUEUE_SCRIPT_RETURN_JOB,
	QUEUE_SCRIPT_PROGRESS,
	QUEUE_SCRIPT_LOG,
	QUEUE_SCRIPT_RENEW,
	QUEUE_SCRIPT_LOOK,
	QUEUE_SCRIPT_MARKER,
	QUEUE_SCRIPT_HAND_BACK,
	QUEUE_SCRIPT_TOKENS,
	QUEUE_SCRIPT_STALLED,
	QUEUE_SCRIPT_COUNTS,
	QUEUE_SCRIPT_ADD,
	QUEUE_SCRIPT_STATE,
	QUEUE_SCRIPT_REMOVE_JOB,
	QUEUE_SCRIPT_BY_HAND, /* from here on: what only commands run, put together at first use */
	QUEUE_SCRIPT_REPROCESS = QUEUE_SCRIPT_BY_HAND,
	QUEUE_SCRIPT_PROMOTE_JOB,
	QUEUE_SCRIPT_PAUSE,
	QUEUE_SCRIPT_LIMITER,
	QUEUE_SCRIPT_COUNT
};

struct queue {
	struct redis *redis;
	char *base;         /* "<prefix>:<queue>:" */
	char *private_base; /* "<prefix>-publisher:<queue>:" */
	char *meta_key, *marker_key;
	/* .source is owned; NULL: not put together yet (only of those by hand) */
	struct redis_script scripts[QUEUE_SCRIPT_COUNT];
	int64_t lock_duration_ms;
	int limiter_max, max_stalled_count, default_attempts, metrics_minutes;
	/*
	 * A call that may have claimed a job failed before its reply was read: the next claim first
	 * looks whether the token holds a job already (fetch.lua, resume). So do all claims of one
	 * lock's life: what was on its way when the connection broke may arrive after the next one.
	 */
	bool unsure;
	int64_t unsure_until_mono_ms;
};

/* A call that may have claimed, or may yet claim, has failed. queue_claim.c */
void queue_doubt(struct queue *queue);

/* Fills queue->scripts but those by hand from queue->base and queue->private_base. False: out of
 * memory. queue_script.c */
bool queue_scripts_load(struct queue *queue);
/* The same for one that only commands run: no worker holds it in its memory. */
bool queue_script_make(struct queue *queue, enum queue_script script);
void queue_scripts_free(struct queue *queue);

/* ---- arguments of a script, queue_args.c ---- */

#define QUEUE_ARGS_MAX 24

/* KEYS[1] (the meta key, for routing: section 19) and ARGV. Texts are borrowed, numbers are kept
 * inside. */
struct queue_args {
	int count, number_count;
	const char *argv[QUEUE_ARGS_MAX];
	size_t sizes[QUEUE_ARGS_MAX];
	char numbers[QUEUE_ARGS_MAX][24];
};

void queue_args_init(struct queue_args *args, const struct queue *queue);
void queue_args_bytes(struct queue_args *args, const char *bytes, size_t size);
void queue_args_text(struct queue_args *args, const char *text); /* NULL counts as "" */
void queue_args_int(struct queue_args *args, int64_t number);
/* Our own limit a second; "" where there is none. */
void queue_args_limit(struct queue_args *args, const struct queue *queue);
/* worker name, lock ms, own limit, resume: what fetch.lua wants to know. */
void queue_args_fetch(struct queue_args *args, const struct queue *queue, const char *worker_name);

struct redisReply *queue_run(struct queue *queue, enum queue_script script,
			     const struct queue_args *args, struct failure *why);
/* Sent without waiting. */
bool queue_run_unwatched(struct queue *queue, enum queue_script script,
			 const struct queue_args *args, struct failure *why);
/* An array of at least `count` elements, or FAILURE_UNKNOWN. */
bool queue_reply_is_array(const struct redisReply *reply, size_t count, struct failure *why);
/* A number out of a reply's element (integer or text); `otherwise` for anything else; within the
 * bounds. */
int64_t queue_reply_int(const struct redisReply *reply, int64_t least, int64_t most,
			int64_t otherwise);
/* The first byte of a text element, '\0' for anything else. */
char queue_reply_kind(const struct redisReply *reply);
/* Runs a script that answers with the state of one job and something more, which is element[1] of
 * the reply (redis_reply_free). NULL: *why. queue_add.c */
struct redisReply *queue_run_state(struct queue *queue, enum queue_script script, const char *id,
				   char state[24], struct failure *why);

/* ---- a job's options, queue_options.c ---- */

/* removeOnComplete, removeOnFail (8.2). */
struct queue_keep {
	int64_t count; /* -1: all */
	double age_s;  /* < 0: no limit */
	int64_t limit; /* of one trimming by age */
};

struct queue_job_options {
	size_t id_size; /* ids are bytes */
	struct queue_keep complete, fail;
	int64_t stack_limit; /* -1: unlimited */
	int64_t keep_logs;   /* 0: all */
	bool lifo;
	char *stacktrace; /* as stored; NULL: none */
};

/* Reads `opts` (JSON text or NULL) into the job: max_attempts, backoff, options, options_broken.
 * False: out of memory. */
bool queue_options_read(struct queue_job *job, const char *json, int default_attempts);

/*
 * The stack trace to store: the job's own with one more entry ("" or NULL = "Error: <reason>"), cut
 * to its stackTraceLimit (9.1). JSON, free(); NULL: out of memory.
 */
char *queue_options_stacktrace(const struct queue_job *job, const char *reason, const char *entry);

/* ---- replies, queue_job.c and queue_claim.c ---- */

/* A job out of the id, the started count and the fields of fetch.lua. NULL: out of memory or not
 * such a reply. */
struct queue_job *queue_job_decode(const struct redisReply *id, const struct redisReply *started,
				   const struct redisReply *fields, int default_attempts);

/* What fetch.lua gave. sent_mono_ms: clock_mono_ms() before the script was sent. */
bool queue_claim_decode(struct queue *queue, const struct redisReply *reply, int64_t sent_mono_ms,
			struct queue_claim *claim, struct failure *why);

/* Runs a script that ends a claim and perhaps begins another. */
bool queue_end_run(struct queue *queue, enum queue_script script, const struct queue_args *args,
		   const struct queue_next *next, struct queue_end *end, struct failure *why);

/* ---- JSON, queue_json.c ---- */

/*
 * Strict RFC 8259: what JavaScript's JSON.parse() takes, and nothing else. One value that it does
 * not take stops every QueueEvents listener for good (13). cJSON is too lenient for that.
 */
bool queue_json_is_valid(const char *text);

#endif
