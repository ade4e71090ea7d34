/*
 * classify.c - the one pure function that maps what was seen to a failure.   [worker]
 *
 * Three steps: gather what the answer says (struct facts), judge it (one function of guard clauses,
 * in the order that deviantart-api.md 8.2 asks for), and look the verdict up in a table. The last
 * column of the table is what keeps a post from being published twice: after stash/publish,
 * whatever does not clearly say "no" is FAILURE_OUTCOME_UNKNOWN.
 */
#include "worker/deviantart/classify.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/json_memory.h"
#include "worker/deviantart/answer_json.h"
#include "worker/http/utf8.h"

enum verdict {
	SUCCESS,
	NOT_SENT,
	UNREADABLE,
	NO_MEMORY,
	THROTTLED_USER,
	THROTTLED_APPLICATION,
	BLOCKED_BY_CDN,
	UNAVAILABLE,
	SERVER_FAULT,
	PUBLISH_CODE,
	APPLICATION_REFUSED,
	LOGIN_DEAD,
	TOKEN_OLD,
	NO_QUOTA,
	NO_SCOPE,
	NOT_ALLOWED,
	FILE_TOO_LARGE,
	INVALID,
	REFUSED,
	STRANGE,
	VERDICT_COUNT
};

static const struct outcome {
	enum failure_category category;
	enum failure_category
		after_publish; /* the same for stash/publish; FAILURE_NONE: no difference */
	enum failure_gate gate;
	bool outage;
	const char *text;
} outcomes[VERDICT_COUNT] = {
	[NOT_SENT] = {FAILURE_NETWORK_ERROR, .outage = true,
		      .text = "DeviantArt could not be reached"},
	[UNREADABLE] = {FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
			.text = "no usable answer from DeviantArt"},
	[NO_MEMORY] = {FAILURE_AWAY, FAILURE_OUTCOME_UNKNOWN,
		       .text = "out of memory for DeviantArt's answer"},
	[THROTTLED_USER] = {FAILURE_RATE_LIMIT, .gate = FAILURE_GATE_USER,
			    .text = "DeviantArt asks this account to slow down"},
	[THROTTLED_APPLICATION] = {FAILURE_RATE_LIMIT, .gate = FAILURE_GATE_APPLICATION,
				   .text = "DeviantArt asks this application to slow down"},
	[BLOCKED_BY_CDN] = {FAILURE_RATE_LIMIT, .gate = FAILURE_GATE_APPLICATION,
			    .text = "DeviantArt's front servers refuse our requests for a while"},
	[UNAVAILABLE] = {FAILURE_SERVER_ERROR, .outage = true,
			 .text = "DeviantArt is unavailable for the moment"},
	[SERVER_FAULT] = {FAILURE_SERVER_ERROR, FAILURE_OUTCOME_UNKNOWN,
			  .text = "DeviantArt had an internal error"},
	[APPLICATION_REFUSED] = {FAILURE_OPERATOR,
				 .text = "DeviantArt refuses this application: check "
					 "DEVIANTART_CLIENT_ID and DEVIANTART_CLIENT_SECRET"},
	[LOGIN_DEAD] = {FAILURE_REFRESH_TOKEN_EXPIRED,
			.text = "the DeviantArt login is no longer valid"},
	[TOKEN_OLD] = {FAILURE_TOKEN_EXPIRED, .text = "the DeviantArt access token has expired"},
	[NO_QUOTA] = {FAILURE_QUOTA_EXCEEDED, .text = "a DeviantArt quota is used up"},
	[NO_SCOPE] = {FAILURE_AUTH_ERROR, .text = "the DeviantArt login lacks a permission that is "
						  "needed here: connect the account again"},
	[NOT_ALLOWED] = {FAILURE_AUTH_ERROR, .text = "DeviantArt did not accept the login"},
	[FILE_TOO_LARGE] = {FAILURE_UNKNOWN,
			    .text = "DeviantArt does not take a file of this size"},
	[INVALID] = {FAILURE_VALIDATION_ERROR, .text = "DeviantArt refused this"},
	[REFUSED] = {FAILURE_UNKNOWN, .text = "DeviantArt refused this"},
	[STRANGE] = {FAILURE_UNKNOWN, FAILURE_OUTCOME_UNKNOWN,
		     .text = "DeviantArt gave an answer that we do not know"},
};

/* error_code of stash/publish (deviantart-api.md 6.3). */
static const struct {
	enum failure_category category;
	const char *text;
} publish_codes[] = {
	{FAILURE_VALIDATION_ERROR,
	 "DeviantArt's submission policy must first be accepted on its site by the artist"},
	{FAILURE_VALIDATION_ERROR,
	 "DeviantArt's terms of service must first be accepted on its site by the artist"},
	{FAILURE_VALIDATION_ERROR, "DeviantArt does not know the category"},
	{FAILURE_VALIDATION_ERROR, "DeviantArt does not take the category"},
	{FAILURE_VALIDATION_ERROR, "DeviantArt does not take the licence options"},
	{FAILURE_VALIDATION_ERROR, "DeviantArt does not take the display resolution"},
	{FAILURE_OUTCOME_UNKNOWN, "DeviantArt says that publishing failed"},
	{FAILURE_VALIDATION_ERROR, "the uploaded item is no longer in the artist's Sta.sh"},
	{FAILURE_VALIDATION_ERROR, "DeviantArt wants a preview image for a file of this type"},
	{FAILURE_VALIDATION_ERROR, "this item is already published"},
};
#define PUBLISH_CODE_COUNT     ((int64_t)(sizeof(publish_codes) / sizeof(publish_codes[0])))
#define CODE_ALREADY_PUBLISHED 9

struct facts {
	enum endpoint endpoint;
	int status;
	struct cJSON *json; /* NULL: the body is not a JSON object, or not all of it is here */
	const char *says;   /* member "status"; never NULL, as the next two */
	const char *error;
	const char *description;
	char details[256];
	int64_t code; /* error_code; -1: none */
};

/* ---- what the answer says ---- */

static bool
contains(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

static const char *
text_or_empty(const struct cJSON *json, const char *name)
{
	const char *text = json != NULL ? answer_json_text(json, name) : NULL;

	return text != NULL ? text : "";
}

static void
facts_gather(struct facts *facts, const struct answer *answer)
{
	facts->endpoint = answer->endpoint;
	facts->status = answer->status;
	facts->json = NULL;
	if (answer->transport_ok && !answer->body_cut)
		facts->json = answer_json_parse(answer->body, answer->body_size);
	facts->says = text_or_empty(facts->json, "status");
	facts->error = text_or_empty(facts->json, "error");
	facts->description = text_or_empty(facts->json, "error_description");
	facts->details[0] = '\0';
	facts->code = -1;
	if (facts->json == NULL)
		return;
	answer_json_pairs(facts->json, "error_details", facts->details, sizeof(facts->details));
	if (!answer_json_whole(facts->json, "error_code", &facts->code) || facts->code < 0 ||
	    facts->code > INT32_MAX)
		facts->code = -1;
}

static bool
is_2xx(const struct facts *facts)
{
	return facts->status >= 200 && facts->status < 300;
}

/* A 200 may carry an error (deviantart-api.md 5.2), so the body decides. */
static bool
says_success(const struct facts *facts)
{
	bool may_be_silent = facts->endpoint == ENDPOINT_READ || facts->endpoint == ENDPOINT_TOKEN;

	if (!is_2xx(facts) || facts->json == NULL)
		return false;
	if (strcmp(facts->says, "success") == 0)
		return true;
	return may_be_silent && facts->says[0] == '\0' && facts->error[0] == '\0';
}

/* The rules for `error` hold for refusals: 4xx, and 200 with an error in its body. */
static bool
error_is(const struct facts *facts, const char *name)
{
	return strcmp(facts->error, name) == 0;
}

/* "quota", "quota_exceeded", "quotas", but not "quotation". */
static bool
names_quota(const char *text)
{
	while ((text = strcasestr(text, "quota")) != NULL) {
		text += strlen("quota");
		if (!isalpha((unsigned char)*text) || *text == 's')
			return true;
	}
	return false;
}

static bool
is_quota_used_up(const struct facts *facts)
{
	return names_quota(facts->error) || names_quota(facts->description) ||
	       names_quota(facts->details);
}

static bool
is_login_fault(const struct facts *facts)
{
	return facts->status == 401 || error_is(facts, "invalid_token") ||
	       error_is(facts, "insufficient_scope") || error_is(facts, "invalid_client");
}

/* With a 5xx only "already published" is clear enough to be believed. */
static bool
is_publish_code(const struct facts *facts)
{
	if (facts->endpoint != ENDPOINT_PUBLISH || facts->code < 0 ||
	    facts->code >= PUBLISH_CODE_COUNT || is_login_fault(facts))
		return false;
	return facts->status < 500 || facts->code == CODE_ALREADY_PUBLISHED;
}

/*
 * invalid_request is the general validation error as well, and "Unknown grant_type" was seen for
 * good requests (3.4): the login is given up only where the refresh token itself is named.
 */
static bool
is_login_dead(const struct facts *facts)
{
	if (facts->endpoint != ENDPOINT_TOKEN || !(facts->status == 400 || is_2xx(facts)))
		return false;
	return error_is(facts, "invalid_grant") || contains(facts->description, "refresh_token") ||
	       contains(facts->description, "refresh token");
}

static bool
is_token_old(const struct facts *facts)
{
	if (facts->endpoint == ENDPOINT_TOKEN)
		return false;
	return error_is(facts, "invalid_token") ||
	       (facts->status == 401 && contains(facts->description, "expired"));
}

static bool
is_scope_missing(const struct facts *facts)
{
	return error_is(facts, "insufficient_scope") ||
	       ((facts->status == 401 || facts->status == 403) &&
		contains(facts->description, "scope"));
}

/* ---- the judgement ---- */

/* A JSON object that says no: 4xx, or 2xx with an error in it. */
static enum verdict
judge_refusal(const struct facts *facts)
{
	if (error_is(facts, "invalid_client") || error_is(facts, "unauthorized_client"))
		return APPLICATION_REFUSED;
	if (is_login_dead(facts))
		return LOGIN_DEAD;
	if (is_scope_missing(facts))
		return NO_SCOPE;
	if (is_token_old(facts))
		return TOKEN_OLD;
	if (is_quota_used_up(facts))
		return NO_QUOTA;
	if (facts->status == 401 || facts->status == 403)
		return NOT_ALLOWED;
	if (error_is(facts, "server_error") && is_2xx(facts))
		return SERVER_FAULT;
	if (facts->endpoint == ENDPOINT_TOKEN)
		return REFUSED;
	if (is_2xx(facts) && error_is(facts, "invalid_request"))
		return INVALID;
	if (is_2xx(facts))
		return facts->error[0] != '\0' ? STRANGE : UNREADABLE;
	return facts->status == 400 ? INVALID : REFUSED;
}

/* Not a JSON object, or not all of it: CDN pages, maintenance pages, white space, garbage. */
static enum verdict
judge_unreadable(const struct facts *facts)
{
	if (facts->status == 401 && facts->endpoint != ENDPOINT_TOKEN)
		return NOT_ALLOWED;
	return UNREADABLE;
}

static enum verdict
judge(const struct facts *facts, const struct answer *answer)
{
	/* After a 5xx a publish may have gone through, whatever its body says. */
	bool believed = facts->endpoint != ENDPOINT_PUBLISH || facts->status < 500;

	if (!answer->transport_ok && !answer->sent)
		return NOT_SENT;
	if (believed && error_is(facts, "application_api_threshold"))
		return THROTTLED_APPLICATION;
	if (facts->status == 429 || (believed && error_is(facts, "user_api_threshold")))
		return THROTTLED_USER;
	if (!answer->transport_ok)
		return UNREADABLE;
	if (says_success(facts))
		return SUCCESS;
	if (is_publish_code(facts))
		return PUBLISH_CODE;
	/* Behind a CDN a 503 may hide a publish that went through: there it is a server's fault
	 * like any other. */
	if (facts->status == 503 && facts->endpoint != ENDPOINT_PUBLISH)
		return UNAVAILABLE;
	if (facts->status >= 500 && facts->status < 600)
		return SERVER_FAULT;
	if (facts->status == 403 && facts->json == NULL)
		return BLOCKED_BY_CDN;
	if (facts->status == 413)
		return FILE_TOO_LARGE;
	if (facts->status == 408 || facts->status == 0)
		return UNREADABLE;
	if (!is_2xx(facts) && (facts->status < 400 || facts->status >= 600))
		return STRANGE;
	return facts->json != NULL ? judge_refusal(facts) : judge_unreadable(facts);
}

/* ---- the failure ---- */

/* A long word of one script's letters is somebody's language, a plain address is one to look at:
 * neither is a token. */
static bool
may_be_token(const char *word, size_t length)
{
	bool letters = false, digits = false;

	if (length < 24)
		return false;
	for (size_t i = 0; i < length; i++) {
		letters = letters || isalpha((unsigned char)word[i]) != 0;
		digits = digits || isdigit((unsigned char)word[i]) != 0;
		if (word[i] == '=' || word[i] == '?' || word[i] == '&')
			return true; /* whatever it carries */
	}
	return letters && digits && strncmp(word, "https://", 8) != 0;
}

/* What is quoted ends in the row and in the log: nothing in it may be a token that was echoed. */
static void
hide_tokens(char *text)
{
	char *word = text;

	while (*word != '\0') {
		size_t length = strcspn(word, " ");

		if (may_be_token(word, length))
			memset(word, '*', length);
		word += length;
		word += strspn(word, " ");
	}
}

/* What the other side said, as one line: its description and details, else `error`, else what we
 * saw. */
static void
quote(char *out, size_t out_size, const struct facts *facts, const struct answer *answer)
{
	const char *main_text = facts->description[0] != '\0' ? facts->description : facts->error;
	bool both = main_text[0] != '\0' && facts->details[0] != '\0';
	char raw[600];

	if (!answer->transport_ok && answer->transport_error != NULL)
		(void)snprintf(raw, sizeof(raw), "%s", answer->transport_error);
	else if (main_text[0] != '\0' || facts->details[0] != '\0')
		(void)snprintf(raw, sizeof(raw), "%.300s%s%s%s", main_text, both ? " (" : "",
			       facts->details, both ? ")" : "");
	else if (answer->body_cut)
		(void)snprintf(raw, sizeof(raw), "HTTP %d, answer too long", facts->status);
	else if (facts->json == NULL && answer->body_size == 0)
		(void)snprintf(raw, sizeof(raw), "HTTP %d, empty answer", facts->status);
	else if (facts->json == NULL)
		(void)snprintf(raw, sizeof(raw), "HTTP %d, not JSON", facts->status);
	else
		(void)snprintf(raw, sizeof(raw), "HTTP %d", facts->status);
	utf8_line(out, out_size, raw, strlen(raw));
	hide_tokens(out);
}

static enum failure_category
category_of(enum verdict verdict, const struct facts *facts)
{
	const struct outcome *outcome = &outcomes[verdict];

	if (verdict == PUBLISH_CODE)
		return publish_codes[facts->code].category;
	if (facts->endpoint == ENDPOINT_PUBLISH && outcome->after_publish != FAILURE_NONE)
		return outcome->after_publish;
	return outcome->category;
}

static int64_t
wait_of(enum verdict verdict, const struct answer *answer)
{
	if (verdict == BLOCKED_BY_CDN && answer->retry_after_ms < CLASSIFY_BLOCK_WAIT_MS)
		return CLASSIFY_BLOCK_WAIT_MS;
	return answer->status != 0 && answer->retry_after_ms >= 0 ? answer->retry_after_ms : -1;
}

static void
failure_fill(struct failure *why, enum verdict verdict, const struct facts *facts,
	     const struct answer *answer)
{
	enum failure_category category = category_of(verdict, facts);
	const char *text =
		verdict == PUBLISH_CODE ? publish_codes[facts->code].text : outcomes[verdict].text;
	char said[320];

	quote(said, sizeof(said), facts, answer);
	failure_set(why, category, "%s: %s%s", text, said,
		    category == FAILURE_OUTCOME_UNKNOWN
			    ? "; whether the post is public is not known yet"
			    : "");
	why->gate = outcomes[verdict].gate;
	why->outage = outcomes[verdict].outage;
	why->http_status = facts->status;
	why->error_code = (int)facts->code;
	why->wait_ms = wait_of(verdict, answer);
}

bool
classify_answer(const struct answer *answer, struct failure *why)
{
	unsigned denied = json_memory_denied();
	struct facts facts;
	enum verdict verdict;

	facts_gather(&facts, answer);
	verdict = judge(&facts, answer);
	/* What was said is not known where there was no memory to read it: nothing is burned or
	 * ends for good by that. */
	if ((answer->out_of_memory || json_memory_denied() != denied) && verdict != NOT_SENT)
		verdict = NO_MEMORY;
	if (verdict != SUCCESS && why != NULL)
		failure_fill(why, verdict, &facts, answer);
	answer_json_wipe(facts.json); /* a token's answer holds tokens */
	return verdict == SUCCESS;
}
