/*
 * ready.c - does /ready say the truth? (I13)                           [verify command]
 */
#include "worker/verify/audit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "worker/verify/fetch.h"

#define ANSWER_MS 2000
#define SETTLE_MS 5000 /* it is noticed within 2 s that a server is there again */

static const char *
text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text != NULL ? text : "";
}

/* Where a listener on every address is reached from here. */
static void
ready_url(const struct config *config, char out[400])
{
	const char *host = config->health_check_host;

	if (strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	else if (strcmp(host, "::") == 0)
		host = "::1";
	snprintf(out, 400,
		 strchr(host, ':') != NULL ? "http://[%.300s]:%d/ready" : "http://%.300s:%d/ready",
		 host, config->health_check_port);
}

static void
judge(struct audit *audit, const char *url, long status, const cJSON *answer)
{
	const cJSON *redis = cJSON_GetObjectItemCaseSensitive(answer, "redis");
	const cJSON *up = cJSON_GetObjectItemCaseSensitive(redis, "connected");
	const char *error = text_of(answer, "error");

	/* Somebody else's listener. */
	if (strcmp(text_of(answer, "service"), "isekai-publisher") != 0)
		return;
	if (status == 503 &&
	    (strstr(error, "Redis") != NULL || strstr(error, "PostgreSQL") != NULL))
		audit_suspect(audit, EXAMINER_READY, CHECK_UNTRUE_READY, url, SETTLE_MS, "503",
			      "it says 503, \"%.300s\", and both answer here", error);
	if (status == 200 && cJSON_IsFalse(up))
		audit_suspect(audit, EXAMINER_READY, CHECK_UNTRUE_READY, url, SETTLE_MS, "200",
			      "it says 200, and that Redis is away");
}

bool
examine_ready(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	char url[400];
	struct failure silence;
	cJSON *answer = NULL;
	long status;

	(void)ids;
	(void)count;
	(void)why;
	if (!audit->config->health_check_enabled)
		return true;
	ready_url(audit->config, url);
	if (fetch_json(url, ANSWER_MS, &status, &answer, &silence) && answer != NULL)
		judge(audit, url, status, answer);
	cJSON_Delete(answer);
	return true;
}
