/*
 * command_lists.c - lists and sets of a simulated Redis.                 [simulator]
 */
#include "tests/chaos/simulator/command.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/chaos/simulator/sim.h"

static redisReply *
do_lindex(struct call *c)
{
	long at = call_number(c->argv[2]);

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
	if (call_wrong_type(c, STORE_LIST))
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

	if (!call_range(c->key, c->argv[2], c->argv[3], &from, &to))
		return store_reply_array(0);
	reply = store_reply_array((size_t)(to - from + 1));
	for (long i = from; i <= to; i++)
		reply->element[i - from] = store_reply_text(c->key->items[i].text);
	return reply;
}

static redisReply *
do_lrem(struct call *c)
{
	long long most = call_number(c->argv[2]), removed = 0;
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
	store_drop_if_empty(c->key);
	return store_reply_integer(removed);
}

static redisReply *
do_ltrim(struct call *c)
{
	long from, to;

	if (c->key == NULL)
		return store_reply_status("OK");
	if (!call_range(c->key, c->argv[2], c->argv[3], &from, &to)) {
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

	if (call_wrong_type(c, STORE_LIST))
		return WRONGTYPE;
	if (c->key == NULL)
		return store_reply_text(NULL);
	reply = store_reply_text(c->key->items[c->key->count - 1].text);
	store_remove(c->key, c->key->count - 1);
	store_drop_if_empty(c->key);
	to = store_make(c->argv[2], STORE_LIST);
	store_insert(to, 0, reply->str, NULL, 0);
	return reply;
}

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

const struct command list_commands[] = {
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
	{0},
};
