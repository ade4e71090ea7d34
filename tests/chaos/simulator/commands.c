/*
 * commands.c - the commands of a simulated Redis.                       [simulator]
 */
#include "tests/chaos/simulator/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/chaos/simulator/sim.h"

/* ---- reading arguments ---- */

bool
call_wrong_type(const struct call *c, enum store_type type)
{
	return c->key != NULL && c->key->type != type;
}

long long
call_number(const char *text)
{
	return strtoll(text, NULL, 10);
}

int
call_find_word(const struct call *c, int from, const char *word)
{
	for (int i = from; i < c->argc; i++) {
		if (strcasecmp(c->argv[i], word) == 0)
			return i;
	}
	return 0;
}

void
store_drop_if_empty(struct store_key *key)
{
	if (key != NULL && key->count == 0 && key->type != STORE_STREAM)
		store_delete(key);
}

bool
call_range(const struct store_key *key, const char *first, const char *last, long *from, long *to)
{
	long count = key == NULL ? 0 : (long)key->count;

	*from = call_number(first);
	*to = call_number(last);
	if (*from < 0)
		*from = *from + count > 0 ? *from + count : 0;
	if (*to < 0)
		*to += count;
	if (*to >= count)
		*to = count - 1;
	return *from <= *to;
}

/* ---- any key ---- */

redisReply *
call_remove_members(struct call *c)
{
	long long removed = 0;

	for (int i = 2; i < c->argc && c->key != NULL; i++) {
		long at = store_position(c->key, c->argv[i]);

		if (at < 0)
			continue;
		store_remove(c->key, (size_t)at);
		removed++;
	}
	store_drop_if_empty(c->key);
	return store_reply_integer(removed);
}

redisReply *
call_count(struct call *c)
{
	return store_reply_integer(c->key == NULL ? 0 : (long long)c->key->count);
}

/* ---- strings and keys ---- */

static redisReply *
do_get(struct call *c)
{
	if (call_wrong_type(c, STORE_STRING))
		return WRONGTYPE;
	return store_reply_text(c->key == NULL ? NULL : c->key->items[0].text);
}

static redisReply *
do_set(struct call *c)
{
	int px = call_find_word(c, 3, "PX"), ex = call_find_word(c, 3, "EX");
	int64_t expires_ms = 0;

	if (call_find_word(c, 3, "NX") != 0 && c->key != NULL)
		return store_reply_text(NULL);
	if (px != 0)
		expires_ms = sim_now_ms() + call_number(c->argv[px + 1]);
	if (ex != 0)
		expires_ms = sim_now_ms() + 1000 * call_number(c->argv[ex + 1]);
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

	if (call_wrong_type(c, STORE_STRING))
		return WRONGTYPE;
	value = c->key == NULL ? 1 : call_number(c->key->items[0].text) + 1;
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
	c->key->expires_ms = sim_now_ms() + unit_ms * call_number(c->argv[2]);
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
	return call_wrong_type(c, STORE_HASH) ? WRONGTYPE
					      : store_reply_text(field(c->key, c->argv[2]));
}

static redisReply *
do_hmget(struct call *c)
{
	redisReply *reply;

	if (call_wrong_type(c, STORE_HASH))
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

	if (call_wrong_type(c, STORE_HASH))
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

static const struct command other_commands[] = {
	{"GET", 2, false, do_get},
	{"HMGET", 3, false, do_hmget},
	{"EXISTS", 2, false, do_exists},
	{"XADD", 3, false, do_xadd},
	{"HSET", 4, true, do_hset},
	{"TIME", 1, false, do_time},
	{"SET", 3, true, do_set},
	{"DEL", 2, true, do_del},
	{"LLEN", 2, false, call_count},
	{"HGET", 3, false, do_hget},
	{"INCR", 2, true, do_incr},
	{"PEXPIRE", 3, true, do_pexpire},
	{"EXPIRE", 3, true, do_expire},
	{"PTTL", 2, false, do_pttl},
	{"TYPE", 2, false, do_type},
	{"HDEL", 3, true, call_remove_members},
	{"SREM", 3, true, call_remove_members},
	{"ZREM", 3, true, call_remove_members},
	{"SCARD", 2, false, call_count},
	{"ZCARD", 2, false, call_count},
	{"XTRIM", 4, false, do_xtrim},
	{"PING", 1, false, do_ping},
	{"INFO", 1, false, do_info},
	{0},
};

static const struct command *
find_command(const struct command *table, const char *name)
{
	for (; table->name != NULL; table++) {
		if (strcasecmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

redisReply *
store_command(int argc, const char *const *argv)
{
	const struct command *const tables[] = {other_commands, zset_commands, list_commands};
	const struct command *command = NULL;
	struct call c = {.argc = argc, .argv = argv};

	for (size_t i = 0; command == NULL && i < sizeof(tables) / sizeof(tables[0]); i++)
		command = find_command(tables[i], argv[0]);
	if (command == NULL) {
		fprintf(stderr, "simulator: its Redis does not know %s\n", argv[0]);
		abort();
	}
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
