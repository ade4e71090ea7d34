/*
 * report.c - a line a violation, the figures, the verdict.             [verify command]
 */
#include "worker/verify/report.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

struct figure_name {
	enum figure figure;
	const char *text; /* in its line */
	const char *json;
};

static const struct figure_name rows[] = {
	{FIGURE_ROWS_REVIEW, "review", "review"},
	{FIGURE_ROWS_DRAFT, "draft", "draft"},
	{FIGURE_ROWS_SCHEDULED, "scheduled", "scheduled"},
	{FIGURE_ROWS_UPLOADING, "uploading", "uploading"},
	{FIGURE_ROWS_PUBLISHING, "publishing", "publishing"},
	{FIGURE_ROWS_PUBLISHED, "published", "published"},
	{FIGURE_ROWS_FAILED, "failed", "failed"},
};
static const struct figure_name jobs[] = {
	{FIGURE_JOBS_WAITING, "waiting", "waiting"},
	{FIGURE_JOBS_PAUSED, "paused", "paused"},
	{FIGURE_JOBS_PRIORITIZED, "prioritized", "prioritized"},
	{FIGURE_JOBS_DELAYED, "delayed", "delayed"},
	{FIGURE_JOBS_ACTIVE, "active", "active"},
	{FIGURE_JOBS_PARENTS, "waiting for children", "waiting_children"},
	{FIGURE_JOBS_COMPLETED, "completed", "completed"},
	{FIGURE_JOBS_FAILED, "failed", "failed"},
};
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int
compare(const void *a, const void *b)
{
	const struct suspicion *left = a, *right = b;

	if (left->check != right->check)
		return left->check < right->check ? -1 : 1;
	return strcmp(left->id, right->id);
}

static size_t
beyond(const struct suspicions *s)
{
	size_t total = 0;

	for (size_t i = 0; i < CHECK_COUNT; i++)
		total += s->beyond[i];
	return total;
}

size_t
report_violations(const struct report *report)
{
	return suspicions_confirmed(report->suspicions) + beyond(report->suspicions);
}

static void
sort(struct suspicions *s)
{
	if (s->count > 1)
		qsort(s->list, s->count, sizeof(*s->list), compare);
}

/* ---- for people ---- */

static void
tell_violation(FILE *out, const struct suspicion *one)
{
	const struct check_info *info = check_info(one->check);
	char id[600], text[1500];

	text_json_escape(id, sizeof(id), one->id, NULL);
	text_json_escape(text, sizeof(text), one->text, NULL);
	fprintf(out, "%s %s %s %s: %s\n", info->invariant, info->name, info->subject, id, text);
}

static void
tell_counts(FILE *out, const char *what, const struct figure_name *names, size_t count,
	    const int64_t *figures)
{
	const char *comma = "";

	fprintf(out, "%s: ", what);
	for (size_t i = 0; i < count; i++) {
		if (figures[names[i].figure] == 0)
			continue;
		fprintf(out, "%s%" PRId64 " %s", comma, figures[names[i].figure], names[i].text);
		comma = ", ";
	}
	fputs(comma[0] == '\0' ? "none\n" : "\n", out);
}

/* "2 d 3 h", "3 h 4 min", "12 s", "340 ms". */
static void
tell_span(FILE *out, int64_t ms)
{
	int64_t s = ms / 1000;

	if (s < 1)
		fprintf(out, "%" PRId64 " ms", ms);
	else if (s < 120)
		fprintf(out, "%" PRId64 " s", s);
	else if (s < 7200)
		fprintf(out, "%" PRId64 " min", s / 60);
	else if (s < 172800)
		fprintf(out, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
	else
		fprintf(out, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
}

static void
tell_figures(FILE *out, const struct report *report)
{
	const int64_t *f = report->figures;

	if (report->has_journal) {
		tell_counts(out, "rows", rows, COUNT_OF(rows), f);
		fprintf(out, "due and not out: %" PRId64, f[FIGURE_OVERDUE]);
		if (f[FIGURE_OVERDUE] > 0) {
			fputs(", the longest for ", out);
			tell_span(out, f[FIGURE_LONGEST_OVERDUE_MS]);
		}
		fputs("; the latest post went out after ", out);
		tell_span(out, f[FIGURE_LATEST_MS]);
		fprintf(out,
			" (I7)\nspare uploads: %" PRId64
			" (I3); publishes with an unknown outcome: %" PRId64 "\n",
			f[FIGURE_SPARE_UPLOADS], f[FIGURE_UNKNOWN_OUTCOMES]);
	} else {
		fputs("rows: not checked; no publisher has made its journal (the schema "
		      "\"publisher\") in this database\n",
		      out);
	}
	tell_counts(out, "jobs", jobs, COUNT_OF(jobs), f);
	if (report->has_ledger)
		fprintf(out,
			"ledger: %" PRId64 " posts, %" PRId64
			" uploads of what was uploaded already (I3)\n",
			f[FIGURE_POSTS], f[FIGURE_SPARE_SUBMITS]);
}

void
report_text(FILE *out, const struct report *report)
{
	struct suspicions *s = report->suspicions;
	size_t violations = report_violations(report);

	sort(s);
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].confirmed)
			tell_violation(out, &s->list[i]);
	for (size_t i = 0; i < CHECK_COUNT; i++) {
		const struct check_info *info = check_info((enum check)i);

		if (s->beyond[i] > 0)
			fprintf(out, "%s %s: %zu more, not looked at twice\n", info->invariant,
				info->name, s->beyond[i]);
	}
	tell_figures(out, report);
	if (violations == 0)
		fputs("verdict: no invariant is violated", out);
	else
		fprintf(out, "verdict: %zu violation%s", violations, violations == 1 ? "" : "s");
	fprintf(out, " (%" PRId64 " ms, %d look%s", report->took_ms, report->looks,
		report->looks == 1 ? "" : "s");
	if (s->moving > 0)
		fprintf(out, "; %zu kept changing, somebody is at them", s->moving);
	fputs(")\n", out);
}

/* ---- for machines ---- */

static void
add_counts(cJSON *to, const char *name, const struct figure_name *names, size_t count,
	   const int64_t *figures)
{
	cJSON *object = cJSON_AddObjectToObject(to, name);

	for (size_t i = 0; i < count; i++)
		cJSON_AddNumberToObject(object, names[i].json, (double)figures[names[i].figure]);
}

static void
add_figures(cJSON *to, const struct report *report)
{
	static const struct figure_name others[] = {
		{FIGURE_OVERDUE, "", "overdue"},
		{FIGURE_LONGEST_OVERDUE_MS, "", "longest_overdue_ms"},
		{FIGURE_LATEST_MS, "", "latest_ms"},
		{FIGURE_SPARE_UPLOADS, "", "spare_uploads"},
		{FIGURE_UNKNOWN_OUTCOMES, "", "unknown_outcomes"},
		{FIGURE_USERS, "", "users"},
		{FIGURE_KEYS, "", "keys"},
	};

	if (report->has_journal)
		add_counts(to, "rows", rows, COUNT_OF(rows), report->figures);
	add_counts(to, "jobs", jobs, COUNT_OF(jobs), report->figures);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		cJSON_AddNumberToObject(to, others[i].json,
					(double)report->figures[others[i].figure]);
	if (!report->has_ledger)
		return;
	cJSON_AddNumberToObject(to, "ledger_posts", (double)report->figures[FIGURE_POSTS]);
	cJSON_AddNumberToObject(to, "spare_submits", (double)report->figures[FIGURE_SPARE_SUBMITS]);
}

static void
add_violation(cJSON *list, const struct suspicion *one)
{
	const struct check_info *info = check_info(one->check);
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "invariant", info->invariant);
	cJSON_AddStringToObject(object, "check", info->name);
	cJSON_AddStringToObject(object, "subject", info->subject);
	cJSON_AddStringToObject(object, "id", one->id);
	cJSON_AddStringToObject(object, "text", one->text);
	cJSON_AddItemToArray(list, object);
}

bool
report_json(FILE *out, const struct report *report)
{
	struct suspicions *s = report->suspicions;
	cJSON *object = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(object, "violations");
	char *text;

	sort(s);
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].confirmed)
			add_violation(list, &s->list[i]);
	cJSON_AddNumberToObject(object, "more", (double)beyond(s));
	cJSON_AddNumberToObject(object, "moving", (double)s->moving);
	add_figures(cJSON_AddObjectToObject(object, "figures"), report);
	cJSON_AddNumberToObject(object, "looks", report->looks);
	cJSON_AddNumberToObject(object, "took_ms", (double)report->took_ms);
	cJSON_AddBoolToObject(object, "clean", report_violations(report) == 0);
	text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	if (text == NULL)
		return false;
	fprintf(out, "%s\n", text);
	cJSON_free(text);
	return true;
}
