/*
 * token_pair.c - a pair of tokens on its way from DeviantArt into PostgreSQL.   [worker]
 */
#include "worker/token_pair.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_memory.h"
#include "common/log.h"
#include "common/redis.h"
#include "common/text.h"
#include "worker/seal.h"

#define REDIS_TIMEOUT_MS 3000
#define PARKED_FOR       "7776000" /* seconds: as long as the refresh token lives (90 days) */
#define DIGEST_MARK      '.'       /* between digest and seal; base64 has none */

static const char set_aside_lua[] =
#include "worker/lua/set_aside.lua.h"
	;

void
token_pair_free(struct token_pair *pair)
{
	if (pair == NULL)
		return;
	free(pair->user_id);
	text_free_secret(pair->old_refresh);
	text_free_secret(pair->access);
	text_free_secret(pair->refresh);
	free(pair);
}

struct token_pair *
token_pair_new(const char *user_id, const char *old_refresh)
{
	struct token_pair *pair = calloc(1, sizeof(*pair));

	if (pair == NULL)
		return NULL;
	pair->user_id = strdup(user_id);
	pair->old_refresh = strdup(old_refresh);
	if (pair->user_id == NULL || pair->old_refresh == NULL) {
		token_pair_free(pair);
		return NULL;
	}
	return pair;
}

void
token_digest(const char *token, char out[TOKEN_DIGEST_SIZE])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	out[0] = '\0';
	if (EVP_Digest(token, strlen(token), sum, &size, EVP_sha256(), NULL) != 1)
		return;
	for (unsigned i = 0; i < size && 2 * i + 2 < TOKEN_DIGEST_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

/* ---- parking ---- */

static bool
parking_key(const char *user_id, char *out, size_t out_size)
{
	return snprintf(out, out_size, "isekai-publisher:parked-token:%s", user_id) < (int)out_size;
}

static bool
aside_key(const char *user_id, char *out, size_t out_size)
{
	return snprintf(out, out_size, "isekai-publisher:set-aside-token:%s", user_id) <
	       (int)out_size;
}

/* cJSON frees what it holds as it is; these texts are tokens. */
static void
delete_wiped(cJSON *object)
{
	for (cJSON *item = object != NULL ? object->child : NULL; item != NULL; item = item->next) {
		if (item->valuestring != NULL)
			explicit_bzero(item->valuestring, strlen(item->valuestring));
	}
	cJSON_Delete(object);
}

/* The pair as JSON; wiped by the caller. */
static char *
pair_text(const struct token_pair *pair)
{
	cJSON *object = cJSON_CreateObject();
	char *text = NULL;

	if (cJSON_AddStringToObject(object, "old", pair->old_refresh) != NULL &&
	    cJSON_AddStringToObject(object, "access", pair->access) != NULL &&
	    cJSON_AddStringToObject(object, "refresh", pair->refresh) != NULL &&
	    cJSON_AddNumberToObject(object, "expires_at_ms", (double)pair->expires_at_ms) != NULL)
		text = cJSON_PrintUnformatted(object);
	delete_wiped(object);
	return text;
}

/* What lies in Redis; free(). NULL: out of memory. */
static char *
parked_text(const char *client_secret, const struct token_pair *pair)
{
	char digest[TOKEN_DIGEST_SIZE], *parked = NULL;
	char *text = pair_text(pair);
	char *sealed = text == NULL ? NULL : seal_close(client_secret, pair->user_id, text);

	token_digest(pair->old_refresh, digest);
	/* A seal alone is as good, but for who cannot open it. */
	if (sealed != NULL && digest[0] == '\0')
		parked = strdup(sealed);
	else if (sealed != NULL && asprintf(&parked, "%s%c%s", digest, DIGEST_MARK, sealed) < 0)
		parked = NULL;
	text_free_secret(text);
	free(sealed);
	return parked;
}

bool
token_pair_park(struct redis *redis, const char *client_secret, struct token_pair *pair)
{
	char key[300];
	char *parked = parked_text(client_secret, pair);
	const char *argv[] = {"SET", key, parked, "EX", PARKED_FOR};
	redisReply *reply = NULL;

	if (parked != NULL && parking_key(pair->user_id, key, sizeof(key)))
		reply = redis_call(redis, REDIS_TIMEOUT_MS, NULL, 5, argv, NULL);
	pair->parked = reply != NULL;
	redis_reply_free(reply);
	free(parked);
	return pair->parked;
}

void
token_pair_unpark(struct redis *redis, const char *user_id)
{
	char key[300];
	const char *argv[] = {"DEL", key};

	if (parking_key(user_id, key, sizeof(key)))
		redis_reply_free(redis_call(redis, REDIS_TIMEOUT_MS, NULL, 2, argv, NULL));
}

static char *
text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text == NULL ? NULL : strdup(text);
}

static struct token_pair *
pair_from_text(const char *user_id, const char *text)
{
	cJSON *object = cJSON_Parse(text);
	struct token_pair *pair = calloc(1, sizeof(*pair));

	if (pair != NULL && object != NULL) {
		pair->user_id = strdup(user_id);
		pair->old_refresh = text_of(object, "old");
		pair->access = text_of(object, "access");
		pair->refresh = text_of(object, "refresh");
		pair->expires_at_ms = (int64_t)cJSON_GetNumberValue(
			cJSON_GetObjectItemCaseSensitive(object, "expires_at_ms"));
		pair->parked = true;
	}
	delete_wiped(object);
	if (pair == NULL || pair->user_id == NULL || pair->old_refresh == NULL ||
	    pair->access == NULL || pair->refresh == NULL) {
		token_pair_free(pair);
		return NULL;
	}
	return pair;
}

/* The seal in what lies in Redis; an older publisher put nothing before it. */
static const char *
seal_in(const char *parked)
{
	const char *mark = strchr(parked, DIGEST_MARK);

	return mark != NULL ? mark + 1 : parked;
}

bool
token_pair_read_parked(struct redis *redis, const char *client_secret, const char *user_id,
		       struct token_pair **pair, char **unopened, struct failure *why)
{
	char key[300];
	const char *argv[] = {"GET", key};
	redisReply *reply;
	char *text = NULL;
	bool done = true;

	*pair = NULL;
	*unopened = NULL;
	if (!parking_key(user_id, key, sizeof(key)))
		return true;
	reply = redis_call(redis, REDIS_TIMEOUT_MS, why, 2, argv, NULL);
	if (reply == NULL) {
		why->category =
			FAILURE_AWAY; /* whatever Redis has against it is not the post's fault */
		return false;
	}
	if (reply->type == REDIS_REPLY_STRING) {
		unsigned denied = json_memory_denied();

		text = seal_open(client_secret, user_id, seal_in(reply->str));
		*pair = text != NULL ? pair_from_text(user_id, text) : NULL;
		/* Passed over, it would be lost: the token in the row is spent. */
		if (*pair == NULL && json_memory_denied() == denied)
			*unopened = strdup(reply->str);
		done = *pair != NULL || *unopened != NULL ||
		       failure_set(why, FAILURE_AWAY, "out of memory for a parked token pair");
	}
	text_free_secret(text);
	redis_reply_free(reply);
	return done;
}

bool
token_pair_is_superseded(const char *unopened, const char *refresh_token)
{
	const char *mark = strchr(unopened, DIGEST_MARK);
	char digest[TOKEN_DIGEST_SIZE];

	token_digest(refresh_token, digest);
	if (mark == NULL || mark - unopened != TOKEN_DIGEST_SIZE - 1 || digest[0] == '\0' ||
	    strspn(unopened, "0123456789abcdef") != TOKEN_DIGEST_SIZE - 1)
		return false;
	return memcmp(unopened, digest, TOKEN_DIGEST_SIZE - 1) != 0;
}

bool
token_pair_set_aside(struct redis *redis, const char *user_id, const char *unopened,
		     struct failure *why)
{
	static struct redis_script script = {.source = set_aside_lua};
	char from[300], to[300];
	const char *argv[] = {from, to, unopened};
	redisReply *reply;
	bool moved;

	if (!parking_key(user_id, from, sizeof(from)) || !aside_key(user_id, to, sizeof(to)))
		return failure_set(why, FAILURE_AWAY, "the key of a parked token pair is too long");
	reply = redis_eval(redis, &script, REDIS_TIMEOUT_MS, why, 2, 3, argv, NULL);
	if (reply == NULL) {
		why->category = FAILURE_AWAY;
		return false;
	}
	moved = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
	redis_reply_free(reply);
	if (!moved)
		return failure_set(why, FAILURE_AWAY,
				   "another token pair was parked in the meantime");
	log_event(LOG_WARN,
		  "A parked token pair that cannot be opened is set aside: the account has a newer "
		  "login since",
		  (struct log_field[]){LOG_STR("key", to), LOG_END});
	return true;
}

bool
token_pair_cannot_be_opened(const char *user_id, struct failure *why)
{
	char key[300];

	if (!parking_key(user_id, key, sizeof(key)))
		key[0] = '\0';
	return failure_set(why, FAILURE_OPERATOR,
			   "a token pair that was parked in Redis (%s) cannot be opened; was "
			   "DEVIANTART_CLIENT_SECRET changed? With the old one it is stored; else "
			   "the artist has to connect again, and if the posts still wait then, "
			   "the key may be deleted",
			   key);
}
