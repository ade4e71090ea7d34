/*
 * commands.c - the commands of a simulated Redis.                       [simulator]
 */
#include "tests/chaos/simulator/store.h"

#include <hiredis/hiredis.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/chaos/simulator/sim.h"

/* ---- replies ---- */

static redisReply *
reply_of(int type)
{
	redisReply *reply = calloc(1, sizeof(*reply));

	if (reply == NULL)
		abort();
	reply->type = type;
	return reply;
}

static void
set_text(redisReply *reply, const char *text)
{
	reply->str = strdup(text);
	if (reply->str == NULL)
		abort();
	reply->len = strlen(text);
}

redisReply *
store_reply_integer(long long value)
{
	redisReply *reply = reply_of(REDIS_REPLY_INTEGER);

	reply->integer = value;
	return reply;
}

redisReply *
store_reply_text(const char *text)
{
	redisReply *reply = reply_of(text == NULL ? REDIS_REPLY_NIL : REDIS_REPLY_STRING);

	if (text != NULL)
		set_text(reply, text);
	return reply;
}

redisReply *
store_reply_status(const char *text)
{
	redisReply *reply = reply_of(REDIS_REPLY_STATUS);

	set_text(reply, text);
	return reply;
}

redisReply *
store_reply_error(const char *format, ...)
{
	redisReply *reply = reply_of(REDIS_REPLY_ERROR);
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	set_text(reply, text);
	return reply;
}

redisReply *
store_reply_array(size_t count)
{
	redisReply *reply = reply_of(REDIS_REPLY_ARRAY);

	reply->elements = count;
	reply->element = calloc(count + 1, sizeof(*reply->element));
	if (reply->element == NULL)
		abort();
	return reply;
}

/* As Redis writes a score. */
static redisReply *
reply_score(double score)
{
	char text[40];

	if (isinf(score))
		snprintf(text, sizeof(text), score > 0 ? "inf" : "-inf");
	else if (score == floor(score) && fabs(score) < 1e17)
		snprintf(text, sizeof(text), "%lld", (long long)score);
	else
		snprintf(text, sizeof(text), "%.17g", score);
	return store_reply_text(text);
}

/* ---- reading arguments ---- */

struct call {
	int argc;
	const char *const *argv;
	struct store_key *key; /* argv[1]'s; NULL: there is none */
};

static bool
wrong_type(const struct call *c, enum store_type type)
{
	return c->key != NULL && c->key->type != type;
}

#define WRONGTYPE                                                                                  \
	store_reply_error("WRONGTYPE Operation against a key holding the wrong kind of value")

static long long
number(const char *text)
{
	return strtoll(text, NULL, 10);
}

/* "(5", "-inf", "+inf" */
static double
bound(const char *text, bool *open)
{
	*open = text[0] == '(';
	return strtod(text + *open, NULL);
}

static int
find_word(const struct call *c, int from, const char *word)
{
	for (int i = from; i < c->argc; i++) {
		if (strcasecmp(c->argv[i], word) == 0)
			return i;
	}
	return 0;
}

static void
drop_if_empty(struct store_key *key)
{
	if (key != NULL && key->count == 0 && key->type != STORE_STREAM)
		store_delete(key);
}

/* first, last: as LRANGE has them. False: nothing lies between. */
static bool
range(const struct store_key *key, const char *first, const char *last, long *from, long *to)
{
	long count = key == NULL ? 0 : (long)key->count;

	*from = number(first);
	*to = number(last);
	if (*from < 0)
		*from = *from + count > 0 ? *from + count : 0;
	if (*to < 0)
		*to += count;
	if (*to >= count)
		*to = count - 1;
	return *from <= *to;
}

/* ---- strings and keys ---- */

static redisReply *
do_get(struct call *c)
{
	if (wrong_type(c, STORE_STRING))
		return WRONGTYPE;
	return store_reply_text(c->key == NULL ? NULL : c->key->items[0].text);
}

static redisReply *
do_set(struct call *c)
{
	int px = find_word(c, 3, "PX"), ex = find_word(c, 3, "EX");
	int64_t expires_ms = 0;

	if (find_word(c, 3, "NX") != 0 && c->key != NULL)
		return store_reply_text(NULL);
	if (px != 0)
		expires_ms = sim_now_ms() + number(c->argv[px + 1]);
	if (ex != 0)
		expires_ms = sim_now_ms() + 1000 * number(c->argv[ex + 1]);
	if (c->key != NULL)
		store_delete(c->key);
	c->key = store_make(c->argv[1], STORE_STRING);
	store_insert(c->key, 0, c->argv[2], NULL, 0);
	c->key->expires_ms = expires_ms;
	return store_reply_status("OK");
}

static redisReply *
do_incr(struct call *c)
{
	char text[24];
	long long value;

	if (wrong_type(c, STORE_STRING))
		return WRONGTYPE;
	value = c->key == NULL ? 1 : number(c->key->items[0].text) + 1;
	snprintf(text, sizeof(text), "%lld", value);
	if (c->key == NULL)
		store_insert(store_make(c->argv[1], STORE_STRING), 0, text, NULL, 0);
	else
		store_set_text(&c->key->items[0].text, text);
	return store_reply_integer(value);
}

static redisReply *
do_del(struct call *c)
{
	long long count = 0;

	for (int i = 1; i < c->argc; i++) {
		struct store_key *key = store_find(c->argv[i]);

		if (key == NULL)
			continue;
		store_delete(key);
		count++;
	}
	return store_reply_integer(count);
}

static redisReply *
do_exists(struct call *c)
{
	long long count = 0;

	for (int i = 1; i < c->argc; i++)
		count += store_find(c->argv[i]) != NULL;
	return store_reply_integer(count);
}

static redisReply *
expire(const struct call *c, int64_t unit_ms)
{
	if (c->key == NULL)
		return store_reply_integer(0);
	c->key->expires_ms = sim_now_ms() + unit_ms * number(c->argv[2]);
	return store_reply_integer(1);
}

static redisReply *
do_pexpire(struct call *c)
{
	return expire(c, 1);
}

static redisReply *
do_expire(struct call *c)
{
	return expire(c, 1000);
}

static redisReply *
do_pttl(struct call *c)
{
	if (c->key == NULL)
		return store_reply_integer(-2);
	return store_reply_integer(
		c->key->expires_ms == 0 ? -1 : (long long)(c->key->expires_ms - sim_now_ms()));
}

static redisReply *
do_type(struct call *c)
{
	static const char *const names[] = {"string", "list", "hash", "set", "zset", "stream"};

	return store_reply_status(c->key == NULL ? "none" : names[c->key->type]);
}

/* ---- hashes ---- */

static const char *
field(const struct store_key *key, const char *name)
{
	long at = store_position(key, name);

	return at < 0 ? NULL : key->items[at].value;
}

static redisReply *
do_hget(struct call *c)
{
	return wrong_type(c, STORE_HASH) ? WRONGTYPE : store_reply_text(field(c->key, c->argv[2]));
}

static redisReply *
do_hmget(struct call *c)
{
	redisReply *reply;

	if (wrong_type(c, STORE_HASH))
		return WRONGTYPE;
	reply = store_reply_array((size_t)c->argc - 2);
	for (int i = 2; i < c->argc; i++)
		reply->element[i - 2] = store_reply_text(field(c->key, c->argv[i]));
	return reply;
}

static redisReply *
do_hset(struct call *c)
{
	long long added = 0;

	if (wrong_type(c, STORE_HASH))
		return WRONGTYPE;
	c->key = store_make(c->argv[1], STORE_HASH);
	for (int i = 2; i + 1 < c->argc; i += 2) {
		long at = store_position(c->key, c->argv[i]);

		if (at >= 0) {
			store_set_text(&c->key->items[at].value, c->argv[i + 1]);
			continue;
		}
		store_insert(c->key, c->key->count, c->argv[i], c->argv[i + 1], 0);
		added++;
	}
	return store_reply_integer(added);
}

/* HDEL, SREM, ZREM */
static redisReply *
do_remove_members(struct call *c)
{
	long long removed = 0;

	for (int i = 2; i < c->argc && c->key != NULL; i++) {
		long at = store_position(c->key, c->argv[i]);

		if (at < 0)
			continue;
		store_remove(c->key, (size_t)at);
		removed++;
	}
	drop_if_empty(c->key);
	return store_reply_integer(removed);
}

/* LLEN, SCARD, ZCARD */
static redisReply *
do_count(struct call *c)
{
	return store_reply_integer(c->key == NULL ? 0 : (long long)c->key->count);
}

/* ---- lists ---- */

static redisReply *
do_lindex(struct call *c)
{
	long at = number(c->argv[2]);

	if (c->key != NULL && at < 0)
		at += (long)c->key->count;
	if (c->key == NULL || at < 0 || at >= (long)c->key->count)
		return store_reply_text(NULL);
	return store_reply_text(c->key->items[at].text);
}

static redisReply *
do_lpos(struct call *c)
{
	long at = store_position(c->key, c->argv[2]);

	return at < 0 ? store_reply_text(NULL) : store_reply_integer(at);
}

static redisReply *
push(struct call *c, bool left)
{
	if (wrong_type(c, STORE_LIST))
		return WRONGTYPE;
	c->key = store_make(c->argv[1], STORE_LIST);
	for (int i = 2; i < c->argc; i++)
		store_insert(c->key, left ? 0 : c->key->count, c->argv[i], NULL, 0);
	return store_reply_integer((long long)c->key->count);
}

static redisReply *
do_lpush(struct call *c)
{
	return push(c, true);
}

static redisReply *
do_rpush(struct call *c)
{
	return push(c, false);
}

static redisReply *
do_lrange(struct call *c)
{
	redisReply *reply;
	long from, to;

	if (!range(c->key, c->argv[2], c->argv[3], &from, &to))
		return store_reply_array(0);
	reply = store_reply_array((size_t)(to - from + 1));
	for (long i = from; i <= to; i++)
		reply->element[i - from] = store_reply_text(c->key->items[i].text);
	return reply;
}

static redisReply *
do_lrem(struct call *c)
{
	long long most = number(c->argv[2]), removed = 0;
	bool from_end = most < 0;

	if (most < 0)
		most = -most;
	for (long i = from_end && c->key != NULL ? (long)c->key->count - 1 : 0;
	     c->key != NULL && i >= 0 && i < (long)c->key->count &&
	     (most == 0 || removed < most);) {
		if (strcmp(c->key->items[i].text, c->argv[3]) != 0) {
			i += from_end ? -1 : 1;
			continue;
		}
		store_remove(c->key, (size_t)i);
		removed++;
		i -= from_end ? 1 : 0;
	}
	drop_if_empty(c->key);
	return store_reply_integer(removed);
}

static redisReply *
do_ltrim(struct call *c)
{
	long from, to;

	if (c->key == NULL)
		return store_reply_status("OK");
	if (!range(c->key, c->argv[2], c->argv[3], &from, &to)) {
		store_delete(c->key);
		return store_reply_status("OK");
	}
	while ((long)c->key->count > to + 1)
		store_remove(c->key, c->key->count - 1);
	while (from-- > 0)
		store_remove(c->key, 0);
	return store_reply_status("OK");
}

static redisReply *
do_rpoplpush(struct call *c)
{
	struct store_key *to;
	redisReply *reply;

	if (wrong_type(c, STORE_LIST))
		return WRONGTYPE;
	if (c->key == NULL)
		return store_reply_text(NULL);
	reply = store_reply_text(c->key->items[c->key->count - 1].text);
	store_remove(c->key, c->key->count - 1);
	drop_if_empty(c->key);
	to = store_make(c->argv[2], STORE_LIST);
	store_insert(to, 0, reply->str, NULL, 0);
	return reply;
}

/* ---- sets ---- */

static redisReply *
do_sadd(struct call *c)
{
	long long added = 0;

	c->key = store_make(c->argv[1], STORE_SET);
	for (int i = 2; i < c->argc; i++) {
		if (store_position(c->key, c->argv[i]) >= 0)
			continue;
		store_insert(c->key, c->key->count, c->argv[i], NULL, 0);
		added++;
	}
	return store_reply_integer(added);
}

static redisReply *
do_smembers(struct call *c)
{
	redisReply *reply = store_reply_array(c->key == NULL ? 0 : c->key->count);

	for (size_t i = 0; i < reply->elements; i++)
		reply->element[i] = store_reply_text(c->key->items[i].text);
	return reply;
}

/* ---- sorted sets ---- */

static void
place(struct store_key *key, const char *member, double score)
{
	size_t at = 0;

	while (at < key->count &&
	       (key->items[at].score < score ||
		(key->items[at].score == score && strcmp(key->items[at].text, member) < 0)))
		at++;
	store_insert(key, at, member, NULL, score);
}

static redisReply *
do_zadd(struct call *c)
{
	bool only_new = strcasecmp(c->argv[2], "NX") == 0;
	long long added = 0;

	if (wrong_type(c, STORE_ZSET))
		return WRONGTYPE;
	c->key = store_make(c->argv[1], STORE_ZSET);
	for (int i = only_new ? 3 : 2; i + 1 < c->argc; i += 2) {
		long at = store_position(c->key, c->argv[i + 1]);

		if (at >= 0 && only_new)
			continue;
		if (at >= 0)
			store_remove(c->key, (size_t)at);
		else
			added++;
		place(c->key, c->argv[i + 1], strtod(c->argv[i], NULL));
	}
	return store_reply_integer(added);
}

/* Items from..to as a reply. */
static redisReply *
members(const struct store_key *key, long from, long to, bool reversed, bool with_scores)
{
	size_t count = to >= from ? (size_t)(to - from + 1) : 0, width = with_scores ? 2 : 1;
	redisReply *reply = store_reply_array(count * width);

	for (size_t i = 0; i < count; i++) {
		const struct store_item *item =
			&key->items[reversed ? to - (long)i : from + (long)i];

		reply->element[i * width] = store_reply_text(item->text);
		if (with_scores)
			reply->element[i * width + 1] = reply_score(item->score);
	}
	return reply;
}

static redisReply *
do_zrange(struct call *c)
{
	long from, to;

	if (!range(c->key, c->argv[2], c->argv[3], &from, &to))
		return store_reply_array(0);
	return members(c->key, from, to, false, find_word(c, 4, "WITHSCORES") != 0);
}

/* The items between two scores lie from..to (to < from: none). */
static void
between(const struct store_key *key, const char *least, const char *most, long *from, long *to)
{
	bool open_least, open_most;
	double low = bound(least, &open_least), high = bound(most, &open_most);

	*from = 0;
	*to = -1;
	for (long i = 0; key != NULL && i < (long)key->count; i++) {
		double score = key->items[i].score;

		if (score < low || (open_least && score == low)) {
			*from = i + 1;
			continue;
		}
		if (score < high || (!open_most && score == high))
			*to = i;
	}
}

static redisReply *
by_score(struct call *c, bool reversed)
{
	int limit = find_word(c, 4, "LIMIT");
	long from, to, skip = 0, most = -1;

	between(c->key, c->argv[reversed ? 3 : 2], c->argv[reversed ? 2 : 3], &from, &to);
	if (limit != 0) {
		skip = number(c->argv[limit + 1]);
		most = number(c->argv[limit + 2]);
	}
	if (reversed) {
		to -= skip;
		if (most >= 0 && to - from + 1 > most)
			from = to - most + 1;
	} else {
		from += skip;
		if (most >= 0 && to - from + 1 > most)
			to = from + most - 1;
	}
	return members(c->key, from, to, reversed, find_word(c, 4, "WITHSCORES") != 0);
}

static redisReply *
do_zrangebyscore(struct call *c)
{
	return by_score(c, false);
}

static redisReply *
do_zrevrangebyscore(struct call *c)
{
	return by_score(c, true);
}

static redisReply *
do_zcount(struct call *c)
{
	long from, to;

	between(c->key, c->argv[2], c->argv[3], &from, &to);
	return store_reply_integer(to >= from ? to - from + 1 : 0);
}

static redisReply *
do_zremrangebyscore(struct call *c)
{
	long from, to, count;

	between(c->key, c->argv[2], c->argv[3], &from, &to);
	count = to >= from ? to - from + 1 : 0;
	for (long i = 0; i < count; i++)
		store_remove(c->key, (size_t)from);
	drop_if_empty(c->key);
	return store_reply_integer(count);
}

static redisReply *
do_zscore(struct call *c)
{
	long at = store_position(c->key, c->argv[2]);

	return at < 0 ? store_reply_text(NULL) : reply_score(c->key->items[at].score);
}

static redisReply *
do_zrank(struct call *c)
{
	long at = store_position(c->key, c->argv[2]);

	return at < 0 ? store_reply_text(NULL) : store_reply_integer(at);
}

static redisReply *
do_zpopmin(struct call *c)
{
	long most = c->argc > 2 ? number(c->argv[2]) : 1;
	redisReply *reply;

	if (c->key == NULL)
		return store_reply_array(0);
	if (most > (long)c->key->count)
		most = (long)c->key->count;
	reply = members(c->key, 0, most - 1, false, true);
	while (most-- > 0)
		store_remove(c->key, 0);
	drop_if_empty(c->key);
	return reply;
}

/* ---- the rest ---- */

/* Nobody reads the events: that a stream exists is enough. */
static redisReply *
do_xadd(struct call *c)
{
	(void)store_make(c->argv[1], STORE_STREAM);
	return store_reply_text("1-1");
}

static redisReply *
do_xtrim(struct call *c)
{
	(void)c;
	return store_reply_integer(0);
}

static redisReply *
do_time(struct call *c)
{
	int64_t ms = sim_now_ms() + SIM_WALL_MS;
	redisReply *reply = store_reply_array(2);
	char text[24];

	(void)c;
	snprintf(text, sizeof(text), "%lld", (long long)(ms / 1000));
	reply->element[0] = store_reply_text(text);
	snprintf(text, sizeof(text), "%lld", (long long)(ms % 1000 * 1000));
	reply->element[1] = store_reply_text(text);
	return reply;
}

static redisReply *
do_ping(struct call *c)
{
	(void)c;
	return store_reply_status("PONG");
}

static redisReply *
do_info(struct call *c)
{
	(void)c;
	return store_reply_text("maxmemory_policy:noeviction\r\n");
}

static const struct command {
	const char *name;
	int argc; /* at least */
	bool changes;
	redisReply *(*run)(struct call *c);
} commands[] = {
	{"GET", 2, false, do_get},
	{"HMGET", 3, false, do_hmget},
	{"EXISTS", 2, false, do_exists},
	{"XADD", 3, false, do_xadd},
	{"HSET", 4, true, do_hset},
	{"ZADD", 4, true, do_zadd},
	{"TIME", 1, false, do_time},
	{"SET", 3, true, do_set},
	{"DEL", 2, true, do_del},
	{"LLEN", 2, false, do_count},
	{"HGET", 3, false, do_hget},
	{"INCR", 2, true, do_incr},
	{"PEXPIRE", 3, true, do_pexpire},
	{"EXPIRE", 3, true, do_expire},
	{"PTTL", 2, false, do_pttl},
	{"TYPE", 2, false, do_type},
	{"HDEL", 3, true, do_remove_members},
	{"SREM", 3, true, do_remove_members},
	{"ZREM", 3, true, do_remove_members},
	{"SCARD", 2, false, do_count},
	{"ZCARD", 2, false, do_count},
	{"LINDEX", 3, false, do_lindex},
	{"LPOS", 3, false, do_lpos},
	{"LPUSH", 3, true, do_lpush},
	{"RPUSH", 3, true, do_rpush},
	{"LRANGE", 4, false, do_lrange},
	{"LREM", 4, true, do_lrem},
	{"LTRIM", 4, true, do_ltrim},
	{"RPOPLPUSH", 3, true, do_rpoplpush},
	{"SADD", 3, true, do_sadd},
	{"SMEMBERS", 2, false, do_smembers},
	{"ZRANGE", 4, false, do_zrange},
	{"ZRANGEBYSCORE", 4, false, do_zrangebyscore},
	{"ZREVRANGEBYSCORE", 4, false, do_zrevrangebyscore},
	{"ZCOUNT", 4, false, do_zcount},
	{"ZREMRANGEBYSCORE", 4, true, do_zremrangebyscore},
	{"ZSCORE", 3, false, do_zscore},
	{"ZRANK", 3, false, do_zrank},
	{"ZPOPMIN", 2, true, do_zpopmin},
	{"XTRIM", 4, false, do_xtrim},
	{"PING", 1, false, do_ping},
	{"INFO", 1, false, do_info},
};

redisReply *
store_command(int argc, const char *const *argv)
{
	const size_t count = sizeof(commands) / sizeof(commands[0]);

	for (size_t i = 0; i < count; i++) {
		const struct command *command = &commands[i];
		struct call c = {.argc = argc, .argv = argv};

		if (strcasecmp(command->name, argv[0]) != 0)
			continue;
		if (argc < command->argc)
			return store_reply_error("ERR wrong number of arguments for '%s'", argv[0]);
		if (command->changes)
			store_before_change();
		if (argc > 1)
			c.key = store_find(argv[1]);
		/* The reply holds nothing of it. */
		/* cppcheck-suppress returnDanglingLifetime */
		return command->run(&c);
	}
	fprintf(stderr, "simulator: its Redis does not know %s\n", argv[0]);
	abort();
}
