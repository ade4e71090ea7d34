/*
 * ledger.c - reads a sandbox's ledger.                                 [verify command]
 */
#include "worker/verify/ledger.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/verify/audit.h"
#include "worker/verify/fetch.h"

#define ANSWER_MS 30000

const char *
ledger_text(const struct cJSON *record, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, name));

	return text != NULL ? text : "";
}

double
ledger_number(const struct cJSON *record, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(record, name);

	return cJSON_IsNumber(member) ? member->valuedouble : 0;
}

bool
ledger_flag(const struct cJSON *record, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(record, name));
}

/* The address without what people copy along with it. */
static int
base_size(const char *url)
{
	const char *path = strstr(url, "/_sandbox");
	size_t size = path != NULL ? (size_t)(path - url) : strlen(url);

	while (size > 0 && url[size - 1] == '/')
		size--;
	return (int)size;
}

/* NULL: *why is set. */
static cJSON *
ask(const struct audit *audit, const char *path, struct failure *why)
{
	cJSON *json = NULL;
	char *url = NULL;
	long status;

	if (asprintf(&url, "%.*s/_sandbox/%s", base_size(audit->ledger_url), audit->ledger_url,
		     path) < 0) {
		failure_set(why, FAILURE_AWAY, "out of memory");
		return NULL;
	}
	if (fetch_json(url, ANSWER_MS, &status, &json, why) &&
	    (status != 200 || !cJSON_IsObject(json))) {
		failure_set(why, FAILURE_AWAY, "%.200s: status %ld, %s", url, status,
			    json == NULL ? "no JSON" : "not what a sandbox says");
		cJSON_Delete(json);
		json = NULL;
	}
	free(url);
	return json;
}

static const cJSON *
list_of(const cJSON *json, const char *name, struct failure *why)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, name);

	if (cJSON_IsArray(list))
		return list;
	failure_set(why, FAILURE_AWAY, "the ledger has no list \"%s\"", name);
	return NULL;
}

static bool
open_ledger(struct ledger *ledger, const cJSON *json, const cJSON *requests, struct failure *why)
{
	return (ledger->posts = list_of(json, "posts", why)) != NULL &&
	       (ledger->publishes = list_of(json, "publishes", why)) != NULL &&
	       (ledger->refreshes = list_of(json, "refreshes", why)) != NULL &&
	       (ledger->requests = list_of(requests, "request_log", why)) != NULL;
}

static bool
take_figures(struct audit *audit, const struct ledger *ledger, struct failure *why)
{
	cJSON *summary;

	if (!audit->first)
		return true;
	summary = ask(audit, "ledger/summary", why);
	if (summary == NULL)
		return false;
	audit->figures[FIGURE_POSTS] = cJSON_GetArraySize(ledger->posts);
	audit->figures[FIGURE_SPARE_SUBMITS] = (int64_t)ledger_number(summary, "spare_submits");
	cJSON_Delete(summary);
	return true;
}

/* It is for tests, and small: the second look is the first one again. */
bool
examine_ledger(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	struct ledger ledger = {.posts = NULL};
	cJSON *json, *requests = NULL;
	bool done;

	(void)ids;
	(void)count;
	if (audit->ledger_url == NULL)
		return true;
	json = ask(audit, "ledger", why);
	if (json != NULL)
		requests = ask(audit, "ledger/requests", why);
	done = json != NULL && requests != NULL && open_ledger(&ledger, json, requests, why) &&
	       take_figures(audit, &ledger, why);
	if (done && audit->has_journal)
		done = ledger_compare_posts(audit, &ledger, why) &&
		       ledger_look_at_tokens(audit, &ledger, why);
	if (done)
		ledger_look_at_pace(audit, &ledger);
	cJSON_Delete(json);
	cJSON_Delete(requests);
	return done;
}
