/*
 * view.c - what Redis knows of a job, seen in one moment.              [verify command]
 */
#include "worker/verify/view.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_MS 15000
#define ELEMENTS  28

static const char jobs_lua[] =
#include "worker/lua/ask.lua.h"
#include "worker/lua/verify_jobs.lua.h"
	;

bool
view_queue_init(struct view_queue *queue, const struct audit *audit, const char *name,
		struct failure *why)
{
	*queue = (struct view_queue){.name = name};
	if (asprintf(&queue->prefix, "%s:%s:", audit->config->queue_prefix, name) < 0)
		queue->prefix = NULL;
	if (asprintf(&queue->meta, "%s:%s:meta", audit->config->queue_prefix, name) < 0)
		queue->meta = NULL;
	if (queue->prefix != NULL && queue->meta != NULL)
		return true;
	view_queue_fini(queue);
	return failure_set(why, FAILURE_AWAY, "out of memory");
}

void
view_queue_fini(struct view_queue *queue)
{
	free(queue->prefix);
	free(queue->meta);
	queue->prefix = queue->meta = NULL;
}

static const char *
text(const redisReply *reply)
{
	bool is_text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;

	return is_text ? reply->str : "";
}

static int64_t
integer(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
}

/* The order is that of verify_jobs.lua. */
static void
fill(struct view *view, const char *id, redisReply *const *e)
{
	const char **const texts[] = {
		&view->type,         &view->name,        &view->data,          &view->timestamp,
		&view->priority,     &view->attempts,    &view->attempts_v4,   &view->started,
		&view->processed_on, &view->finished_on, &view->failed_reason, &view->stack_trace,
		&view->return_value, &view->progress,    &view->log,           &view->lock};
	size_t at = sizeof(texts) / sizeof(texts[0]);

	view->id = id;
	for (size_t i = 0; i < at; i++)
		*texts[i] = text(e[i]);
	view->has_failed_reason = e[10]->type == REDIS_REPLY_STRING;
	view->has_return_value = e[12]->type == REDIS_REPLY_STRING;
	view->lock_ms = integer(e[at++]);
	for (int set = 0; set < VIEW_SETS; set++, at++) {
		view->in_set[set] = e[at]->type == REDIS_REPLY_STRING;
		view->score[set] = view->in_set[set] ? strtod(e[at]->str, NULL) : 0;
	}
	view->in_stalled = integer(e[at++]) != 0;
	for (int list = 0; list < VIEW_LISTS; list++)
		view->in_list[list] = integer(e[at++]);
	view->children = integer(e[at++]);
	view->missing_child = text(e[at]);
}

bool
views_read(struct audit *audit, const struct view_queue *queue, const char *const *ids,
	   size_t count, bool exact, struct views *views, struct failure *why)
{
	static struct redis_script script = {.source = jobs_lua};
	const char *argv[3 + VIEW_MOST] = {queue->meta, queue->prefix, exact ? "1" : "0"};
	redisReply *reply;

	*views = (struct views){.count = 0};
	if (count == 0)
		return true;
	memcpy(&argv[3], ids, count * sizeof(*ids));
	reply = redis_eval(audit->redis, &script, SCRIPT_MS, why, 1, (int)(3 + count), argv, NULL);
	if (reply == NULL)
		return false;
	views->reply = reply;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != count)
		return failure_set(why, FAILURE_AWAY, "Redis: an answer of another shape");
	for (size_t i = 0; i < count; i++) {
		const redisReply *job = reply->element[i];

		if (job->type != REDIS_REPLY_ARRAY || job->elements != ELEMENTS)
			return failure_set(why, FAILURE_AWAY, "Redis: an answer of another shape");
		fill(&views->list[i], ids[i], job->element);
	}
	views->count = count;
	return true;
}

void
views_free(struct views *views)
{
	redis_reply_free(views->reply);
	views->reply = NULL;
	views->count = 0;
}

static const char *const set_names[VIEW_SETS] = {"prioritized", "delayed", "completed", "failed",
						 "waiting-children"};
static const char *const list_names[VIEW_LISTS] = {"waiting", "paused", "active"};

const char *
view_state(const struct view *view, char *out, size_t out_size)
{
	FILE *to = fmemopen(out, out_size, "w");
	const char *plus = "";

	out[0] = '\0';
	if (to == NULL)
		return out;
	for (int list = 0; list < VIEW_LISTS; list++) {
		for (int64_t n = 0; n < view->in_list[list] && n < 3; n++, plus = "+")
			fprintf(to, "%s%s", plus, list_names[list]);
	}
	for (int set = 0; set < VIEW_SETS; set++) {
		if (view->in_set[set]) {
			fprintf(to, "%s%s", plus, set_names[set]);
			plus = "+";
		}
	}
	if (plus[0] == '\0')
		fputs(strcmp(view->type, "none") == 0 ? "missing" : "unknown", to);
	(void)fclose(to);
	return out;
}

int64_t
view_places(const struct view *view)
{
	int64_t places = 0;

	for (int list = 0; list < VIEW_LISTS; list++)
		places += view->in_list[list] > 0 ? view->in_list[list] : 0;
	for (int set = 0; set < VIEW_SETS; set++)
		places += view->in_set[set];
	return places;
}

bool
view_lives(const struct view *view)
{
	return strcmp(view->type, "hash") == 0 &&
	       (view->in_list[VIEW_WAIT] > 0 || view->in_list[VIEW_PAUSED] > 0 ||
		view->in_list[VIEW_ACTIVE] > 0 || view->in_set[VIEW_PRIORITIZED] ||
		view->in_set[VIEW_DELAYED] || view->in_set[VIEW_WAITING_CHILDREN]);
}

int64_t
view_due_ms(const struct view *view)
{
	double due = view->score[VIEW_DELAYED] / 4096;

	return due > -9e15 && due < 9e15 ? (int64_t)due : 0;
}
