/*
 * gate.c - the rules that hold for every API call.                     [sandbox]
 */
#include "tests/sandbox/gate.h"

#include <string.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/call_log.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/limits.h"
#include "tests/sandbox/router.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/tokens.h"

static bool
pass_cdn(struct call *call, struct answer *answer)
{
	if (!call->sandbox->settings.require_headers || (call->has_agent && call->takes_gzip))
		return true;
	ledger_count_refused(call->sandbox->ledger,
			     call->has_agent ? "no_accept_encoding" : "no_user_agent");
	answer_cdn_block(answer);
	return false;
}

static bool
pass_token(struct call *call, struct answer *answer)
{
	const char *bearer = call_bearer(call);
	enum token_state state = TOKEN_UNKNOWN;

	if (bearer != NULL)
		state = tokens_check(call->sandbox->tokens, bearer, &call->user);
	if (state == TOKEN_VALID)
		return true;
	call->user = NULL;
	ledger_count_refused(call->sandbox->ledger,
			     state == TOKEN_EXPIRED ? "expired_token" : "invalid_token");
	answer_error(
		answer, 401, "invalid_token",
		state == TOKEN_EXPIRED
			? "Expired oAuth2 user token. The client should request a new one with "
			  "an access code or a refresh token."
			: "Invalid oAuth2 access token.");
	return false;
}

bool
gate_admit(struct call *call, struct answer *answer)
{
	const struct user *user;

	if ((call->endpoint->flags & (ENDPOINT_CONTROL | ENDPOINT_STORAGE)) != 0)
		return true;
	if (!pass_cdn(call, answer))
		return false;
	/* A token request has no user yet: it counts for the application alone. */
	user = call_bearer(call) != NULL ? call_log_user(call) : NULL;
	if (!call->admitted && !limits_admit(call->sandbox, user != NULL ? user->username : NULL,
					     call->endpoint->name, answer))
		return false;
	call->admitted = true;
	return (call->endpoint->flags & ENDPOINT_BEARER) == 0 || pass_token(call, answer);
}
