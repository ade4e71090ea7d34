/*
 * call_log.c - what is told of a call.                                 [sandbox]
 */
#include "tests/sandbox/call_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/call.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/router.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"
#include "tests/sandbox/tokens.h"

void
call_log_learn(struct call *call)
{
	const char *itemid = fields_get(&call->body.fields, "itemid");
	const char *title = fields_get(&call->body.fields, "title");
	const struct item *item;
	int64_t number;

	if (itemid != NULL && call->log_itemid == NULL)
		call->log_itemid = memory_text(itemid);
	if (title == NULL && itemid != NULL && text_parse_integer(itemid, &number)) {
		item = state_find_item(&call->sandbox->state, number);
		title = item != NULL ? item->title : NULL;
	}
	if (title != NULL && call->log_title == NULL)
		call->log_title = memory_text(title);
}

struct user *
call_log_user(struct call *call)
{
	const char *bearer = call_bearer(call);
	struct user *user = NULL;

	if (bearer != NULL)
		(void)tokens_check(call->sandbox->tokens, bearer, &user);
	else if (call->endpoint->handle == tokens_endpoint)
		user = tokens_user_of_request(call);
	return user;
}

static cJSON *
call_to_json(struct call *call)
{
	const struct user *user = call_log_user(call);
	cJSON *json = cJSON_CreateObject();

	json_add_integer(json, "id", call->id);
	json_add_integer(json, "started_ms", call->started_ms);
	json_add_integer(json, "started_monotonic_us", call->started_monotonic_us);
	json_add_text(json, "endpoint", call->endpoint->name);
	json_add_text(json, "method", call->method);
	json_add_text(json, "path", call->path);
	json_add_text(json, "user", user != NULL ? user->username : NULL);
	json_add_text(json, "title", call->log_title);
	json_add_text(json, "itemid", call->log_itemid);
	json_add_integer(json, "received_bytes", (int64_t)call->body.received_bytes);
	json_add_text(json, "fault",
		      call->fault != NULL ? fault_action_name(call->fault->action) : NULL);
	if (call->fault != NULL)
		json_add_integer(json, "fault_id", call->fault->id);
	return json;
}

void
call_log_end(struct call *call, const char *outcome, int status)
{
	struct ledger_keys keys = {0};
	const struct user *user;
	char digits[16];
	cJSON *json;

	if (call->logged || (call->endpoint->flags & ENDPOINT_CONTROL) != 0)
		return;
	call->logged = true;
	(void)snprintf(digits, sizeof(digits), "%d", status);
	outcome = outcome != NULL ? outcome : digits;
	user = call_log_user(call);
	json = call_to_json(call);
	json_add_text(json, "outcome", outcome);
	if (call->retry_after_s > 0)
		json_add_integer(json, "retry_after_s", call->retry_after_s);
	json_add_integer(json, "duration_ms",
			 (text_monotonic_us() - call->started_monotonic_us) / 1000);
	keys.user = user != NULL ? user->username : NULL;
	keys.title = call->log_title;
	ledger_count_outcome(call->sandbox->ledger, call->endpoint->name, outcome);
	ledger_add(call->sandbox->ledger, LEDGER_REQUEST, &keys, json);
}

struct cJSON *
call_list_to_json(const struct sandbox *sandbox)
{
	static const char *const steps[] = {"reading",        "delayed",     "hanging",
					    "answer_delayed", "effect_late", "answered"};
	cJSON *list = cJSON_CreateArray();
	struct call *call = LIST_FIRST(&sandbox->calls);

	for (; call != NULL; call = LIST_NEXT(call, entry)) {
		cJSON *json;

		if ((call->endpoint->flags & ENDPOINT_CONTROL) != 0)
			continue;
		call_log_learn(call);
		json = call_to_json(call);
		json_add_text(json, "step", steps[call->step]);
		cJSON_AddItemToArray(list, json);
	}
	return list;
}
