/*
 * control.c - the sandbox's own interface, /_sandbox/...               [sandbox]
 *
 * Strict: what is misspelt or out of range is a 400 that says so, and changes nothing.
 */
#include "tests/sandbox/control.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/control_users.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/ledger_summary.h"
#include "tests/sandbox/limits.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/tokens.h"

/* Returns NULL, or what is wrong with the request (free with free()). */
typedef char *control_function(struct call *call, const cJSON *input, struct answer *answer);

static char *
show_ledger(struct call *call, const cJSON *input, struct answer *answer)
{
	size_t length;
	char *text =
		ledger_render(call->sandbox->ledger, &call->sandbox->state, &call->query, &length);

	(void)input;
	answer_init(answer, 200);
	answer_take_body(answer, "application/json", text, length);
	return NULL;
}

static char *
show_requests(struct call *call, const cJSON *input, struct answer *answer)
{
	size_t length;
	char *text = ledger_render_requests(call->sandbox->ledger, &call->sandbox->state,
					    &call->query, &length);

	(void)input;
	answer_init(answer, 200);
	answer_take_body(answer, "application/json", text, length);
	return NULL;
}

static char *
show_summary(struct call *call, const cJSON *input, struct answer *answer)
{
	(void)input;
	answer_json(answer, 200, ledger_summary(call->sandbox->ledger, &call->sandbox->state));
	return NULL;
}

static char *
show_state(struct call *call, const cJSON *input, struct answer *answer)
{
	const struct sandbox *sandbox = call->sandbox;
	cJSON *json = cJSON_CreateObject();

	(void)input;
	cJSON_AddItemToObject(json, "users", control_users_to_json(sandbox));
	json_add_integer(json, "items", (int64_t)sandbox->state.item_count);
	json_add_integer(json, "posts", (int64_t)sandbox->state.post_count);
	json_add_integer(json, "connections",
			 (int64_t)(http_server_connections(sandbox->site) +
				   http_server_connections(sandbox->storage)));
	cJSON_AddItemToObject(json, "inflight", call_list_to_json(sandbox));
	cJSON_AddItemToObject(json, "faults", faults_to_json(sandbox->faults));
	cJSON_AddItemToObject(json, "settings", settings_to_json(&sandbox->settings));
	answer_json(answer, 200, json);
	return NULL;
}

static char *
show_faults(struct call *call, const cJSON *input, struct answer *answer)
{
	(void)input;
	answer_json(answer, 200, faults_to_json(call->sandbox->faults));
	return NULL;
}

static char *
add_faults(struct call *call, const cJSON *input, struct answer *answer)
{
	char *error = faults_add(call->sandbox->faults, input);

	return error != NULL ? error : show_faults(call, NULL, answer);
}

static char *
delete_faults(struct call *call, const cJSON *input, struct answer *answer)
{
	faults_clear(call->sandbox->faults);
	return show_faults(call, input, answer);
}

static char *
show_settings(struct call *call, const cJSON *input, struct answer *answer)
{
	(void)input;
	answer_json(answer, 200, settings_to_json(&call->sandbox->settings));
	return NULL;
}

static char *
change_settings(struct call *call, const cJSON *input, struct answer *answer)
{
	char *error = settings_change(&call->sandbox->settings, input);

	if (error != NULL)
		return error;
	if (cJSON_HasObjectItem(input, "seed"))
		faults_seed(call->sandbox->faults, (uint64_t)call->sandbox->settings.seed);
	return show_settings(call, NULL, answer);
}

static char *
show_users(struct call *call, const cJSON *input, struct answer *answer)
{
	(void)input;
	answer_json(answer, 200, control_users_to_json(call->sandbox));
	return NULL;
}

static char *
set_users(struct call *call, const cJSON *input, struct answer *answer)
{
	char *error = control_users_set(call->sandbox, input);

	return error != NULL ? error : show_users(call, NULL, answer);
}

static char *
plant_posts(struct call *call, const cJSON *input, struct answer *answer)
{
	cJSON *made = cJSON_CreateArray();
	char *error = control_posts_plant(call->sandbox, input, made);

	if (error == NULL)
		answer_json(answer, 200, made);
	else
		cJSON_Delete(made);
	return error;
}

static char *
release(struct call *call, const cJSON *input, struct answer *answer)
{
	cJSON *json = cJSON_CreateObject();

	(void)input;
	json_add_integer(json, "released", (int64_t)call_release_hanging(call->sandbox));
	answer_json(answer, 200, json);
	return NULL;
}

struct reset_choice {
	bool ledger, faults, settings, posts, users, limits;
};

static char *
read_reset(const cJSON *input, struct reset_choice *choice)
{
	struct json_reader reader;
	char *error = NULL;

	if (input == NULL || cJSON_GetArraySize(input) == 0) {
		*choice = (struct reset_choice){true, true, true, true, true, true};
		return NULL;
	}
	json_reader_init(&reader, input, "reset");
	json_read_bool(&reader, "ledger", &choice->ledger);
	json_read_bool(&reader, "faults", &choice->faults);
	json_read_bool(&reader, "settings", &choice->settings);
	json_read_bool(&reader, "posts", &choice->posts);
	json_read_bool(&reader, "users", &choice->users);
	json_read_bool(&reader, "limits", &choice->limits);
	if (choice->users && !choice->posts)
		json_reader_fail(&reader, "posts belong to users: \"users\" needs \"posts\"");
	if (!json_reader_done(&reader))
		error = memory_text(reader.error);
	json_reader_fini(&reader);
	return error;
}

static char *
reset(struct call *call, const cJSON *input, struct answer *answer)
{
	struct sandbox *sandbox = call->sandbox;
	struct reset_choice choice = {false, false, false, false, false, false};
	char *error = read_reset(input, &choice);

	if (error != NULL)
		return error;
	if (choice.ledger)
		ledger_clear(sandbox->ledger);
	if (choice.faults)
		faults_clear(sandbox->faults);
	if (choice.settings) {
		settings_fini(&sandbox->settings);
		settings_init(&sandbox->settings);
		faults_seed(sandbox->faults, (uint64_t)sandbox->settings.seed);
	}
	if (choice.posts)
		state_forget_posts(&sandbox->state);
	if (choice.users) {
		tokens_free(sandbox->tokens);
		sandbox->tokens = tokens_new();
		state_fini(&sandbox->state);
		state_init(&sandbox->state);
	}
	if (choice.limits) {
		limits_free(sandbox->limits);
		sandbox->limits = limits_new();
	}
	answer_text(answer, 200, "application/json", "{\"status\":\"success\"}");
	return NULL;
}

static control_function show_help;

/* clang-format off */
static const struct {
	const char *method;
	const char *path;
	control_function *function;
	bool needs_json;
	const char *help;
} table[] = {
	{"GET", "/", show_help, false, "this list"},
	{"GET", "/ledger", show_ledger, false, "all evidence; ?user= ?title= ?since=SEQ"},
	{"GET", "/ledger/summary", show_summary, false, "counts: double publishes, spare submits ..."},
	{"GET", "/ledger/requests", show_requests, false, "the last requests and what became of them"},
	{"GET", "/state", show_state, false, "users with their newest tokens, requests in flight, faults, settings"},
	{"GET", "/users", show_users, false, "the users"},
	{"POST", "/users", set_users, true, "[{username, userid, access_token, refresh_token, access_expires_in_s, refresh_expires_in_s, folders: [{folderid, name}]}]: new ones, or changes of those known"},
	{"GET", "/faults", show_faults, false, "the rules and their hits"},
	{"POST", "/faults", add_faults, true, "[{name, match: {endpoint, method, path, user, title, itemid, bucket, key}, count, skip, chance, action, status, headers, body, effect, early, delay_ms, answer_delay_ms, effect_delay_ms, bytes, every_ms}]"},
	{"DELETE", "/faults", delete_faults, false, "no more faults"},
	{"GET", "/settings", show_settings, false, "the settings"},
	{"POST", "/settings", change_settings, true, "{name: value}: changes those (--help explains them)"},
	{"POST", "/posts", plant_posts, true, "[{user, title, age_s, app, is_mature, size_bytes, tags}]: posts made elsewhere"},
	{"POST", "/release", release, false, "lets hanging requests go on, resets stalled ones"},
	{"POST", "/reset", reset, false, "forgets everything, or {ledger, faults, settings, posts, users, limits: true}"},
};
/* clang-format on */

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

static char *
show_help(struct call *call, const cJSON *input, struct answer *answer)
{
	cJSON *json = cJSON_CreateObject();

	(void)call;
	(void)input;
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		char *name = memory_format("%s /_sandbox%s", table[i].method, table[i].path);

		json_add_text(json, name, table[i].help);
		free(name);
	}
	cJSON_AddItemToObject(json, "actions of faults", faults_help());
	answer_json(answer, 200, json);
	return NULL;
}

static void
refuse(struct answer *answer, int status, const char *text)
{
	cJSON *json = cJSON_CreateObject();

	json_add_text(json, "status", "error");
	json_add_text(json, "error", text);
	answer_json(answer, status, json);
}

/* The body as JSON. False: it is not, or is missing. */
static bool
read_input(struct call *call, bool needed, cJSON **input, struct answer *answer)
{
	const struct buffer *raw = &call->body.raw;

	*input = NULL;
	if (call->body.error != NULL) {
		refuse(answer, 400, call->body.error);
		return false;
	}
	if (raw->length > 0)
		*input = cJSON_ParseWithOpts(raw->data, NULL, true);
	if (*input == NULL && (needed || raw->length > 0)) {
		refuse(answer, 400, "the body is not JSON");
		return false;
	}
	return true;
}

static void
perform(struct call *call, size_t index, struct answer *answer)
{
	cJSON *input;
	char *error;

	if (!read_input(call, table[index].needs_json, &input, answer))
		return;
	error = table[index].function(call, input, answer);
	if (error != NULL)
		refuse(answer, 400, error);
	free(error);
	cJSON_Delete(input);
}

void
control_endpoint(struct call *call, struct answer *answer)
{
	const char *path = call->path + strlen("/_sandbox");
	const char *method = strcmp(call->method, "HEAD") == 0 ? "GET" : call->method;
	bool known = false;

	if (path[0] == '\0')
		path = "/";
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		if (strcmp(table[i].path, path) != 0)
			continue;
		known = true;
		if (strcmp(table[i].method, method) == 0) {
			perform(call, i, answer);
			return;
		}
	}
	refuse(answer, known ? 405 : 404,
	       known ? "not with this method; GET /_sandbox/ tells what there is"
		     : "no such thing; GET /_sandbox/ tells what there is");
}
