/*
 * command_zsets.c - sorted sets of a simulated Redis.                    [simulator]
 */
#include "tests/chaos/simulator/command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "(5", "-inf", "+inf" */
static double
bound(const char *text, bool *open)
{
	*open = text[0] == '(';
	return strtod(text + *open, NULL);
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

	if (call_wrong_type(c, STORE_ZSET))
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

	if (!call_range(c->key, c->argv[2], c->argv[3], &from, &to))
		return store_reply_array(0);
	return members(c->key, from, to, false, call_find_word(c, 4, "WITHSCORES") != 0);
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
	int limit = call_find_word(c, 4, "LIMIT");
	long from, to, skip = 0, most = -1;

	between(c->key, c->argv[reversed ? 3 : 2], c->argv[reversed ? 2 : 3], &from, &to);
	if (limit != 0) {
		skip = call_number(c->argv[limit + 1]);
		most = call_number(c->argv[limit + 2]);
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
	return members(c->key, from, to, reversed, call_find_word(c, 4, "WITHSCORES") != 0);
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
	store_drop_if_empty(c->key);
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
	long most = c->argc > 2 ? call_number(c->argv[2]) : 1;
	redisReply *reply;

	if (c->key == NULL)
		return store_reply_array(0);
	if (most > (long)c->key->count)
		most = (long)c->key->count;
	reply = members(c->key, 0, most - 1, false, true);
	while (most-- > 0)
		store_remove(c->key, 0);
	store_drop_if_empty(c->key);
	return reply;
}

const struct command zset_commands[] = {
	{"ZADD", 4, true, do_zadd},
	{"ZRANGE", 4, false, do_zrange},
	{"ZRANGEBYSCORE", 4, false, do_zrangebyscore},
	{"ZREVRANGEBYSCORE", 4, false, do_zrevrangebyscore},
	{"ZCOUNT", 4, false, do_zcount},
	{"ZREMRANGEBYSCORE", 4, true, do_zremrangebyscore},
	{"ZSCORE", 3, false, do_zscore},
	{"ZRANK", 3, false, do_zrank},
	{"ZPOPMIN", 2, true, do_zpopmin},
	{0},
};
