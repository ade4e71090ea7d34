/*
 * status_text.c - /status for people.                                  [status command]
 *
 * Invariant: every text that was received is escaped before it goes to a terminal.
 */
#include "health/status_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "common/text.h"
#include "health/status_duration.h"
#include "health/status_held.h"
#include "health/status_json.h"

static void
print_service(FILE *out, const cJSON *status)
{
	char shown[STATUS_SHOWN_SIZE], duration[STATUS_DURATION_SIZE];
	bool ready = strcmp(status_text_of(status, "status", shown), "ready") == 0;

	fprintf(out, "%-10s %s", "publisher", ready ? "ready" : "NOT READY");
	fprintf(out, ", version %s", status_text_of(status, "version", shown));
	fprintf(out, ", pid %" PRId64 ", up %s\n", status_number_of(status, "pid"),
		status_duration(status_number_of(status, "uptime") * 1000, duration));
	if (status_part(status, "error") != NULL)
		fprintf(out, "%-10s %s\n", "", status_text_of(status, "error", shown));
	if (status_part(status, "operatorFault") != NULL)
		fprintf(out, "%-10s %s\n", "operator",
			status_text_of(status, "operatorFault", shown));
	fprintf(out, "%-10s Redis %s, PostgreSQL %s\n", "servers",
		status_is_true(status_part(status, "redis"), "connected") ? "up" : "AWAY",
		status_is_true(status_part(status, "postgres"), "connected") ? "up" : "AWAY");
}

static void
print_pool(FILE *out, const cJSON *status)
{
	const cJSON *pool = status_part(status, "pool");
	char shown[STATUS_SHOWN_SIZE];

	fprintf(out, "%-10s %s, %" PRId64 " of %" PRId64 " workers up, %" PRId64 " busy", "pool",
		status_text_of(pool, "phase", shown), status_number_of(pool, "workersReady"),
		status_number_of(pool, "concurrency"),
		status_number_of(status_part(status, "worker"), "activeJobs"));
	if (status_number_of(status, "workerRestarts") > 0)
		fprintf(out, ", %" PRId64 " replaced", status_number_of(status, "workerRestarts"));
	fputc('\n', out);
}

static void
print_queue(FILE *out, const cJSON *queue)
{
	char duration[STATUS_DURATION_SIZE];

	if (!cJSON_IsObject(queue)) {
		fprintf(out, "%-10s unknown\n", "queue");
		return;
	}
	fprintf(out,
		"%-10s %s%" PRId64 " waiting, %" PRId64 " prioritized, %" PRId64
		" delayed, %" PRId64 " active\n",
		"queue", status_is_true(queue, "isPaused") ? "PAUSED, " : "",
		status_number_of(queue, "waiting") + status_number_of(queue, "paused"),
		status_number_of(queue, "prioritized"), status_number_of(queue, "delayed"),
		status_number_of(queue, "active"));
	if (status_number_of(queue, "oldestDueMs") > 0)
		fprintf(out, "%-10s oldest due %s ago\n", "",
			status_duration(status_number_of(queue, "oldestDueMs"), duration));
}

static void
print_circuits(FILE *out, const cJSON *circuits)
{
	if (cJSON_IsObject(circuits))
		fprintf(out, "%-10s %" PRId64 " open, %" PRId64 " half open\n", "circuits",
			status_number_of(circuits, "open"),
			status_number_of(circuits, "half_open"));
	else
		fprintf(out, "%-10s unknown\n", "circuits");
}

/* Ends of jobs; with an earlier answer how many a second. A restarted publisher counts anew. */
static void
print_rate(FILE *out, const cJSON *jobs, const cJSON *before, int64_t between_ms)
{
	int64_t done = status_number_of(jobs, "completed") - status_number_of(before, "completed");

	if (before == NULL || between_ms <= 0 || done < 0)
		return;
	fprintf(out, "; %.1f completed/s", (double)done * 1000.0 / (double)between_ms);
}

static void
print_jobs(FILE *out, const cJSON *status, const cJSON *before, int64_t between_ms)
{
	const cJSON *jobs = status_part(status, "jobs");

	fprintf(out,
		"%-10s %" PRId64 " completed, %" PRId64 " failed, %" PRId64 " retried, %" PRId64
		" deferred",
		"jobs", status_number_of(jobs, "completed"), status_number_of(jobs, "failed"),
		status_number_of(jobs, "retried"), status_number_of(jobs, "deferred"));
	print_rate(out, jobs, status_part(before, "jobs"), between_ms);
	fputc('\n', out);
}

static void
print_errors(FILE *out, const cJSON *errors)
{
	const cJSON *one;
	char shown[STATUS_SHOWN_SIZE];
	int told = 0;

	cJSON_ArrayForEach(one, errors)
	{
		if (one->string == NULL || status_number_of(errors, one->string) == 0)
			continue;
		text_json_escape(shown, sizeof(shown), one->string, NULL);
		if (told++ == 0)
			fprintf(out, "%-10s ", "errors");
		else
			fputs(", ", out);
		fprintf(out, "%s %" PRId64, shown, status_number_of(errors, one->string));
	}
	if (told > 0)
		fputc('\n', out);
}

static void
print_slot(FILE *out, const cJSON *slot)
{
	const cJSON *job = status_part(slot, "job");
	char shown[STATUS_SHOWN_SIZE], duration[STATUS_DURATION_SIZE];

	fprintf(out, "  %4" PRId64 "  %-10s", status_number_of(slot, "slot"),
		status_text_of(slot, "activity", shown));
	fprintf(out, "  %11s", status_duration(status_number_of(slot, "forMs"), duration));
	if (cJSON_IsObject(job)) {
		fprintf(out, "  %s", status_text_of(job, "id", shown));
		fprintf(out, ", attempt %" PRId64 ", for %s", status_number_of(job, "attempt"),
			status_duration(status_number_of(job, "forMs"), duration));
		fprintf(out, ", at most %s more",
			status_duration(status_number_of(job, "deadlineInMs"), duration));
	}
	fputc('\n', out);
}

static void
print_slots(FILE *out, const cJSON *slots)
{
	char shown[STATUS_SHOWN_SIZE];
	const cJSON *slot;

	fprintf(out, "\n  %4s  %-10s  %11s  %s\n", "slot", "doing", "since", "job");
	cJSON_ArrayForEach(slot, slots) if (strcmp(status_text_of(slot, "role", shown),
						   "dispatcher") != 0) print_slot(out, slot);
}

bool
status_text(FILE *out, const char *text, const char *before_text, int64_t between_ms)
{
	cJSON *status = cJSON_Parse(text);
	cJSON *before = before_text != NULL ? cJSON_Parse(before_text) : NULL;

	if (status != NULL) {
		print_service(out, status);
		print_pool(out, status);
		print_queue(out, status_part(status, "queue"));
		print_circuits(out, status_part(status, "circuits"));
		status_held_text(out, status_part(status, "heldBack"));
		print_jobs(out, status, before, between_ms);
		print_errors(out, status_part(status, "errors"));
		print_slots(out, status_part(status, "slots"));
	}
	cJSON_Delete(before);
	cJSON_Delete(status);
	return status != NULL;
}
