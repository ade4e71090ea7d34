#ifndef TESTS_INTEGRATION_QUEUE_BENCH_H
#define TESTS_INTEGRATION_QUEUE_BENCH_H
/*
 * queue_bench.h - a queue on a real Redis, and ways to look at it.     [tests]
 *
 * The queue is "bull:q"; `ask()` looks behind its back.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "tests/integration/redis_server.h"

extern struct redis_server bench_server;
extern struct redis *bench_redis; /* the queue's connection */
extern struct queue *bench_queue;
extern struct failure bench_why;

/* cmocka: the server for the program, an empty queue for each test. */
int bench_set_up_server(void **state);
int bench_tear_down_server(void **state);
int bench_set_up(void **state);
int bench_tear_down(void **state);

/* The settings bench_set_up() used; and a queue with other ones in its place. */
struct queue_settings bench_settings(void);
void bench_open(const struct queue_settings *settings);

/*
 * One command as words between blanks, "%s" and the like filled in. The answer as text: elements of
 * an array between blanks, "(nil)", "(error) ...". Valid until the eighth next call.
 */
const char *ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define assert_ask(expected, ...) assert_string_equal(ask(__VA_ARGS__), expected)

/* All events so far: "added a, waiting a, active a waiting, ..." (event, job, prev). */
const char *events(void);
/* Forgets them. */
void forget_events(void);

/* Adds a job as BullMQ 6 does, with these options (JSON without blanks). */
void plant(const char *id, const char *opts, int priority);
/* A hash with a place in `delayed`, due so many ms from now (or before). */
void plant_delayed(const char *id, int priority, int64_t due_in_ms);

/* Claims and expects this job; NULL: expects none. The job is freed by end_*() or queue_job_free().
 */
struct queue_job *claim(const char *token, const char *expected_id);
enum queue_claim_state claim_state(const char *token);

/* Ends without a next claim, expects QUEUE_ENDED and frees the job. */
void complete(struct queue_job *job, const char *token);
void fail_job(struct queue_job *job, const char *token, const char *reason);

int64_t now_ms(void); /* Redis' */

#endif
