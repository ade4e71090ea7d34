/*
 * judge.c - is this job as BullMQ leaves jobs? (I9)                    [verify command]
 */
#include "worker/verify/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS        4294967296.0
#define PRIORITY_MAX 2097151
#define DUE_LEAST_MS 978307200000.0 /* 2001: nothing was scheduled before there were queues */
#define DUE_MOST_MS  1e15 /* a post may be scheduled for any year that a date can have, nearly */

struct judging {
	const struct view *view;
	struct judgement *out;
	size_t count;
};

static void __attribute__((format(printf, 4, 5)))
wrong(struct judging *j, enum check check, int settle, const char *format, ...)
{
	va_list args;

	if (j->count == JUDGE_MOST)
		return;
	j->out[j->count].check = check;
	j->out[j->count].settle = settle;
	va_start(args, format);
	vsnprintf(j->out[j->count].text, sizeof(j->out[j->count].text), format, args);
	va_end(args);
	j->count++;
}

static bool
is_whole(const char *text)
{
	return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* 5.2: the due time in ms times 4096, and the low bits keep the order. */
static void
judge_delayed(struct judging *j)
{
	double due_ms = j->view->score[VIEW_DELAYED] / 4096;

	if (!(due_ms >= DUE_LEAST_MS && due_ms <= DUE_MOST_MS))
		wrong(j, CHECK_BAD_SCORE, SETTLE_AT_ONCE,
		      "its score in delayed, %.17g, is no time that it could be due at",
		      j->view->score[VIEW_DELAYED]);
}

/* 5.3: the class of the score is the priority. */
static void
judge_prioritized(struct judging *j)
{
	double score = j->view->score[VIEW_PRIORITIZED];
	long long priority = strtoll(j->view->priority, NULL, 10);

	if (!is_whole(j->view->priority) || priority < 1 || priority > PRIORITY_MAX)
		wrong(j, CHECK_BAD_SCORE, SETTLE_AT_ONCE,
		      "it is in prioritized with the priority \"%.40s\"; 1 to %d are possible",
		      j->view->priority, PRIORITY_MAX);
	else if (!(score >= (double)priority * CLASS && score < (double)(priority + 1) * CLASS))
		wrong(j, CHECK_BAD_SCORE, SETTLE_AT_ONCE,
		      "its score in prioritized, %.17g, is not of its priority %lld", score,
		      priority);
}

static void
judge_ended(struct judging *j, bool completed)
{
	const char *missing = NULL;

	if (j->view->finished_on[0] == '\0')
		missing = "finishedOn";
	else if (completed && !j->view->has_return_value)
		missing = "returnvalue";
	else if (!completed && !j->view->has_failed_reason)
		missing = "failedReason";
	if (missing != NULL)
		wrong(j, CHECK_ENDED_OPENLY, SETTLE_AT_ONCE, "it is in %s without a %s",
		      completed ? "completed" : "failed", missing);
}

/* 15.1: nobody releases a parent that has no child left, or waits for one that does not exist. */
static void
judge_parent(struct judging *j)
{
	if (j->view->children == 0)
		wrong(j, CHECK_STUCK_PARENT, SETTLE_SOON,
		      "it waits for children, and none is left");
	else if (j->view->missing_child[0] != '\0')
		wrong(j, CHECK_STUCK_PARENT, SETTLE_SOON,
		      "it waits for its child %.200s, which does not exist",
		      j->view->missing_child);
}

static void
judge_place(struct judging *j)
{
	const struct view *v = j->view;
	bool ended = v->in_set[VIEW_COMPLETED] || v->in_set[VIEW_FAILED];

	if (v->in_set[VIEW_DELAYED])
		judge_delayed(j);
	if (v->in_set[VIEW_PRIORITIZED])
		judge_prioritized(j);
	if (ended)
		judge_ended(j, v->in_set[VIEW_COMPLETED]);
	else if (v->finished_on[0] != '\0')
		wrong(j, CHECK_ENDED_OPENLY, SETTLE_AT_ONCE,
		      "it is to be run, and has a finishedOn already");
	if (v->in_set[VIEW_WAITING_CHILDREN])
		judge_parent(j);
}

static void
judge_lock(struct judging *j)
{
	const struct view *v = j->view;
	bool active = v->in_list[VIEW_ACTIVE] > 0;

	if (active && v->lock[0] == '\0')
		wrong(j, CHECK_NO_LOCK, SETTLE_STALLED,
		      "it is active, nobody holds its lock, and no stalled check took it back");
	if (!active && v->lock[0] != '\0')
		wrong(j, CHECK_STRAY_LOCK, v->lock_ms < 0 ? SETTLE_SOON : SETTLE_LOCK,
		      "it is not active, and locked%s", v->lock_ms < 0 ? " for ever" : "");
	if (!active && v->in_stalled)
		wrong(j, CHECK_STRAY_STALLED, SETTLE_STALLED,
		      "it is not active, and in the set stalled");
}

size_t
judge_job(const struct view *view, struct judgement out[JUDGE_MOST])
{
	struct judging j = {.view = view, .out = out};
	bool hash = strcmp(view->type, "hash") == 0;
	char state[200];

	view_state(view, state, sizeof(state));
	if (view_places(view) > 1)
		wrong(&j, CHECK_TWO_PLACES, SETTLE_AT_ONCE, "it is in more than one place: %s",
		      state);
	if (!hash && view_places(view) > 0)
		wrong(&j, CHECK_NO_HASH, SETTLE_SOON, "it is %s, and has no hash (its key: %.20s)",
		      state, view->type);
	if (hash && view_places(view) == 0)
		wrong(&j, CHECK_NO_PLACE, SETTLE_SOON, "it has a hash, and is in no list or set%s",
		      view->finished_on[0] != '\0' ? "; it has ended" : "; it is to be run");
	if (hash && view_places(view) > 0)
		judge_place(&j);
	judge_lock(&j);
	return j.count;
}

bool
judge_is_odd(const struct view *view, enum view_list list)
{
	struct view seen = *view;
	struct judgement out[JUDGE_MOST];

	for (int l = 0; l < VIEW_LISTS; l++)
		seen.in_list[l] = l == (int)list;
	return judge_job(&seen, out) > 0;
}
