/*
 * limits.c - the velocity filters.                                     [sandbox]
 *
 * A window is the list of times of the requests in it. Refused requests keep it full (unless a
 * setting says otherwise): a client that goes on knocking stays shut out.
 */
#include "tests/sandbox/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"

struct window {
	char *username; /* NULL: the application's */
	int64_t *times_ms;
	size_t count, capacity;
};

struct limits {
	struct window *windows;
	size_t count;
};

struct limits *
limits_new(void)
{
	return memory_alloc(sizeof(struct limits));
}

void
limits_free(struct limits *limits)
{
	if (limits == NULL)
		return;
	for (size_t i = 0; i < limits->count; i++) {
		free(limits->windows[i].username);
		free(limits->windows[i].times_ms);
	}
	free(limits->windows);
	free(limits);
}

static struct window *
find_window(struct limits *limits, const char *username)
{
	struct window *window;

	for (size_t i = 0; i < limits->count; i++) {
		window = &limits->windows[i];
		if (username == NULL
			    ? window->username == NULL
			    : window->username != NULL && strcmp(window->username, username) == 0)
			return window;
	}
	limits->windows =
		memory_grow(limits->windows, (limits->count + 1) * sizeof(*limits->windows));
	window = &limits->windows[limits->count++];
	memset(window, 0, sizeof(*window));
	window->username = memory_text(username);
	return window;
}

static void
forget_older(struct window *window, int64_t oldest_ms)
{
	size_t gone = 0;

	while (gone < window->count && window->times_ms[gone] <= oldest_ms)
		gone++;
	window->count -= gone;
	if (gone > 0)
		memmove(window->times_ms, window->times_ms + gone,
			window->count * sizeof(*window->times_ms));
}

static void
remember(struct window *window, int64_t now_ms)
{
	if (window->count == window->capacity) {
		window->capacity = window->capacity > 0 ? window->capacity * 2 : 16;
		window->times_ms =
			memory_grow(window->times_ms, window->capacity * sizeof(*window->times_ms));
	}
	window->times_ms[window->count++] = now_ms;
}

/* True if the request fits. */
static bool
pass(struct window *window, int64_t limit, int64_t window_ms, bool count_refused)
{
	int64_t now_ms = text_monotonic_ms();
	bool fits;

	if (limit == 0)
		return true;
	forget_older(window, now_ms - window_ms);
	fits = window->count < (size_t)limit;
	if (fits || count_refused)
		remember(window, now_ms);
	return fits;
}

static void
refuse(struct sandbox *sandbox, const char *username, const char *endpoint, const char *error,
       const char *description, struct answer *answer)
{
	struct ledger_keys keys = {.user = username};
	cJSON *record = cJSON_CreateObject();
	char seconds[24];

	json_add_text(record, "user", username);
	json_add_text(record, "endpoint", endpoint);
	json_add_text(record, "limit", error);
	ledger_add(sandbox->ledger, LEDGER_VIOLATION, &keys, record);
	ledger_count_refused(sandbox->ledger, error);
	answer_error(answer, 429, error, description);
	if (sandbox->settings.retry_after_s >= 0) {
		(void)snprintf(seconds, sizeof(seconds), "%" PRId64,
			       sandbox->settings.retry_after_s);
		http_headers_add(&answer->headers, "Retry-After", seconds);
	}
}

bool
limits_admit(struct sandbox *sandbox, const char *username, const char *endpoint,
	     struct answer *answer)
{
	const struct settings *settings = &sandbox->settings;

	if (!pass(find_window(sandbox->limits, NULL), settings->application_limit,
		  settings->application_limit_window_ms, settings->limit_counts_refused)) {
		refuse(sandbox, username, endpoint, "application_api_threshold",
		       "Client request limit reached.", answer);
		return false;
	}
	if (username != NULL &&
	    !pass(find_window(sandbox->limits, username), settings->user_limit,
		  settings->user_limit_window_ms, settings->limit_counts_refused)) {
		refuse(sandbox, username, endpoint, "user_api_threshold",
		       "User request limit reached.", answer);
		return false;
	}
	return true;
}
