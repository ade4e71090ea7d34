/*
 * tokens.c - access and refresh tokens.                                [sandbox]
 *
 * A refresh token is known for ever by its hash, so that the ledger can tell how often it was
 * presented after it was spent.
 */
#include "tests/sandbox/tokens.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/digest.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/limits.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/options.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"

#define SCOPE "user browse stash publish note message gallery"

struct token {
	char *text;
	struct user *user;
	int64_t expires_ms; /* wall clock */
	bool refresh;
	bool spent;
	int64_t presented_times;
};

struct tokens {
	struct token *list;
	size_t count;
};

struct tokens *
tokens_new(void)
{
	return memory_alloc(sizeof(struct tokens));
}

void
tokens_free(struct tokens *tokens)
{
	if (tokens == NULL)
		return;
	for (size_t i = 0; i < tokens->count; i++)
		free(tokens->list[i].text);
	free(tokens->list);
	free(tokens);
}

static struct token *
find_token(const struct tokens *tokens, const char *text, bool refresh)
{
	for (size_t i = tokens->count; i > 0; i--) {
		struct token *token = &tokens->list[i - 1];

		if (token->refresh == refresh && strcmp(token->text, text) == 0)
			return token;
	}
	return NULL;
}

static void
grant(struct tokens *tokens, struct user *user, const char *text, int64_t lifetime_ms, bool refresh)
{
	struct token *token = find_token(tokens, text, refresh);

	if (token == NULL) {
		tokens->list =
			memory_grow(tokens->list, (tokens->count + 1) * sizeof(*tokens->list));
		token = &tokens->list[tokens->count++];
		memset(token, 0, sizeof(*token));
		token->text = memory_text(text);
		token->refresh = refresh;
	}
	token->user = user;
	token->spent = false;
	token->expires_ms = text_now_ms() + lifetime_ms;
}

void
tokens_grant_access(struct tokens *tokens, struct user *user, const char *token,
		    int64_t lifetime_ms)
{
	grant(tokens, user, token, lifetime_ms, false);
}

void
tokens_grant_refresh(struct tokens *tokens, struct user *user, const char *token,
		     int64_t lifetime_ms)
{
	grant(tokens, user, token, lifetime_ms, true);
}

static void
limit_life(struct tokens *tokens, const struct user *user, bool refresh, int64_t lifetime_ms)
{
	for (size_t i = 0; i < tokens->count; i++)
		if (tokens->list[i].user == user && tokens->list[i].refresh == refresh)
			tokens->list[i].expires_ms = text_now_ms() + lifetime_ms;
}

void
tokens_limit_access(struct tokens *tokens, const struct user *user, int64_t lifetime_ms)
{
	limit_life(tokens, user, false, lifetime_ms);
}

void
tokens_limit_refresh(struct tokens *tokens, const struct user *user, int64_t lifetime_ms)
{
	limit_life(tokens, user, true, lifetime_ms);
}

static const char *
newest(const struct tokens *tokens, const struct user *user, bool refresh, int64_t *expires_ms)
{
	for (size_t i = tokens->count; i > 0; i--) {
		const struct token *token = &tokens->list[i - 1];

		if (token->user == user && token->refresh == refresh) {
			*expires_ms = token->expires_ms;
			return token->text;
		}
	}
	return NULL;
}

const char *
tokens_newest_access(const struct tokens *tokens, const struct user *user, int64_t *expires_ms)
{
	return newest(tokens, user, false, expires_ms);
}

const char *
tokens_newest_refresh(const struct tokens *tokens, const struct user *user, int64_t *expires_ms)
{
	return newest(tokens, user, true, expires_ms);
}

enum token_state
tokens_check(const struct tokens *tokens, const char *token, struct user **user)
{
	const struct token *found = find_token(tokens, token, false);

	if (found == NULL)
		return TOKEN_UNKNOWN;
	*user = found->user;
	return found->expires_ms > text_now_ms() ? TOKEN_VALID : TOKEN_EXPIRED;
}

struct user *
tokens_user_of_request(struct call *call)
{
	const char *text = fields_get(&call->body.fields, "refresh_token");
	const struct token *token =
		text != NULL ? find_token(call->sandbox->tokens, text, true) : NULL;

	return token != NULL ? token->user : NULL;
}

/* One line of the ledger for each presentation, whatever came of it. */
static void
note(struct call *call, const char *text, struct token *token, bool ok, const char *error)
{
	const char *user = token != NULL ? token->user->username : NULL;
	bool spent = token != NULL && token->spent;
	char hash[DIGEST_HEX_BYTES];
	struct ledger_keys keys = {.user = user, .id = hash, .accepted = ok, .again = spent};
	cJSON *record = cJSON_CreateObject();

	digest_of(text, strlen(text), hash);
	json_add_text(record, "user", user);
	json_add_text(record, "refresh_token_hash", hash);
	json_add_integer(record, "presented_times", token != NULL ? token->presented_times : 1);
	json_add_bool(record, "was_spent", spent);
	json_add_bool(record, "ok", ok);
	json_add_text(record, "error", error);
	ledger_add(call->sandbox->ledger, LEDGER_REFRESH, &keys, record);
}

void
tokens_note_presented(struct call *call)
{
	const char *text = fields_get(&call->body.fields, "refresh_token");
	struct token *token;

	if (text == NULL)
		return;
	token = find_token(call->sandbox->tokens, text, true);
	if (token != NULL)
		token->presented_times++;
	note(call, text, token, false, "refused before it was looked at");
}

/* "Basic base64(id:secret)". False if it is not that. */
static bool
basic_credentials(const char *header, char **id, char **secret)
{
	unsigned char decoded[1024];
	size_t length;
	const char *colon;
	int size;

	if (header == NULL || strncasecmp(header, "Basic ", 6) != 0)
		return false;
	header += 6 + strspn(header + 6, " ");
	length = strlen(header);
	if (length == 0 || length % 4 != 0 || length > 1300)
		return false;
	size = EVP_DecodeBlock(decoded, (const unsigned char *)header, (int)length);
	if (size < 0)
		return false;
	decoded[size] = '\0';
	colon = strchr((const char *)decoded, ':');
	if (colon == NULL)
		return false;
	*id = memory_text_n((const char *)decoded, (size_t)(colon - (const char *)decoded));
	*secret = memory_text(colon + 1);
	return true;
}

static bool
client_is_known(struct call *call)
{
	const struct options *options = call->sandbox->options;
	char *id = NULL, *secret = NULL;
	bool known;

	if (!basic_credentials(call->authorization, &id, &secret)) {
		id = memory_text(fields_get(&call->body.fields, "client_id"));
		secret = memory_text(fields_get(&call->body.fields, "client_secret"));
	}
	known = id != NULL && secret != NULL && strcmp(id, options->client_id) == 0 &&
		strcmp(secret, options->client_secret) == 0;
	free(id);
	free(secret);
	return known;
}

static void
issue_pair(struct call *call, struct user *user, struct answer *answer)
{
	struct tokens *tokens = call->sandbox->tokens;
	const struct settings *settings = &call->sandbox->settings;
	char *access = text_new_token(), *refresh = text_new_token();
	cJSON *json = cJSON_CreateObject();

	if (settings->refresh_revokes_access)
		tokens_limit_access(tokens, user, 0);
	tokens_grant_access(tokens, user, access, settings->access_token_lifetime_s * 1000);
	tokens_grant_refresh(tokens, user, refresh, settings->refresh_token_lifetime_s * 1000);
	json_add_integer(json, "expires_in", settings->access_token_lifetime_s);
	json_add_text(json, "status", "success");
	json_add_text(json, "access_token", access);
	json_add_text(json, "token_type", "Bearer");
	json_add_text(json, "refresh_token", refresh);
	json_add_text(json, "scope", SCOPE);
	answer_json(answer, 200, json);
	free(access);
	free(refresh);
}

static void
refresh(struct call *call, const char *text, struct answer *answer)
{
	struct token *token = find_token(call->sandbox->tokens, text, true);
	struct user *user = token != NULL ? token->user : NULL;
	bool good = token != NULL && !token->spent && token->expires_ms > text_now_ms();

	if (token != NULL)
		token->presented_times++;
	if (!good) {
		note(call, text, token, false,
		     token == NULL  ? "unknown"
		     : token->spent ? "spent"
				    : "expired");
		ledger_count_refused(call->sandbox->ledger, "refresh_token");
		answer_error(answer, 400, "invalid_request", "The refresh_token is invalid.");
		return;
	}
	note(call, text, token, true, NULL);
	token->spent = true;
	issue_pair(call, user, answer); /* may move the tokens: `token` ends here */
}

void
tokens_endpoint(struct call *call, struct answer *answer)
{
	const char *grant_type = fields_get(&call->body.fields, "grant_type");
	const char *text = fields_get(&call->body.fields, "refresh_token");

	if (grant_type == NULL || strcmp(grant_type, "refresh_token") != 0) {
		answer_error(answer, 400, "invalid_request",
			     grant_type == NULL ? "Must provide a grant_type."
						: "Unknown grant_type");
	} else if (text == NULL || text[0] == '\0') {
		answer_error(answer, 400, "invalid_request", "Must provide a refresh_token.");
	} else if (!client_is_known(call)) {
		/* The client is looked at first, so the token is not spent. */
		tokens_note_presented(call);
		ledger_count_refused(call->sandbox->ledger, "client");
		answer_error(answer, 401, "invalid_client", "Client authentication failed.");
	} else {
		refresh(call, text, answer);
	}
}
