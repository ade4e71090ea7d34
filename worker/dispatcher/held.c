/*
 * held.c - who is held back, and until when, for /status.               [dispatcher]
 */
#include "worker/dispatcher/held.h"

#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/postgres.h"
#include "common/redis.h"

#define CALL_MS 2000
#define MOST    "8"
_Static_assert(SCOREBOARD_HELD_MOST == 8, "as many are asked for");

static const char held_lua[] =
#include "worker/lua/ask.lua.h"
#include "worker/lua/held.lua.h"
	;
static const char held_logins_sql[] =
#include "worker/sql/held_logins.sql.h"
	;
static const struct postgres_statement held_logins = {.name = "publisher_held_logins",
						      .sql = held_logins_sql};

/* Scores may be anybody's. */
static int64_t
number(const redisReply *element)
{
	double value = element->type == REDIS_REPLY_STRING ? strtod(element->str, NULL) : 0;

	if (element->type == REDIS_REPLY_INTEGER)
		return element->integer;
	return value > 0 && value < 9e15 ? (int64_t)value : 0;
}

static struct scoreboard_held_user *
add(struct held *held, enum held_by by, const char *id)
{
	struct scoreboard_held_user *user = &held->seen.by[by].users[held->seen.by[by].count++];

	*user = (struct scoreboard_held_user){.posts = 0};
	snprintf(user->id, sizeof(user->id), "%s", id);
	return user;
}

/* A list of `step` values a user: his id, until when, perhaps how many posts. */
static void
take(struct held *held, enum held_by by, const redisReply *total, const redisReply *list,
     size_t step)
{
	held->seen.by[by].total = number(total);
	held->seen.by[by].count = 0;
	for (size_t i = 0; i + step <= list->elements; i += step) {
		struct scoreboard_held_user *user;

		if (held->seen.by[by].count == SCOREBOARD_HELD_MOST ||
		    list->element[i]->type != REDIS_REPLY_STRING)
			break;
		user = add(held, by, list->element[i]->str);
		user->until_wall_ms = number(list->element[i + 1]);
		if (step > 2)
			user->posts = number(list->element[i + 2]);
	}
}

bool
held_at_gates(struct held *held, struct desk *desk, struct failure *why)
{
	static struct redis_script script = {.source = held_lua};
	enum { NOW, APPLICATION, CIRCUITS, CIRCUIT_LIST, PACES, PACE_LIST, ELEMENTS };
	const char *const argv[] = {"circuit:deviantart:index", "rate-limit:index", MOST};
	redisReply *reply = redis_eval(desk->redis, &script, CALL_MS, why, 2, 3, argv, NULL);

	if (reply == NULL)
		return false;
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == ELEMENTS &&
	    reply->element[CIRCUIT_LIST]->type == REDIS_REPLY_ARRAY &&
	    reply->element[PACE_LIST]->type == REDIS_REPLY_ARRAY) {
		held->seen.application_until_wall_ms = number(reply->element[APPLICATION]);
		take(held, HELD_BY_CIRCUIT, reply->element[CIRCUITS], reply->element[CIRCUIT_LIST],
		     2);
		take(held, HELD_BY_PACE, reply->element[PACES], reply->element[PACE_LIST], 3);
	}
	redis_reply_free(reply);
	held->seen.limited_until_wall_ms = desk->queue_limited_until_wall_ms;
	held->seen.queue_full = desk->queue_full;
	scoreboard_held_put(desk->board, &held->seen);
	return true;
}

bool
held_by_logins(struct held *held, struct desk *desk, struct failure *why)
{
	const char *const values[] = {MOST};
	PGresult *rows =
		POSTGRES_RESULT(postgres_run(desk->postgres, &held_logins, 1, values, why));

	/* A statement that is refused is no server that is away. */
	if (rows == NULL)
		return postgres_connected(desk->postgres);
	held->seen.by[HELD_BY_LOGIN].total =
		PQntuples(rows) > 0 ? strtoll(PQgetvalue(rows, 0, 2), NULL, 10) : 0;
	held->seen.by[HELD_BY_LOGIN].count = 0;
	for (int row = 0; row < PQntuples(rows) && row < SCOREBOARD_HELD_MOST; row++)
		add(held, HELD_BY_LOGIN, PQgetvalue(rows, row, 0))->until_wall_ms =
			strtoll(PQgetvalue(rows, row, 1), NULL, 10);
	PQclear(rows);
	return true;
}
