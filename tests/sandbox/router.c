/*
 * router.c - the table of endpoints.                                   [sandbox]
 */
#include "tests/sandbox/router.h"

#include <string.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/control.h"
#include "tests/sandbox/deviation.h"
#include "tests/sandbox/gallery.h"
#include "tests/sandbox/http_request.h"
#include "tests/sandbox/publish.h"
#include "tests/sandbox/s3.h"
#include "tests/sandbox/stash.h"
#include "tests/sandbox/text.h"
#include "tests/sandbox/tokens.h"

static void
placebo(struct call *call, struct answer *answer)
{
	(void)call;
	answer_text(answer, 200, "application/json", "{\"status\":\"success\"}");
}

static void
no_such_path(struct call *call, struct answer *answer)
{
	(void)call;
	answer_error(answer, 404, "invalid_request", "Api endpoint not found.");
}

static void
no_such_method(struct call *call, struct answer *answer)
{
	(void)call;
	answer_error(answer, 405, "invalid_request", "The method is not allowed here.");
}

#define API "/api/v1/oauth2"

/* clang-format off */
/* The first that matches counts. */
static const struct endpoint table[] = {
	{"control", NULL, "/_sandbox*", ENDPOINT_CONTROL, control_endpoint, NULL},
	{"token", "POST", "/oauth2/token", ENDPOINT_LATE_EFFECT, tokens_endpoint, tokens_note_presented},
	{"placebo", NULL, API "/placebo", ENDPOINT_BEARER, placebo, NULL},
	{"whoami", "GET", API "/user/whoami", ENDPOINT_BEARER, gallery_whoami, NULL},
	{"submit", "POST", API "/stash/submit", ENDPOINT_BEARER | ENDPOINT_LATE_EFFECT, stash_submit, NULL},
	{"publish", "POST", API "/stash/publish", ENDPOINT_BEARER | ENDPOINT_LATE_EFFECT, publish_endpoint, publish_note_refused},
	{"folders", "GET", API "/gallery/folders", ENDPOINT_BEARER, gallery_folders, NULL},
	{"gallery", "GET", API "/gallery/all", ENDPOINT_BEARER, gallery_all, NULL},
	{"gallery", "GET", API "/gallery/*", ENDPOINT_BEARER, gallery_folder, NULL},
	{"metadata", "GET", API "/deviation/metadata", ENDPOINT_BEARER, deviation_metadata, NULL},
	{"deviation", "GET", API "/deviation/*", ENDPOINT_BEARER, deviation_one, NULL},
};
/* clang-format on */

static const struct endpoint unknown_path = {"unknown", NULL, "", 0, no_such_path, NULL};
static const struct endpoint unknown_method = {"unknown", NULL, "", 0, no_such_method, NULL};
static const struct endpoint storage = {"s3", NULL, "", ENDPOINT_STORAGE, s3_endpoint, NULL};

static bool
method_fits(const struct endpoint *endpoint, const char *method)
{
	return endpoint->method == NULL || strcmp(endpoint->method, method) == 0 ||
	       (strcmp(endpoint->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

const struct endpoint *
router_find(const struct http_request *request)
{
	const struct endpoint *other = &unknown_path;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!text_glob(table[i].path, request->path))
			continue;
		if (method_fits(&table[i], request->method))
			return &table[i];
		other = &unknown_method;
	}
	return other;
}

const struct endpoint *
router_storage(void)
{
	return &storage;
}

bool
router_knows(const char *name)
{
	for (size_t i = 1; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, name) == 0)
			return true;
	return strcmp(name, "s3") == 0 || strcmp(name, "unknown") == 0;
}
