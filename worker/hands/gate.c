/*
 * gate.c - the commands breaker and limit: gates, shown and opened.    [commands]
 */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_memory.h"
#include "common/postgres.h"
#include "common/redis.h"
#include "worker/explain/complaint.h"
#include "worker/explain/words.h"
#include "worker/hands/gate_words.h"
#include "worker/hands/hands.h"
#include "worker/hands/output.h"
#include "worker/hands/servers.h"
#include "worker/hands/wake.h"

#define CALL_MS     5000
#define KEY_COUNT   6
#define KEY_SIZE    400
#define SHOWN_MOST  20 /* of those that hold something back, where nobody was named */
#define SHOWN_LAST  "19"
#define ID_MOST     300
#define CIRCUIT_KEY "circuit:deviantart:publish:"

static const char gate_hand_lua[] =
#include "worker/lua/ask.lua.h"
#include "worker/lua/gate_hand.lua.h"
	;
static const char missing_users_sql[] =
#include "worker/sql/missing_users.sql.h"
	;
static const struct postgres_statement missing_users = {.name = "publisher_missing_users",
							.sql = missing_users_sql};

struct handling {
	struct servers servers;
	enum hands_gate gate;
	bool reset, json, named;
	cJSON *gates;  /* json: what was said */
	int64_t shown; /* users */
	int exit_status;
};

/* ---- one gate ---- */

static const char *
text(const redisReply *element)
{
	return element->type == REDIS_REPLY_STRING ? element->str : "";
}

static int64_t
number(const redisReply *element, int64_t otherwise)
{
	if (element->type == REDIS_REPLY_INTEGER)
		return element->integer;
	return element->type == REDIS_REPLY_STRING ? strtoll(element->str, NULL, 10) : otherwise;
}

/* What gate_hand.lua is to open. */
static const char *
what_to_open(const struct handling *h, const struct gate_view *view)
{
	if (!h->reset || (h->gate == HANDS_LIMIT && view->is_application))
		return "";
	if (h->gate == HANDS_LIMIT)
		return "pace";
	return view->is_application ? "application" : "circuit";
}

static redisReply *
run_script(struct handling *h, const struct gate_view *view, struct failure *why)
{
	static struct redis_script script = {.source = gate_hand_lua};
	const struct config *config = h->servers.config;
	char keys[KEY_COUNT][KEY_SIZE], base[24];
	const char *argv[KEY_COUNT + 3];

	snprintf(keys[0], KEY_SIZE, "rate-limit:%s:state", view->who);
	snprintf(keys[1], KEY_SIZE, "rate-limit:%s:slots", view->who);
	snprintf(keys[2], KEY_SIZE, CIRCUIT_KEY "%s", view->who);
	snprintf(keys[3], KEY_SIZE, "circuit:deviantart:application");
	snprintf(keys[4], KEY_SIZE, "circuit:deviantart:index");
	snprintf(keys[5], KEY_SIZE, "rate-limit:index");
	snprintf(base, sizeof(base), "%" PRId64,
		 config->rate_limiter_enabled ? config->rate_limiter_base_delay_ms : 0);
	for (int i = 0; i < KEY_COUNT; i++)
		argv[i] = keys[i];
	argv[KEY_COUNT] = what_to_open(h, view);
	argv[KEY_COUNT + 1] = view->who;
	argv[KEY_COUNT + 2] = base;
	return redis_eval(h->servers.redis, &script, CALL_MS, why, KEY_COUNT, KEY_COUNT + 3, argv,
			  NULL);
}

/* The order is that of gate_hand.lua. */
static bool
read_gates(struct handling *h, struct gate_view *view, struct failure *why)
{
	enum { NOW, LIMITER, CIRCUIT, APPLICATION, IN_LINE, LAST_SLOT, ELEMENTS };
	redisReply *reply = run_script(h, view, why);
	bool good =
		reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == ELEMENTS;

	if (good) {
		view->now_ms = number(reply->element[NOW], 0);
		facts_read_gates(&view->gates, h->servers.config, view->now_ms,
				 text(reply->element[LIMITER]), text(reply->element[CIRCUIT]),
				 text(reply->element[APPLICATION]));
		view->in_line = number(reply->element[IN_LINE], 0);
		view->last_slot_ms = number(reply->element[LAST_SLOT], 0);
	} else if (reply != NULL) {
		failure_set(why, FAILURE_AWAY, "Redis: an answer of another shape");
	}
	redis_reply_free(reply);
	return good;
}

static void
say(struct handling *h, const struct gate_view *view, int64_t woken)
{
	char words[GATE_TEXT_SIZE];
	cJSON *object;

	if (!h->json) {
		printf("%s\n", gate_words(view, h->gate, h->reset, woken, words));
		return;
	}
	object = cJSON_CreateObject();
	gate_json(object, view, h->gate, h->reset, woken);
	cJSON_AddItemToArray(h->gates, object);
}

static struct gate_view
view_of(const struct handling *h, const char *who)
{
	const struct config *config = h->servers.config;

	return (struct gate_view){.who = who,
				  .is_application = strcmp(who, HANDS_APPLICATION) == 0,
				  .base_delay_ms = config->rate_limiter_enabled
							   ? config->rate_limiter_base_delay_ms
							   : FACTS_NONE,
				  .threshold = config->circuit_breaker_threshold,
				  .breaker_enabled = config->circuit_breaker_enabled};
}

/* Shows it, or opens it and says what it was. False: a server went away. */
static bool
handle(struct handling *h, const char *who)
{
	struct gate_view view = view_of(h, who);
	bool of_queue = view.is_application && h->gate == HANDS_LIMIT;
	struct failure why;
	int64_t woken = 0;
	int failed = EXIT_SUCCESS;

	if (!read_gates(h, &view, &why) ||
	    (of_queue && !queue_read_limits(h->servers.queue, h->reset, &view.limits, &why))) {
		h->exit_status = servers_redis_failed(&why);
		return false;
	}
	/* An index may still name what has opened by itself. */
	if (!h->named && !view.is_application && gate_is_open(&view, h->gate))
		return true;
	/* Its posts' jobs are in the queue for when it would have opened by itself. */
	if (h->reset && !of_queue && !gate_is_open(&view, h->gate))
		failed = wake_posts(&h->servers, view.is_application ? NULL : who, &woken);
	say(h, &view, woken);
	h->shown += !view.is_application;
	if (failed != EXIT_SUCCESS)
		h->exit_status = failed;
	return failed == EXIT_SUCCESS;
}

/* ---- those that were named ---- */

static cJSON *
names_as_json(int count, char *const *names)
{
	cJSON *array = cJSON_CreateArray();

	for (int i = 0; i < count; i++)
		if (strcmp(names[i], HANDS_APPLICATION) != 0)
			cJSON_AddItemToArray(array, cJSON_CreateString(names[i]));
	return array;
}

/* Which of them nobody is called; NULL: PostgreSQL could not tell. */
static PGresult *
find_missing(struct handling *h, int count, char *const *names)
{
	cJSON *array = names_as_json(count, names);
	char *json = cJSON_PrintUnformatted(array);
	const char *const values[] = {json};
	struct failure why;
	PGresult *missing = NULL;

	cJSON_Delete(array);
	if (json == NULL) {
		h->exit_status = complaint_of_memory();
		return NULL;
	}
	missing =
		POSTGRES_RESULT(postgres_run(h->servers.postgres, &missing_users, 1, values, &why));
	if (missing == NULL)
		h->exit_status = servers_postgres_failed(&why);
	cJSON_free(json);
	return missing;
}

static bool
is_missing(const PGresult *missing, const char *name)
{
	if (strlen(name) > ID_MOST) /* no key of ours holds it */
		return true;
	for (int row = 0; row < PQntuples(missing); row++)
		if (strcmp(PQgetvalue(missing, row, 0), name) == 0)
			return true;
	return false;
}

static void
handle_named(struct handling *h, int count, char *const *names)
{
	PGresult *missing = find_missing(h, count, names);
	bool goes_on = missing != NULL;

	for (int i = 0; goes_on && i < count; i++) {
		char clean[300];

		if (!is_missing(missing, names[i])) {
			goes_on = handle(h, names[i]);
			continue;
		}
		fprintf(stderr,
			"isekai-publisher: there is no user \"%s\"; the id is wanted, not the "
			"name\n",
			words_clean(clean, sizeof(clean), names[i]));
		h->exit_status = EXIT_FAILURE;
	}
	PQclear(missing);
}

/* ---- where nobody was named: all that hold something back ---- */

static const char *
user_of(const struct handling *h, const char *member)
{
	size_t size = strlen(CIRCUIT_KEY);

	if (h->gate == HANDS_LIMIT)
		return member;
	return strncmp(member, CIRCUIT_KEY, size) == 0 ? member + size : NULL;
}

/* The latest first. The index may still name what has opened by itself. */
static redisReply *
read_index(struct handling *h, struct failure *why)
{
	const char *const argv[] = {"ZREVRANGE",
				    h->gate == HANDS_BREAKER ? "circuit:deviantart:index"
							     : "rate-limit:index",
				    "0", SHOWN_LAST};
	redisReply *reply = redis_call(h->servers.redis, CALL_MS, why, 4, argv, NULL);

	if (reply == NULL || reply->type == REDIS_REPLY_ARRAY)
		return reply;
	redis_reply_free(reply);
	failure_set(why, FAILURE_AWAY, "Redis: an answer of another shape");
	return NULL;
}

static void
say_end_of_list(const struct handling *h, bool is_cut)
{
	if (h->json)
		return;
	if (h->shown == 0 && h->gate == HANDS_BREAKER)
		printf("no user's circuit is open\n");
	else if (h->shown == 0)
		printf("no user's posts wait for their pace\n");
	if (is_cut)
		printf("there may be more: those that last longest are shown, %d at most\n",
		       SHOWN_MOST);
}

static void
handle_all(struct handling *h)
{
	struct failure why;
	redisReply *index;
	bool done = handle(h, HANDS_APPLICATION);

	if (!done)
		return;
	index = read_index(h, &why);
	if (index == NULL) {
		h->exit_status = servers_redis_failed(&why);
		return;
	}
	for (size_t i = 0; done && i < index->elements; i++) {
		const char *user = user_of(h, text(index->element[i]));

		if (user != NULL && strlen(user) <= ID_MOST)
			done = handle(h, user);
	}
	if (done)
		say_end_of_list(h, index->elements == SHOWN_MOST);
	redis_reply_free(index);
}

static int
end(struct handling *h, unsigned denied)
{
	cJSON *object;

	if (!h->json)
		return h->exit_status;
	object = cJSON_CreateObject();
	cJSON_AddItemToObject(object, h->gate == HANDS_BREAKER ? "circuits" : "limits", h->gates);
	return output_json(object, denied, h->exit_status);
}

int
gate_command(const struct config *config, enum hands_gate gate, int count, char *const *users,
	     bool reset, bool json)
{
	struct handling h = {.gate = gate, .reset = reset, .json = json, .named = count > 0};
	unsigned denied;

	h.exit_status = servers_open(&h.servers, config, h.named ? SERVERS_BOTH : SERVERS_REDIS);
	denied = json_memory_denied();
	if (h.exit_status == EXIT_SUCCESS) {
		h.gates = json ? cJSON_CreateArray() : NULL;
		if (h.named)
			handle_named(&h, count, users);
		else
			handle_all(&h);
		h.exit_status = end(&h, denied);
	}
	servers_close(&h.servers);
	return h.exit_status;
}
