/*
 * status_held.c - who is held back, for people.                        [status command]
 */
#include "health/status_held.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "health/status_duration.h"
#include "health/status_json.h"

/* The first line of all has the name. */
struct lines {
	FILE *out;
	int count;
};

static void
begin(struct lines *lines)
{
	fprintf(lines->out, "%-10s ", lines->count++ == 0 ? "held back" : "");
}

static void
print_everybody(struct lines *lines, const cJSON *everybody)
{
	char shown[STATUS_SHOWN_SIZE], duration[STATUS_DURATION_SIZE];
	const char *circuit = status_text_of(everybody, "circuit", shown);
	int64_t for_ms = status_number_of(everybody, "forMs");
	int64_t limited_ms = status_number_of(everybody, "limitedForMs");

	if (strcmp(circuit, "open") == 0) {
		begin(lines);
		fprintf(lines->out, "everybody: the application's circuit is open for %s\n",
			status_duration(for_ms, duration));
	} else if (strcmp(circuit, "half_open") == 0) {
		begin(lines);
		fprintf(lines->out, "everybody: the application's circuit is tried by one post\n");
	}
	if (status_is_true(everybody, "isPaused")) {
		begin(lines);
		fprintf(lines->out, "everybody: the queue is paused, until it is resumed\n");
	}
	if (limited_ms > 0) {
		begin(lines);
		fprintf(lines->out, "everybody: the queue's rate limit is used up for %s\n",
			status_duration(limited_ms, duration));
	}
	if (status_is_true(everybody, "isFull")) {
		begin(lines);
		fprintf(lines->out, "everybody: the queue is at its concurrency\n");
	}
}

/* ---- users ---- */

static void
print_circuit(FILE *out, const cJSON *user)
{
	char shown[STATUS_SHOWN_SIZE], duration[STATUS_DURATION_SIZE];

	if (strcmp(status_text_of(user, "state", shown), "open") == 0)
		fprintf(out, "circuit open for %s",
			status_duration(status_number_of(user, "forMs"), duration));
	else
		fprintf(out, "circuit is tried by one post");
}

static void
print_pace(FILE *out, const cJSON *user)
{
	char duration[STATUS_DURATION_SIZE];
	int64_t posts = status_number_of(user, "posts");

	if (posts > 0)
		fprintf(out, "%" PRId64 " in line for their pace, at most %s", posts,
			status_duration(status_number_of(user, "forMs"), duration));
	else
		fprintf(out, "pace, or asked to wait, for %s",
			status_duration(status_number_of(user, "forMs"), duration));
}

static void
print_login(FILE *out, const cJSON *user)
{
	char shown[STATUS_SHOWN_SIZE];

	fputs(strcmp(status_text_of(user, "state", shown), "dead") == 0
		      ? "login dead, until he connects again"
		      : "login is being refreshed",
	      out);
}

static void
print_users(struct lines *lines, const cJSON *kind, void (*print)(FILE *out, const cJSON *user))
{
	const cJSON *users = status_part(kind, "users"), *user;
	int64_t more = status_number_of(kind, "total");
	char shown[STATUS_SHOWN_SIZE];

	cJSON_ArrayForEach(user, users)
	{
		begin(lines);
		fprintf(lines->out, "user %s: ", status_text_of(user, "userId", shown));
		print(lines->out, user);
		fputc('\n', lines->out);
		more--;
	}
	if (more > 0) {
		begin(lines);
		fprintf(lines->out, "and %" PRId64 " more so\n", more);
	}
}

void
status_held_text(FILE *out, const cJSON *held)
{
	struct lines lines = {.out = out};

	if (!cJSON_IsObject(held))
		return;
	print_everybody(&lines, status_part(held, "everybody"));
	print_users(&lines, status_part(held, "circuits"), print_circuit);
	print_users(&lines, status_part(held, "pace"), print_pace);
	print_users(&lines, status_part(held, "logins"), print_login);
}
