/*
 * token_pair.c and set_aside.lua on a real Redis: a parked pair comes back as it was, and one that
 * cannot be opened is moved away only when it is proven that it is not the newest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis.h"
#include "tests/integration/redis_server.h"
#include "worker/seal.h"
#include "worker/token_pair.h"

#define PARKED "isekai-publisher:parked-token:artist"
#define ASIDE  "isekai-publisher:set-aside-token:artist"
#define DAY_MS (24LL * 3600 * 1000)

struct bench {
	struct redis_server server;
	struct redis_address address;
	struct redis *redis;
};

static struct bench bench;

static int
start(void **state)
{
	*state = &bench;
	if (!redis_server_start(&bench.server, NULL))
		return -1;
	bench.address = (struct redis_address){.path = bench.server.socket};
	bench.redis = redis_new(&bench.address, NULL);
	return bench.redis == NULL ? -1 : 0;
}

static int
stop(void **state)
{
	(void)state;
	redis_free(bench.redis);
	redis_server_stop(&bench.server);
	return 0;
}

static int
fresh(void **state)
{
	const char *const flush[] = {"FLUSHALL"};

	(void)state;
	redis_reply_free(redis_call(bench.redis, 5000, NULL, 1, flush, NULL));
	return 0;
}

/* NULL: there is none; free(). */
static char *
get(const char *key)
{
	const char *const argv[] = {"GET", key};
	redisReply *reply = redis_call(bench.redis, 5000, NULL, 2, argv, NULL);
	char *text = reply != NULL && reply->type == REDIS_REPLY_STRING ? strdup(reply->str) : NULL;

	redis_reply_free(reply);
	return text;
}

static void
set(const char *key, const char *value)
{
	const char *const argv[] = {"SET", key, value};

	redis_reply_free(redis_call(bench.redis, 5000, NULL, 3, argv, NULL));
}

static long long
life_ms(const char *key)
{
	const char *const argv[] = {"PTTL", key};
	redisReply *reply = redis_call(bench.redis, 5000, NULL, 2, argv, NULL);
	long long left_ms = reply != NULL ? reply->integer : -3;

	redis_reply_free(reply);
	return left_ms;
}

static void
assert_lies(const char *key, const char *expected)
{
	char *text = get(key);

	if (expected == NULL)
		assert_null(text);
	else
		assert_string_equal(text != NULL ? text : "(nothing)", expected);
	free(text);
}

static void
park(const char *secret)
{
	struct token_pair *pair = token_pair_new("artist", "old-refresh");

	assert_non_null(pair);
	pair->access = strdup("new-access");
	pair->refresh = strdup("new-refresh");
	pair->expires_at_ms = 1795513820412;
	assert_true(token_pair_park(bench.redis, secret, pair));
	assert_true(pair->parked);
	token_pair_free(pair);
}

/* What lies there, which cannot be opened with this secret; free(). */
static char *
unopened(const char *secret)
{
	struct token_pair *pair;
	struct failure why;
	char *text;

	if (!token_pair_read_parked(bench.redis, secret, "artist", &pair, &text, &why))
		fail_msg("%s", why.message);
	assert_null(pair);
	assert_non_null(text);
	return text;
}

static void
assert_opens(const char *secret)
{
	struct token_pair *pair;
	struct failure why;
	char *text;

	if (!token_pair_read_parked(bench.redis, secret, "artist", &pair, &text, &why))
		fail_msg("%s", why.message);
	assert_null(text);
	assert_non_null(pair);
	assert_string_equal(pair->user_id, "artist");
	assert_string_equal(pair->old_refresh, "old-refresh");
	assert_string_equal(pair->access, "new-access");
	assert_string_equal(pair->refresh, "new-refresh");
	assert_int_equal(pair->expires_at_ms, 1795513820412);
	assert_true(pair->parked);
	token_pair_free(pair);
}

static void
parked_pair_comes_back_as_it_was(void **state)
{
	struct token_pair *pair;
	struct failure why;
	char *text;

	(void)state;
	assert_true(token_pair_read_parked(bench.redis, "secret", "artist", &pair, &text, &why));
	assert_true(pair == NULL && text == NULL);
	park("secret");
	assert_opens("secret");
	assert_in_range(life_ms(PARKED), 89 * DAY_MS, 90 * DAY_MS);
	text = get(PARKED);
	assert_non_null(text);
	assert_null(strstr(text, "refresh"));
	assert_null(strstr(text, "access"));
	free(text);
	token_pair_unpark(bench.redis, "artist");
	assert_lies(PARKED, NULL);
}

static void
pair_of_an_older_publisher_is_opened(void **state)
{
	char *sealed = seal_close("secret", "artist",
				  "{\"old\":\"old-refresh\",\"access\":\"new-access\",\"refresh\":"
				  "\"new-refresh\",\"expires_at_ms\":1795513820412}");

	(void)state;
	assert_non_null(sealed);
	set(PARKED, sealed);
	assert_opens("secret");
	free(sealed);
}

static void
only_another_token_than_the_replaced_one_supersedes(void **state)
{
	char *text;

	(void)state;
	park("secret");
	text = unopened("another secret");
	assert_false(token_pair_is_superseded(text, "old-refresh"));
	assert_true(token_pair_is_superseded(text, "new-refresh"));
	assert_true(token_pair_is_superseded(text, "of another login"));
	assert_true(token_pair_is_superseded(text, ""));
	free(text);
}

/* Where it is not told which token was replaced, nothing is proven: the pair may be the newest. */
static void
what_does_not_tell_is_never_superseded(void **state)
{
	static const char digest[] =
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"; /* of "test" */
	char *texts[8];
	size_t count = 0;

	(void)state;
	texts[count++] = strdup("");
	texts[count++] = strdup(".");
	texts[count++] = strdup("c2VhbGVkIHVuZGVyIGFub3RoZXIgc2VjcmV0");
	texts[count++] = strdup(digest);
	assert_true(asprintf(&texts[count++], "%.63s.c2VhbA==", digest) > 0);
	assert_true(asprintf(&texts[count++], "%s0.c2VhbA==", digest) > 0);
	assert_true(asprintf(&texts[count++], "%.63sG.c2VhbA==", digest) > 0);
	assert_true(asprintf(&texts[count++], "%.32s.%s", digest, digest) > 0);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(texts[i]);
		if (token_pair_is_superseded(texts[i], "another"))
			fail_msg("\"%s\" proves nothing", texts[i]);
		free(texts[i]);
	}
	assert_true(asprintf(&texts[0], "%s.c2VhbA==", digest) > 0);
	assert_true(token_pair_is_superseded(texts[0], "another"));
	assert_false(token_pair_is_superseded(texts[0], "test"));
	free(texts[0]);
}

static void
what_is_set_aside_is_kept_for_as_long_as_it_had_to_live(void **state)
{
	struct failure why;
	char *text;

	(void)state;
	park("secret");
	text = unopened("another secret");
	if (!token_pair_set_aside(bench.redis, "artist", text, &why))
		fail_msg("%s", why.message);
	assert_lies(PARKED, NULL);
	assert_lies(ASIDE, text);
	assert_in_range(life_ms(ASIDE), 89 * DAY_MS, 90 * DAY_MS);
	free(text);
}

/* Somebody looked at an older pair and comes late with his verdict. */
static void
pair_that_was_parked_meanwhile_stays(void **state)
{
	struct failure why;
	char *text, *newer;

	(void)state;
	park("secret");
	text = unopened("another secret");
	park("another secret");
	newer = get(PARKED);
	assert_non_null(newer);
	assert_false(token_pair_set_aside(bench.redis, "artist", text, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_lies(PARKED, newer);
	assert_lies(ASIDE, NULL);
	assert_opens("another secret");
	token_pair_unpark(bench.redis, "artist");
	assert_false(token_pair_set_aside(bench.redis, "artist", text, &why));
	assert_lies(ASIDE, NULL);
	free(newer);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(parked_pair_comes_back_as_it_was, fresh),
		cmocka_unit_test_setup(pair_of_an_older_publisher_is_opened, fresh),
		cmocka_unit_test_setup(only_another_token_than_the_replaced_one_supersedes, fresh),
		cmocka_unit_test_setup(what_does_not_tell_is_never_superseded, fresh),
		cmocka_unit_test_setup(what_is_set_aside_is_kept_for_as_long_as_it_had_to_live,
				       fresh),
		cmocka_unit_test_setup(pair_that_was_parked_meanwhile_stays, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
