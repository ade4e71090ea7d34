/*
 * queue_bench.c - see queue_bench.h.                                   [tests]
 */
#include "tests/integration/queue_bench.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "common/redis_url.h"

#define ANSWERS     8
#define ANSWER_SIZE 65536
#define WORDS_MAX   64

struct redis_server bench_server;
struct redis *bench_redis;
struct queue *bench_queue;
struct failure bench_why;

static struct redis_address address;
static struct redis *behind; /* ask()'s connection */

int
bench_set_up_server(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (!redis_server_start(&bench_server, NULL))
		return -1;
	address = (struct redis_address){.path = bench_server.socket};
	behind = redis_new(&address, NULL);
	return behind != NULL ? 0 : -1;
}

int
bench_tear_down_server(void **state)
{
	(void)state;
	redis_free(behind);
	redis_server_stop(&bench_server);
	return 0;
}

struct queue_settings
bench_settings(void)
{
	return (struct queue_settings){
		.prefix = "bull",
		.name = "q",
		.lock_duration_ms = 30000,
		.max_stalled_count = 1,
		.default_attempts = 7,
	};
}

void
bench_open(const struct queue_settings *settings)
{
	queue_free(bench_queue);
	bench_queue = queue_new(bench_redis, settings);
	assert_non_null(bench_queue);
}

int
bench_set_up(void **state)
{
	struct queue_settings settings = bench_settings();

	(void)state;
	ask("FLUSHALL");
	ask("HSET bull:q:meta opts.maxLenEvents 10000 version bullmq:6.7.0");
	bench_redis = redis_new(&address, NULL);
	bench_open(&settings);
	return 0;
}

int
bench_tear_down(void **state)
{
	(void)state;
	queue_free(bench_queue);
	redis_free(bench_redis);
	bench_queue = NULL;
	bench_redis = NULL;
	return 0;
}

static void
append(char *out, const redisReply *reply)
{
	size_t used = strlen(out);

	if (reply->type == REDIS_REPLY_ARRAY) {
		for (size_t i = 0; i < reply->elements; i++) {
			if (i > 0)
				strncat(out, " ", ANSWER_SIZE - strlen(out) - 1);
			append(out, reply->element[i]);
		}
	} else if (reply->type == REDIS_REPLY_INTEGER) {
		snprintf(out + used, ANSWER_SIZE - used, "%lld", reply->integer);
	} else {
		snprintf(out + used, ANSWER_SIZE - used, "%s",
			 reply->type == REDIS_REPLY_NIL ? "(nil)" : reply->str);
	}
}

static char *
next_answer(void)
{
	static char answers[ANSWERS][ANSWER_SIZE];
	static int next;
	char *out = answers[next++ % ANSWERS];

	out[0] = '\0';
	return out;
}

const char *
ask(const char *format, ...)
{
	const char *argv[WORDS_MAX];
	struct failure why;
	redisReply *reply;
	char line[4096], *rest = line;
	char *out = next_answer();
	int argc = 0;
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	while (argc < WORDS_MAX && (argv[argc] = strsep(&rest, " ")) != NULL)
		argc++;
	reply = redis_call(behind, 5000, &why, argc, argv, NULL);
	if (reply == NULL)
		snprintf(out, ANSWER_SIZE, "(error) %s", why.message);
	else
		append(out, reply);
	redis_reply_free(reply);
	return out;
}

/* The value of a field of an event; "" if it has none. */
static const char *
field_of(const redisReply *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2)
		if (strcmp(fields->element[i]->str, name) == 0)
			return fields->element[i + 1]->str;
	return "";
}

const char *
events(void)
{
	const char *argv[] = {"XRANGE", "bull:q:events", "-", "+"};
	struct failure why;
	redisReply *reply = redis_call(behind, 5000, &why, 4, argv, NULL);
	char *out = next_answer();
	size_t used = 0;

	assert_non_null(reply);
	for (size_t i = 0; i < reply->elements; i++) {
		const redisReply *fields = reply->element[i]->element[1];
		const char *id = field_of(fields, "jobId"), *prev = field_of(fields, "prev");

		used += (size_t)snprintf(out + used, ANSWER_SIZE - used, "%s%s%s%s%s%s",
					 i > 0 ? ", " : "", field_of(fields, "event"),
					 id[0] != '\0' ? " " : "", id, prev[0] != '\0' ? " " : "",
					 prev);
		assert_true(used < ANSWER_SIZE);
	}
	redis_reply_free(reply);
	return out;
}

void
forget_events(void)
{
	ask("DEL bull:q:events");
}

int64_t
now_ms(void)
{
	long long seconds, micros;

	assert_int_equal(sscanf(ask("TIME"), "%lld %lld", &seconds, &micros), 2);
	return seconds * 1000 + micros / 1000;
}

void
plant(const char *id, const char *opts, int priority)
{
	ask("HSET bull:q:%s name publish data {\"id\":1} opts %s timestamp %lld delay 0 priority "
	    "%d",
	    id, opts, (long long)now_ms(), priority);
	if (priority > 0)
		ask("ZADD bull:q:prioritized %lld %s",
		    priority * 4294967296LL + strtoll(ask("INCR bull:q:pc"), NULL, 10), id);
	else
		ask("LPUSH bull:q:wait %s", id);
}

void
plant_delayed(const char *id, int priority, int64_t due_in_ms)
{
	ask("HSET bull:q:%s name publish data {} opts {} timestamp %lld delay %lld priority %d", id,
	    (long long)now_ms(), (long long)(due_in_ms > 0 ? due_in_ms : 1), priority);
	ask("ZADD bull:q:delayed %lld %s", ((long long)now_ms() + due_in_ms) * 4096, id);
}

struct queue_job *
claim(const char *token, const char *expected_id)
{
	struct queue_claim got = {0};

	if (!queue_claim(bench_queue, token, "w-1", &got, &bench_why))
		fail_msg("%s", bench_why.message);
	if (expected_id == NULL) {
		assert_null(got.job);
		return NULL;
	}
	assert_int_equal(got.state, QUEUE_CLAIM_JOB);
	assert_string_equal(got.job->id, expected_id);
	return got.job;
}

enum queue_claim_state
claim_state(const char *token)
{
	struct queue_claim got = {0};

	if (!queue_claim(bench_queue, token, "w-1", &got, &bench_why))
		fail_msg("%s", bench_why.message);
	queue_job_free(got.job);
	return got.state;
}

void
complete(struct queue_job *job, const char *token)
{
	struct queue_end end = {0};

	if (!queue_complete(bench_queue, job, token, "null", NULL, &end, &bench_why))
		fail_msg("%s", bench_why.message);
	assert_int_equal(end.state, QUEUE_ENDED);
	queue_job_free(job);
}

void
fail_job(struct queue_job *job, const char *token, const char *reason)
{
	struct queue_end end = {0};

	if (!queue_fail(bench_queue, job, token, reason, "", NULL, &end, &bench_why))
		fail_msg("%s", bench_why.message);
	assert_int_equal(end.state, QUEUE_ENDED);
	queue_job_free(job);
}
