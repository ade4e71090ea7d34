/*
 * telling.c - a story as text for people, or as JSON for machines.     [explain command]
 */
#include "worker/explain/telling.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_memory.h"
#include "worker/explain/words.h"

#define TEXT_SIZE 700

/* ---- for people ---- */

static void
tell_head(FILE *out, const struct facts *f)
{
	char title[TEXT_SIZE], artist[200], id[TEXT_SIZE], at[WORDS_WHEN_SIZE];

	fprintf(out, "Deviation %s: \"%s\"\n", words_clean(id, sizeof(id), f->id),
		words_clean(title, sizeof(title), f->title));
	fprintf(out, "  by %s, %lld file%s%s; row: %s, job: %s\n",
		words_clean(artist, sizeof(artist), f->artist[0] != '\0' ? f->artist : f->user_id),
		(long long)f->file_count, f->file_count == 1 ? "" : "s",
		f->multiple ? ", each a post of its own" : "", f->status,
		facts_place_name(f->job.place));
	if (f->due_ms != FACTS_NONE)
		fprintf(out, "  due %s\n", words_when(f->due_ms, f->now_ms, at));
}

static void
tell_line(FILE *out, const char *what, const char *text)
{
	if (text != NULL)
		fprintf(out, "%s %s\n", what, text);
}

void
telling_text(FILE *out, const struct facts *f, const struct story *story)
{
	char iso[CLOCK_ISO_SIZE], problem[TEXT_SIZE];

	tell_head(out, f);
	fputs("\n", out);
	for (size_t i = 0; i < story->count; i++)
		fprintf(out, "%s  %s\n", clock_iso(story->events[i].at_ms, iso),
			story->events[i].text);
	if (story->count > 0)
		fputs("\n", out);
	tell_line(out, "Where it stands: ", story->where);
	tell_line(out, "What comes next: ", story->next);
	tell_line(out, "What you can do: ",
		  story->advice != NULL ? story->advice : "nothing; it needs nobody.");
	if (f->queue.problem[0] != '\0')
		fprintf(out, "The queue could not be asked: %s\n",
			words_clean(problem, sizeof(problem), f->queue.problem));
}

/* ---- for machines ---- */

static void
add_text(cJSON *to, const char *name, const char *text)
{
	char clean[TEXT_SIZE];

	if (text == NULL || text[0] == '\0')
		cJSON_AddNullToObject(to, name);
	else
		cJSON_AddStringToObject(to, name, words_clean(clean, sizeof(clean), text));
}

static void
add_time(cJSON *to, const char *name, int64_t at_ms)
{
	char iso[CLOCK_ISO_SIZE];

	add_text(to, name, at_ms == FACTS_NONE ? NULL : clock_iso(at_ms, iso));
}

/* Sentences of ours are as long as they are, and harmless. */
static void
add_sentences(cJSON *to, const char *name, const char *text)
{
	if (text == NULL)
		cJSON_AddNullToObject(to, name);
	else
		cJSON_AddStringToObject(to, name, text);
}

static void
add_events(cJSON *to, const struct story *story)
{
	cJSON *list = cJSON_AddArrayToObject(to, "events");

	for (size_t i = 0; i < story->count; i++) {
		cJSON *event = cJSON_CreateObject();

		add_time(event, "at", story->events[i].at_ms);
		add_sentences(event, "text", story->events[i].text);
		cJSON_AddItemToArray(list, event);
	}
}

static void
add_row(cJSON *to, const struct facts *f)
{
	add_text(to, "id", f->id);
	add_text(to, "userId", f->user_id);
	add_text(to, "title", f->title);
	add_text(to, "status", f->status);
	add_text(to, "errorMessage", f->error_message);
	add_text(to, "url", f->url);
	cJSON_AddNumberToObject(to, "files", (double)f->file_count);
	add_time(to, "dueAt", f->due_ms);
	add_time(to, "publishedAt", f->published_ms);
	cJSON_AddBoolToObject(to, "journal", f->has_journal);
}

static void
add_job(cJSON *to, const struct facts *f)
{
	const struct facts_job *job = &f->job;
	cJSON *object;

	if (job->place == PLACE_NOT_ASKED) {
		cJSON_AddNullToObject(to, "job");
		add_text(to, "queueProblem", f->queue.problem);
		return;
	}
	object = cJSON_AddObjectToObject(to, "job");
	cJSON_AddStringToObject(object, "state", facts_place_name(job->place));
	add_time(object, "dueAt", job->place == PLACE_DELAYED ? job->due_ms : FACTS_NONE);
	add_text(object, "worker", job->worker);
	cJSON_AddNumberToObject(object, "attemptsMade", (double)job->attempts_made);
	cJSON_AddNumberToObject(object, "maxAttempts", (double)job->max_attempts);
	if (job->ahead >= 0)
		cJSON_AddNumberToObject(object, "ahead", (double)job->ahead);
}

bool
telling_json(FILE *out, const struct facts *f, const struct story *story, int64_t took_ms)
{
	unsigned denied = json_memory_denied();
	cJSON *object = cJSON_CreateObject();
	char *text;

	add_row(object, f);
	add_job(object, f);
	cJSON_AddStringToObject(object, "standing", standing_name(story->standing));
	add_sentences(object, "where", story->where);
	add_sentences(object, "next", story->next);
	add_time(object, "nextAt", story->next_ms);
	add_sentences(object, "advice", story->advice);
	add_events(object, story);
	cJSON_AddNumberToObject(object, "tookMs", (double)took_ms);
	text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	if (text != NULL && json_memory_denied() == denied)
		fprintf(out, "%s\n", text);
	cJSON_free(text);
	return text != NULL && json_memory_denied() == denied;
}
