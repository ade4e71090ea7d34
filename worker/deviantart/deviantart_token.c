/*
 * deviantart_token.c - POST oauth2/token: a new pair of tokens for the old refresh token. [worker]
 *
 * A refresh token is spent by the attempt (deviantart-api.md 3.3), so the request leaves this host
 * at most once, and an answer with tokens in it is used even where other members are missing.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_memory.h"
#include "worker/deviantart/answer_json.h"
#include "worker/deviantart/deviantart_internal.h"
#include "worker/deviantart/form.h"

#define DEFAULT_LIFE_S 3600
#define LONGEST_LIFE_S (24 * 3600)

#define MEMORY_TRIES    20
#define MEMORY_PAUSE_MS 50
#define ANSWER_BYTES    4096 /* a pair of tokens and what comes with it */

/* Tokens are opaque, but must be fit for a header: RFC 6750, 2.1 has visible ASCII only. */
static bool
is_token(const char *token)
{
	const char *at = token;

	while (at != NULL && *at > ' ' && *at < 0x7F)
		at++;
	return at != NULL && at > token && *at == '\0';
}

static int64_t
life_of(const struct cJSON *json)
{
	int64_t seconds;

	if (!answer_json_whole(json, "expires_in", &seconds) || seconds <= 0)
		return DEFAULT_LIFE_S;
	return seconds < LONGEST_LIFE_S ? seconds : LONGEST_LIFE_S;
}

/* RFC 6749, 6: an answer without a refresh token leaves the old one in force. *denied: there was no
 * memory for the two. */
static bool
take_tokens(const struct cJSON *json, const char *old_refresh_token,
	    struct deviantart_tokens *tokens, bool *denied)
{
	const char *access = answer_json_text(json, "access_token");
	const char *refresh = answer_json_text(json, "refresh_token");
	struct deviantart_tokens result = {0};

	if (refresh == NULL)
		refresh = old_refresh_token;
	if (!is_token(access) || !is_token(refresh))
		return false;
	result.access_token = strdup(access);
	result.refresh_token = strdup(refresh);
	result.expires_in_s = life_of(json);
	if (result.access_token == NULL || result.refresh_token == NULL) {
		*denied = true;
		deviantart_tokens_clear(&result);
		return false;
	}
	*tokens = result;
	return true;
}

static bool
read_once(const struct http_exchange *x, const char *old_refresh_token,
	  struct deviantart_tokens *tokens, bool *denied, struct failure *why)
{
	struct answer answer = http_exchange_answer(x, ENDPOINT_TOKEN);
	unsigned denied_before = json_memory_denied();
	struct cJSON *json;
	bool ok = false;

	*denied = false;
	if (classify_answer(&answer, why)) {
		json = answer_json_parse(x->body.data, x->body.size);
		ok = json != NULL && take_tokens(json, old_refresh_token, tokens, denied);
		answer_json_wipe(json);
		if (!ok)
			deviantart_unusable(x, ENDPOINT_TOKEN, "has no tokens", why);
	}
	*denied = *denied || json_memory_denied() != denied_before;
	return ok;
}

/* The new pair is in this answer and nowhere else: memory that is denied is asked for again, for as
 * long as a supervisor has patience. */
static bool
read_tokens(const struct http_exchange *x, const char *old_refresh_token,
	    struct deviantart_tokens *tokens, struct failure *why)
{
	bool denied, ok = read_once(x, old_refresh_token, tokens, &denied, why);

	for (int tries = 1; !ok && denied && tries < MEMORY_TRIES; tries++) {
		(void)poll(NULL, 0, MEMORY_PAUSE_MS);
		ok = read_once(x, old_refresh_token, tokens, &denied, why);
	}
	return ok;
}

bool
deviantart_refresh(struct deviantart *da, const char *refresh_token, const struct watch *watch,
		   struct deviantart_tokens *tokens, struct failure *why)
{
	struct http_exchange x = {0};
	struct form form = {0};
	bool ok = false;

	form_add(&form, "grant_type", "refresh_token");
	form_add(&form, "client_id", da->config->deviantart_client_id);
	form_add(&form, "client_secret", da->config->deviantart_client_secret);
	form_add(&form, "refresh_token", refresh_token);
	if (!deviantart_open(da, &x, "/oauth2/token", NULL, why) ||
	    !deviantart_set_form(&x, &form, why))
		goto out;
	http_exchange_set_fresh(&x);
	http_exchange_set_limits(&x, DEVIANTART_CONNECT_MS, DEVIANTART_TOKEN_MS);
	/* Before the old token is spent. */
	if (!http_body_reserve(&x.body, ANSWER_BYTES)) {
		http_no_memory(why);
		goto out;
	}
	if (http_exchange_run(&x, watch, why))
		ok = read_tokens(&x, refresh_token, tokens, why);
out:
	http_exchange_close(&x);
	form_free(&form);
	return ok || failure_prefix(why, "oauth2/token: ");
}

static void
wipe_text(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void
deviantart_tokens_clear(struct deviantart_tokens *tokens)
{
	wipe_text(tokens->access_token);
	wipe_text(tokens->refresh_token);
	*tokens = (struct deviantart_tokens){0};
}
