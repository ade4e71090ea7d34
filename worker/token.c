/*
 * token.c - a fresh access token for a user.                            [worker]
 */
#include "worker/token.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "worker/token_pair.h"

#define LEASE_MS       90000 /* longer than the longest refresh request may take */
#define OTHERS_WAIT_MS 400

static const char token_lease_sql[] =
#include "worker/sql/token_lease.sql.h"
	;
static const char token_read_sql[] =
#include "worker/sql/token_read.sql.h"
	;
static const char token_store_sql[] =
#include "worker/sql/token_store.sql.h"
	;
static const char token_release_sql[] =
#include "worker/sql/token_release.sql.h"
	;
static const char token_refused_sql[] =
#include "worker/sql/token_refused.sql.h"
	;
static const char token_dead_sql[] =
#include "worker/sql/token_dead.sql.h"
	;

#define STATEMENT(var)                                                                             \
	static const struct postgres_statement var = {.name = "publisher_" #var, .sql = var##_sql}
STATEMENT(token_lease);
STATEMENT(token_read);
STATEMENT(token_store);
STATEMENT(token_release);
STATEMENT(token_refused);
STATEMENT(token_dead);

const char token_dead_message[] = "DeviantArt no longer accepts the login of this account. Please "
				  "connect your DeviantArt account again, "
				  "then schedule the post anew.";

struct token_keeper {
	const struct config *config;
	struct redis *redis;
	struct postgres *postgres;
	struct deviantart *deviantart;
	const char *holder;
	struct token_pair *unsettled; /* NULL: nothing is held */
};

struct token_keeper *
token_keeper_new(const struct config *config, struct redis *redis, struct postgres *postgres,
		 struct deviantart *deviantart, const char *holder)
{
	struct token_keeper *keeper = calloc(1, sizeof(*keeper));

	if (keeper == NULL)
		return NULL;
	keeper->config = config;
	keeper->redis = redis;
	keeper->postgres = postgres;
	keeper->deviantart = deviantart;
	keeper->holder = holder;
	return keeper;
}

void
token_keeper_free(struct token_keeper *keeper)
{
	if (keeper == NULL)
		return;
	token_pair_free(keeper->unsettled);
	free(keeper);
}

/* ---- PostgreSQL ---- */

static bool
read_tokens(struct token_keeper *keeper, struct deviation *deviation, struct failure *why)
{
	const char *const values[] = {deviation->user_id};
	PGresult *result =
		POSTGRES_RESULT(postgres_run(keeper->postgres, &token_read, 1, values, why));
	bool done = false;

	if (result == NULL)
		return false;
	if (PQntuples(result) != 1)
		failure_set(why, FAILURE_VALIDATION_ERROR,
			    "the user of this deviation does not exist any more");
	else
		done = deviation_set_tokens(deviation, PQgetvalue(result, 0, 0),
					    PQgetvalue(result, 0, 1),
					    strtoll(PQgetvalue(result, 0, 2), NULL, 10), why);
	if (done)
		deviation->refresh_left_ms = strtoll(PQgetvalue(result, 0, 3), NULL, 10);
	/* libpq keeps the answer in one block; its tokens are wiped before that block goes back to
	 * the heap. */
	for (int col = 0; PQntuples(result) == 1 && col < 2; col++)
		explicit_bzero(PQgetvalue(result, 0, col), (size_t)PQgetlength(result, 0, col));
	PQclear(result);
	return done;
}

/* *stored false: the row does not hold the old token any more (a new login, or a Node process that
 * refreshed). */
static bool
store(struct token_keeper *keeper, const struct token_pair *pair, bool *stored, struct failure *why)
{
	char seconds[24];
	int64_t left_s = (pair->expires_at_ms - clock_wall_ms()) / 1000;
	const char *const values[] = {pair->user_id, pair->old_refresh, pair->access, pair->refresh,
				      seconds};
	PGresult *result;

	snprintf(seconds, sizeof(seconds), "%lld", (long long)left_s);
	result = POSTGRES_RESULT(postgres_run(keeper->postgres, &token_store, 5, values, why));
	if (result == NULL)
		return false;
	*stored = strcmp(PQgetvalue(result, 0, 0), "1") == 0;
	PQclear(result);
	return true;
}

/*
 * The pair in memory goes into the row. Where PostgreSQL cannot be told it stays in memory and is
 * parked in Redis as well, each time anew: a Redis that came back empty has forgotten it. False:
 * not in the row.
 */
static bool
commit_unsettled(struct token_keeper *keeper, struct failure *why)
{
	struct token_pair *pair = keeper->unsettled;
	bool stored;

	if (pair == NULL)
		return true;
	if (!store(keeper, pair, &stored, why)) {
		token_pair_park(keeper->redis, keeper->config->deviantart_client_secret, pair);
		return false;
	}
	if (pair->parked)
		token_pair_unpark(keeper->redis, pair->user_id);
	token_pair_free(pair);
	keeper->unsettled = NULL;
	return true;
}

enum lease {
	LEASE_TAKEN,
	LEASE_OTHERS,  /* somebody else refreshes this user's token now */
	LEASE_REFUSED, /* this very token was presented a short while ago, and is dead */
};

static bool
take_lease(struct token_keeper *keeper, const struct deviation *deviation, enum lease *lease,
	   struct failure *why)
{
	char digest[TOKEN_DIGEST_SIZE], lease_ms[16];
	const char *const values[] = {deviation->user_id, keeper->holder, digest, lease_ms};
	PGresult *result;

	token_digest(deviation->refresh_token, digest);
	snprintf(lease_ms, sizeof(lease_ms), "%d", LEASE_MS);
	result = POSTGRES_RESULT(postgres_run(keeper->postgres, &token_lease, 4, values, why));
	if (result == NULL)
		return false;
	if (PQntuples(result) == 0)
		*lease = LEASE_OTHERS;
	else
		*lease = strcmp(PQgetvalue(result, 0, 0), "taken") == 0 ? LEASE_TAKEN
									: LEASE_REFUSED;
	PQclear(result);
	return true;
}

/* A lease that PostgreSQL could not be told the end of ends by itself. */
static void
end_lease(struct token_keeper *keeper, const struct postgres_statement *how, const char *user_id)
{
	const char *const values[] = {user_id, keeper->holder};

	PQclear(POSTGRES_RESULT(postgres_run(keeper->postgres, how, 2, values, NULL)));
}

bool
token_settle(struct token_keeper *keeper, struct failure *why)
{
	struct token_pair *pair = keeper->unsettled;
	char *user_id;
	bool safe;

	if (pair == NULL)
		return true;
	user_id = strdup(pair->user_id);
	safe = commit_unsettled(keeper, why);
	/* The refresh that the pair came from is over only now; without memory its lease ends by
	 * itself. */
	if (safe && user_id != NULL)
		end_lease(keeper, &token_release, user_id);
	free(user_id);
	/* Parked and in memory will do for now: whoever needs the user's token next finds it. */
	return safe || pair->parked;
}

/* ---- refreshing ---- */

bool
token_is_fresh(const struct deviation *deviation)
{
	return deviation->token_left_ms >= TOKEN_REFRESH_BELOW_MS;
}

/* Sleeps, but not through a stop. */
static bool
wait_under(const struct watch *watch, int64_t ms, struct failure *why)
{
	int64_t end_ms = clock_mono_ms() + ms;

	for (int64_t left; (left = end_ms - clock_mono_ms()) > 0;) {
		struct pollfd fd = {.fd = watch != NULL ? watch->wake_fd : -1, .events = POLLIN};

		if (poll(&fd, 1, (int)(left < 500 ? left : 500)) < 0 && errno != EINTR)
			return failure_set(why, FAILURE_AWAY, "poll failed");
		if (watch != NULL && watch->go_on != NULL && !watch->go_on(watch->arg, why))
			return false;
	}
	return true;
}

/* Whatever happens from here on, the new pair is not lost. */
static bool
settle_new_pair(struct token_keeper *keeper, struct deviation *deviation, struct token_pair *pair,
		struct deviantart_tokens *tokens, struct failure *why)
{
	pair->access = tokens->access_token;
	pair->refresh = tokens->refresh_token;
	tokens->access_token = NULL;
	tokens->refresh_token = NULL;
	pair->expires_at_ms = clock_wall_ms() + tokens->expires_in_s * 1000;
	keeper->unsettled = pair;
	token_pair_park(keeper->redis, keeper->config->deviantart_client_secret,
			pair); /* first: a crash before the commit below must not lose it */
	if (!commit_unsettled(keeper, why))
		return false;
	/* The row is the truth, also where somebody else was faster. */
	return read_tokens(keeper, deviation, why);
}

/*
 * DeviantArt says the refresh token is no good. It is believed only when the row, read again after
 * 1 s and after 4 s more, still holds that very token: somebody without our lease (a Node process)
 * may just have refreshed it.
 */
static bool
doubt_refusal(struct token_keeper *keeper, struct deviation *deviation, const struct watch *watch,
	      struct failure *why)
{
	static const int64_t waits_ms[] = {1000, 3000};
	struct failure refusal = *why;
	char *presented = strdup(deviation->refresh_token);
	bool changed = false;

	if (presented == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	for (size_t i = 0; !changed && i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		if (!wait_under(watch, waits_ms[i], why) || !read_tokens(keeper, deviation, why)) {
			text_free_secret(presented);
			return false;
		}
		changed = strcmp(presented, deviation->refresh_token) != 0;
	}
	text_free_secret(presented);
	if (changed)
		return true;
	*why = refusal;
	return false;
}

/*
 * A pair that cannot be opened is in the way: it may be the newest, and then the token in the row
 * is spent. It is set aside only where the row, read after it, proves that it is not.
 */
static bool
pass_superseded(struct token_keeper *keeper, struct deviation *deviation, const char *unopened,
		struct failure *why)
{
	if (!read_tokens(keeper, deviation, why))
		return false;
	if (!token_pair_is_superseded(unopened, deviation->refresh_token))
		return token_pair_cannot_be_opened(deviation->user_id, why);
	return token_pair_set_aside(keeper->redis, deviation->user_id, unopened, why);
}

/* A pair that somebody parked goes into the row; that needs no lease, it is a compare-and-set. */
static bool
settle_parked(struct token_keeper *keeper, struct deviation *deviation, struct failure *why)
{
	struct token_pair *parked;
	char *unopened;
	bool passed;

	if (!token_pair_read_parked(keeper->redis, keeper->config->deviantart_client_secret,
				    deviation->user_id, &parked, &unopened, why))
		return false;
	if (parked == NULL && unopened == NULL)
		return true;
	if (parked == NULL) {
		passed = pass_superseded(keeper, deviation, unopened, why);
		free(unopened);
		return passed;
	}
	keeper->unsettled = parked;
	return commit_unsettled(keeper, why);
}

/* What is parked or was stored by another in the meantime is as good as ours; *served: it will do.
 */
static bool
use_others(struct token_keeper *keeper, struct deviation *deviation, const char *refused_access,
	   bool *served, struct failure *why)
{
	if (!settle_parked(keeper, deviation, why) || !read_tokens(keeper, deviation, why))
		return false;
	*served = token_is_fresh(deviation) &&
		  (refused_access == NULL || strcmp(refused_access, deviation->access_token) != 0);
	return true;
}

static bool
refresh_under_lease(struct token_keeper *keeper, struct deviation *deviation,
		    const char *refused_access, const struct watch *watch,
		    const struct watch *request_watch, struct failure *why)
{
	struct deviantart_tokens tokens = {0};
	struct token_pair *pair;
	bool served, done;

	if (!use_others(keeper, deviation, refused_access, &served, why))
		return false;
	if (served)
		return true;
	if (deviation->refresh_left_ms <= 0)
		return failure_set(why, FAILURE_REFRESH_TOKEN_EXPIRED,
				   "the login of this account is past its date");
	pair = token_pair_new(deviation->user_id, deviation->refresh_token);
	if (pair == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	done = deviantart_refresh(keeper->deviantart, deviation->refresh_token, request_watch,
				  &tokens, why);
	if (done)
		return settle_new_pair(keeper, deviation, pair, &tokens, why);
	token_pair_free(pair);
	if (why->category != FAILURE_REFRESH_TOKEN_EXPIRED)
		return false;
	if (doubt_refusal(keeper, deviation, watch, why))
		return true;
	if (why->category == FAILURE_REFRESH_TOKEN_EXPIRED)
		end_lease(keeper, &token_refused, deviation->user_id);
	return false;
}

/* Somebody else holds the lease, or held it and was refused: a pair may be parked, or a new one in
 * the row. */
static bool
without_lease(struct token_keeper *keeper, struct deviation *deviation, const char *refused_access,
	      bool refused, struct failure *why)
{
	bool served;

	if (!use_others(keeper, deviation, refused_access, &served, why))
		return false;
	if (served)
		return true;
	if (refused)
		return failure_set(why, FAILURE_REFRESH_TOKEN_EXPIRED,
				   "DeviantArt refused the refresh token of this account a short "
				   "while ago, and it is still the one that is stored");
	failure_set(why, FAILURE_AWAY, "another worker refreshes this user's token");
	why->wait_ms = OTHERS_WAIT_MS;
	why->absent = FAILURE_ABSENT_TOKEN;
	return false;
}

bool
token_fresh(struct token_keeper *keeper, struct deviation *deviation, bool force,
	    const struct watch *watch, const struct watch *request_watch, bool *refreshed,
	    struct failure *why)
{
	char *refused_access;
	enum lease lease;

	*refreshed = false;
	if (!deviation->user_found)
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "the user of this deviation does not exist");
	if (!force && token_is_fresh(deviation))
		return true;
	/* One pair is held at a time: before another is asked for, that one has to lie in its row.
	 */
	if (!commit_unsettled(keeper, why) || !take_lease(keeper, deviation, &lease, why))
		return false;
	refused_access = force ? strdup(deviation->access_token) : NULL;
	if (lease == LEASE_TAKEN) {
		*refreshed = refresh_under_lease(keeper, deviation, refused_access, watch,
						 request_watch, why);
		/* While the pair is not in the row, nobody else may present the spent token. */
		if (keeper->unsettled == NULL)
			end_lease(keeper, &token_release, deviation->user_id);
	} else {
		*refreshed = without_lease(keeper, deviation, refused_access,
					   lease == LEASE_REFUSED, why);
	}
	text_free_secret(refused_access);
	return *refreshed;
}

bool
token_login_dead(struct token_keeper *keeper, const struct deviation *deviation, char **ids,
		 struct failure *why)
{
	const char *const values[] = {deviation->user_id, token_dead_message, deviation->id};
	PGresult *result =
		POSTGRES_RESULT(postgres_run(keeper->postgres, &token_dead, 3, values, why));
	cJSON *array;

	if (result == NULL)
		return false;
	array = cJSON_CreateArray();
	for (int row = 0; row < PQntuples(result); row++)
		cJSON_AddItemToArray(array, cJSON_CreateString(PQgetvalue(result, row, 0)));
	PQclear(result);
	*ids = cJSON_PrintUnformatted(array);
	cJSON_Delete(array);
	return *ids != NULL || failure_set(why, FAILURE_AWAY, "out of memory");
}
