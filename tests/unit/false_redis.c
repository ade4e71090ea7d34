/*
 * false_redis.c - a Redis whose scripts answer what a test wants.
 *
 * The answer is read by hiredis itself, so that no reply is tested that it would never hand out.
 */
#include "tests/unit/false_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <string.h>

#include "common/redis.h"

static const char *answer;

struct redisReply *__wrap_redis_eval(struct redis *redis, struct redis_script *script,
				     int64_t timeout_ms, struct failure *why, int key_count,
				     int argc, const char *const *argv, const size_t *argv_sizes);

void
false_redis_answers(const char *wire)
{
	answer = wire;
}

struct redisReply *
__wrap_redis_eval(struct redis *redis, struct redis_script *script, int64_t timeout_ms,
		  struct failure *why, int key_count, int argc, const char *const *argv,
		  const size_t *argv_sizes)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	(void)redis;
	(void)script;
	(void)timeout_ms;
	(void)why;
	(void)key_count;
	(void)argc;
	(void)argv;
	(void)argv_sizes;
	assert_non_null(reader);
	assert_int_equal(redisReaderFeed(reader, answer, strlen(answer)), REDIS_OK);
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	redisReaderFree(reader);
	return reply;
}
