/*
 * fault_rule.c - one rule, from JSON and back.                         [sandbox]
 *
 * A rule that could not do what its writer meant is refused here, with the reason: a fault that
 * never strikes would make a test pass that proves nothing.
 */
#include "tests/sandbox/fault_rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/router.h"

#define LONGEST_MS   86400000
#define BYTES_MOST   (INT64_C(1) << 32)
#define HEADERS_MOST 50

enum effect_rule { EFFECT_NEVER, EFFECT_NO, EFFECT_YES, EFFECT_ALWAYS };

/* Whether the request takes effect: by default, or whatever the rule says. */
static const struct {
	const char *name;
	enum effect_rule effect;
	const char *help;
} actions[FAULT_ACTION_COUNT] = {
	[FAULT_STATUS] = {"status", EFFECT_NO, "answer with status, headers, body"},
	[FAULT_RESET_BEFORE] = {"reset_before", EFFECT_NEVER, "RST when the headers are there"},
	[FAULT_RESET_MIDDLE] = {"reset_middle", EFFECT_NEVER, "RST when half of the body is there"},
	[FAULT_RESET_AFTER] = {"reset_after", EFFECT_YES, "RST instead of an answer"},
	[FAULT_CLOSE] = {"close", EFFECT_NO, "FIN instead of an answer"},
	[FAULT_HANG] = {"hang", EFFECT_NO, "no answer, until POST /_sandbox/release"},
	[FAULT_STALL] = {"stall", EFFECT_NEVER, "read half of the body, then nothing"},
	[FAULT_DEAF] = {"deaf", EFFECT_NEVER,
			"acknowledge nothing after the headers, as a dead way"},
	[FAULT_DEAF_AFTER] = {"deaf_after", EFFECT_NO, "hear and say nothing instead of an answer"},
	[FAULT_TRUNCATE] = {"truncate", EFFECT_YES, "half of the body, then the end"},
	[FAULT_TRUNCATE_HEADERS] = {"truncate_headers", EFFECT_YES, "the end within the headers"},
	[FAULT_EMPTY] = {"empty", EFFECT_YES, "200 with 20 blanks"},
	[FAULT_GARBAGE] = {"garbage", EFFECT_NO, "200 with text that is no JSON, or bytes NULs"},
	[FAULT_SLOW] = {"slow", EFFECT_YES, "bytes of the body each every_ms"},
	[FAULT_DELAY] = {"delay", EFFECT_YES, "only delay_ms, answer_delay_ms"},
	[FAULT_HTML_403] = {"html_403", EFFECT_NO, "the CDN's page"},
	[FAULT_PUBLISHED_500] = {"error_500_but_published", EFFECT_ALWAYS, "500 after the effect"},
	[FAULT_BOMB] = {"bomb", EFFECT_NO, "gzip that unfolds to bytes"},
};

const char *
fault_action_name(enum fault_action action)
{
	return actions[action].name;
}

struct cJSON *
faults_help(void)
{
	static const char *const effects[] = {"never", "false", "true", "always"};
	cJSON *object = cJSON_CreateObject();

	for (int i = 0; i < FAULT_ACTION_COUNT; i++) {
		char *help = memory_format("%s (effect: %s)", actions[i].help,
					   effects[actions[i].effect]);

		json_add_text(object, actions[i].name, help);
		free(help);
	}
	return object;
}

void
fault_release(struct fault *fault)
{
	if (fault == NULL || --fault->references > 0)
		return;
	free(fault->name);
	free(fault->match.endpoint);
	free(fault->match.method);
	free(fault->match.path);
	free(fault->match.user);
	free(fault->match.title);
	free(fault->match.itemid);
	free(fault->match.bucket);
	free(fault->match.key);
	http_headers_free(&fault->headers);
	free(fault->body);
	free(fault);
}

static void
copy_text(struct json_reader *reader, const char *name, char **slot)
{
	const char *text = NULL;

	json_read_text(reader, name, &text);
	if (text != NULL && text[0] == '\0')
		json_reader_fail(reader, "\"%s\" is empty", name);
	else if (text != NULL)
		*slot = memory_text(text);
}

static void
read_match(struct json_reader *outer, struct fault *rule)
{
	const cJSON *match = json_read_any(outer, "match");
	struct json_reader reader;

	if (match == NULL)
		return;
	json_reader_init(&reader, match, "match");
	copy_text(&reader, "endpoint", &rule->match.endpoint);
	copy_text(&reader, "method", &rule->match.method);
	copy_text(&reader, "path", &rule->match.path);
	copy_text(&reader, "user", &rule->match.user);
	copy_text(&reader, "title", &rule->match.title);
	copy_text(&reader, "itemid", &rule->match.itemid); /* text: numbers lose digits */
	copy_text(&reader, "bucket", &rule->match.bucket);
	copy_text(&reader, "key", &rule->match.key);
	if (rule->match.endpoint != NULL && !router_knows(rule->match.endpoint))
		json_reader_fail(&reader, "no endpoint is named \"%s\"", rule->match.endpoint);
	if (!json_reader_done(&reader))
		json_reader_fail(outer, "%s", reader.error);
	json_reader_fini(&reader);
}

static void
read_action(struct json_reader *reader, struct fault *rule)
{
	const char *name = NULL;

	json_read_text(reader, "action", &name);
	if (name == NULL) {
		json_reader_fail(reader, "\"action\" is missing");
		return;
	}
	for (int i = 0; i < FAULT_ACTION_COUNT; i++)
		if (strcmp(actions[i].name, name) == 0) {
			rule->action = (enum fault_action)i;
			rule->effect = actions[i].effect >= EFFECT_YES;
			return;
		}
	json_reader_fail(reader, "no action is named \"%s\"", name);
}

static void
read_headers(struct json_reader *reader, struct fault *rule)
{
	const cJSON *headers = json_read_any(reader, "headers"), *header;

	if (headers == NULL)
		return;
	if (!cJSON_IsObject(headers) || cJSON_GetArraySize(headers) > HEADERS_MOST) {
		json_reader_fail(reader, "\"headers\" is not an object of names and values");
		return;
	}
	cJSON_ArrayForEach(header, headers)
	{
		if (!cJSON_IsString(header) || strpbrk(header->valuestring, "\r\n") != NULL ||
		    strpbrk(header->string, "\r\n: ") != NULL) {
			json_reader_fail(reader, "the header \"%s\" cannot be sent",
					 header->string);
			return;
		}
		http_headers_add(&rule->headers, header->string, header->valuestring);
	}
}

static void
read_body(struct json_reader *reader, struct fault *rule)
{
	const cJSON *body = json_read_any(reader, "body");

	if (cJSON_IsString(body))
		rule->body = memory_text(body->valuestring);
	else if (cJSON_IsObject(body) || cJSON_IsArray(body))
		rule->body = json_print(body);
	else if (body != NULL)
		json_reader_fail(reader, "\"body\" is neither a text nor an object");
}

static void
read_effect(struct json_reader *reader, struct fault *rule)
{
	enum effect_rule allowed = actions[rule->action].effect;
	const cJSON *member = json_read_any(reader, "effect");

	json_read_bool(reader, "effect", &rule->effect);
	if (member == NULL || reader->error != NULL)
		return;
	if (allowed == EFFECT_NEVER && rule->effect)
		json_reader_fail(reader, "\"%s\" never takes effect", actions[rule->action].name);
	if (allowed == EFFECT_ALWAYS && !rule->effect)
		json_reader_fail(reader, "\"%s\" always takes effect", actions[rule->action].name);
}

static void
read_numbers(struct json_reader *reader, struct fault *rule)
{
	const cJSON *chance = json_read_any(reader, "chance");

	json_read_integer(reader, "count", &rule->count, -1, INT32_MAX);
	json_read_integer(reader, "skip", &rule->skip, 0, INT32_MAX);
	json_read_integer(reader, "status", &rule->status, 200, 599);
	json_read_integer(reader, "delay_ms", &rule->delay_ms, 0, LONGEST_MS);
	json_read_integer(reader, "answer_delay_ms", &rule->answer_delay_ms, 0, LONGEST_MS);
	json_read_integer(reader, "effect_delay_ms", &rule->effect_delay_ms, 0, LONGEST_MS);
	json_read_integer(reader, "bytes", &rule->bytes, 1, BYTES_MOST);
	json_read_integer(reader, "every_ms", &rule->every_ms, 1, LONGEST_MS);
	if (chance == NULL)
		return;
	if (!cJSON_IsNumber(chance) || !(chance->valuedouble > 0 && chance->valuedouble <= 1))
		json_reader_fail(reader, "\"chance\" is not above 0 and at most 1");
	else
		rule->chance = chance->valuedouble;
}

static void
check_sense(struct json_reader *reader, const struct fault *rule)
{
	enum fault_action action = rule->action;
	bool needs_delay = action == FAULT_DELAY;

	if (rule->count == 0)
		json_reader_fail(reader, "\"count\" 0 never strikes");
	if (action == FAULT_STATUS && rule->status == 0)
		json_reader_fail(reader, "\"status\" is missing");
	if (needs_delay && rule->delay_ms == 0 && rule->answer_delay_ms == 0)
		json_reader_fail(reader, "delay_ms or answer_delay_ms is missing");
	if (rule->effect_delay_ms > 0 && !rule->effect)
		json_reader_fail(reader, "effect_delay_ms needs \"effect\": true");
	if (rule->effect_delay_ms > 0 && rule->body == NULL && action != FAULT_STATUS &&
	    action != FAULT_RESET_AFTER && action != FAULT_CLOSE && action != FAULT_EMPTY &&
	    action != FAULT_PUBLISHED_500 && action != FAULT_GARBAGE && action != FAULT_HTML_403)
		json_reader_fail(reader, "effect_delay_ms goes with actions that need no answer "
					 "of the site's own");
	if (rule->early && (rule->effect || (action != FAULT_STATUS && action != FAULT_HTML_403)))
		json_reader_fail(reader, "\"early\" goes with status and html_403, without effect");
	if (rule->early && (rule->match.title != NULL || rule->match.itemid != NULL))
		json_reader_fail(reader, "\"early\" cannot wait for title or itemid");
	if ((action == FAULT_RESET_BEFORE || action == FAULT_DEAF) && rule->match.itemid != NULL)
		json_reader_fail(reader, "itemid is in the body: use reset_middle or reset_after");
	if (rule->match.key != NULL && rule->match.endpoint != NULL &&
	    strcmp(rule->match.endpoint, "s3") != 0)
		json_reader_fail(reader, "\"key\" goes with the endpoint \"s3\"");
}

static struct fault *
rule_new(void)
{
	struct fault *rule = memory_alloc(sizeof(*rule));

	rule->references = 1;
	rule->count = 1;
	rule->chance = 1;
	return rule;
}

struct fault *
fault_rule_parse(const struct cJSON *json, unsigned index, char **error)
{
	struct fault *rule = rule_new();
	struct json_reader reader;
	char what[32];

	(void)snprintf(what, sizeof(what), "faults[%u]", index);
	json_reader_init(&reader, json, what);
	copy_text(&reader, "name", &rule->name);
	read_match(&reader, rule);
	read_action(&reader, rule);
	read_effect(&reader, rule);
	read_headers(&reader, rule);
	read_body(&reader, rule);
	read_numbers(&reader, rule);
	json_read_bool(&reader, "early", &rule->early);
	if (json_reader_done(&reader))
		check_sense(&reader, rule);
	if (reader.error != NULL) {
		*error = memory_text(reader.error);
		fault_release(rule);
		rule = NULL;
	}
	json_reader_fini(&reader);
	return rule;
}

static void
add_optional(cJSON *object, const char *name, const char *text)
{
	if (text != NULL)
		json_add_text(object, name, text);
}

struct cJSON *
fault_rule_to_json(const struct fault *rule)
{
	cJSON *json = cJSON_CreateObject(), *match = cJSON_CreateObject();

	json_add_integer(json, "id", rule->id);
	add_optional(json, "name", rule->name);
	add_optional(match, "endpoint", rule->match.endpoint);
	add_optional(match, "method", rule->match.method);
	add_optional(match, "path", rule->match.path);
	add_optional(match, "user", rule->match.user);
	add_optional(match, "title", rule->match.title);
	add_optional(match, "itemid", rule->match.itemid);
	add_optional(match, "bucket", rule->match.bucket);
	add_optional(match, "key", rule->match.key);
	cJSON_AddItemToObject(json, "match", match);
	json_add_text(json, "action", fault_action_name(rule->action));
	json_add_integer(json, "status", rule->status);
	json_add_bool(json, "effect", rule->effect);
	json_add_integer(json, "count_left", rule->count);
	json_add_integer(json, "skip_left", rule->skip);
	json_add_integer(json, "seen", rule->seen);
	json_add_integer(json, "hits", rule->hits);
	return json;
}
