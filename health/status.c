/*
 * status.c - the command `isekai-publisher status`.                    [status command]
 */
#include "health/status.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/failure.h"
#include "health/answer.h"
#include "health/ask.h"
#include "health/status_text.h"

#define TIMEOUT_MS 3000
#define WATCH_MS   2000

/* NULL: why says what the matter is. */
static char *
fetch(const struct config *config, struct failure *why)
{
	struct ask_reply reply;

	if (!config->health_check_enabled) {
		failure_set(why, FAILURE_AWAY,
			    "HEALTH_CHECK_ENABLED is off: there is no listener to ask");
		return NULL;
	}
	if (!ask(config->health_check_host, config->health_check_port, "/status", TIMEOUT_MS,
		 ANSWER_BODY_SIZE, &reply, why)) {
		failure_prefix(why, "no publisher answers: ");
		return NULL;
	}
	if (reply.status == 200)
		return reply.body;
	failure_set(why, FAILURE_AWAY,
		    "/status answers \"%s\": is that a publisher, and of this version?",
		    reply.status_line);
	ask_free(&reply);
	return NULL;
}

static void
tell(const struct failure *why)
{
	fprintf(stderr, "isekai-publisher: %s\n", why->message);
}

/* Prints an answer for people. False: it is none. */
static bool
show(const char *body, const char *before, int64_t between_ms, struct failure *why)
{
	return status_text(stdout, body, before, between_ms) ||
	       failure_set(why, FAILURE_AWAY, "/status does not answer in JSON");
}

static int
show_once(const struct config *config, bool json)
{
	struct failure why;
	char *body = fetch(config, &why);
	bool ok = body != NULL;

	if (ok && json)
		fputs(body, stdout);
	else if (ok)
		ok = show(body, NULL, 0, &why);
	free(body);
	if (!ok)
		tell(&why);
	return ok ? EXIT_SUCCESS : EX_UNAVAILABLE;
}

/* ---- again and again ---- */

/* The answer before this one. */
struct last {
	char *body; /* NULL: there was none */
	int64_t at_ms;
};

static bool
show_next(const struct config *config, bool json, struct last *last)
{
	struct failure why;
	char *body = fetch(config, &why);
	int64_t now_ms = clock_mono_ms();
	bool ok = body != NULL;

	if (isatty(STDOUT_FILENO) && !json)
		fputs("\033[H\033[J", stdout); /* home, and clear what is below (ECMA-48) */
	if (ok && json)
		fputs(body, stdout);
	else if (ok)
		ok = show(body, last->body, now_ms - last->at_ms, &why);
	if (!ok)
		tell(&why);
	free(last->body);
	*last = (struct last){.body = body, .at_ms = now_ms};
	return ok;
}

static int
show_on(const struct config *config, bool json)
{
	struct last last = {.body = NULL};
	bool has_seen = show_next(config, json, &last);

	/* Nobody reads any more: main() says so. */
	while (has_seen && fflush(stdout) == 0) {
		(void)poll(NULL, 0, WATCH_MS);
		if (!isatty(STDOUT_FILENO) && !json)
			fputc('\n', stdout);
		(void)show_next(config, json, &last);
	}
	free(last.body);
	return has_seen ? EXIT_SUCCESS : EX_UNAVAILABLE;
}

int
status_command(const struct config *config, bool watch, bool json)
{
	return watch ? show_on(config, json) : show_once(config, json);
}
