/*
 * publishing.c - the steps that publish.c and reconcile.c both take.    [worker]
 */
#include "worker/publishing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/postgres.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "common/scoreboard.h"
#include "worker/gates.h"
#include "worker/journal.h"
#include "worker/orders.h"
#include "worker/shortage.h"
#include "worker/token.h"

#define INSIST_EVERY_MS 250
#define MATCH_AGAIN_MS  500

void
publishing_tell(struct publishing *p, const char *stage, int percent, const char *format, ...)
{
	char line[512], progress[128];
	va_list args;

	snprintf(progress, sizeof(progress),
		 "{\"step\":\"%s\",\"percent\":%d,\"file\":%zu,\"files\":%zu}", stage, percent,
		 (size_t)(p->file - p->deviation->files) + 1, p->file_count);
	queue_progress(p->tools->queue, p->job, progress, NULL);
	if (format != NULL) {
		va_start(args, format);
		vsnprintf(line, sizeof(line), format, args);
		va_end(args);
		queue_log(p->tools->queue, p->job, line, NULL);
	}
	/* A step may take minutes: who watches the job sees it begin, not end. */
	redis_nudge(p->tools->redis);
}

void
publishing_gate_name(const struct publishing *p, char out[PUBLISHING_GATE_NAME_SIZE])
{
	snprintf(out, PUBLISHING_GATE_NAME_SIZE, "%s:%s", p->deviation->id, p->file->id);
}

void
publishing_gate_ok(const struct publishing *p)
{
	char name[PUBLISHING_GATE_NAME_SIZE];

	publishing_gate_name(p, name);
	gates_ok(p->tools->gates, p->deviation->user_id, name);
}

bool
publishing_refresh_token(struct publishing *p, bool force, struct failure *why)
{
	struct tools *tools = p->tools;
	bool asks = force || !token_is_fresh(p->deviation);
	bool refreshed;

	if (asks && !lease_has_time_to_refresh(p->lease))
		return failure_set(why, FAILURE_NETWORK_ERROR,
				   "too little of the job's time is left to refresh the token");
	/* An answer that there is no memory for costs the artist his login. */
	if (asks && shortage_is_for_good(tools))
		return failure_set(why, FAILURE_AWAY, "too little memory to refresh the token");
	if (!token_fresh(tools->tokens, p->deviation, force, lease_watch(p->lease),
			 lease_refresh_watch(p->lease), &refreshed, why)) {
		/* Else nobody was asked, or somebody else asks already. */
		if (why->category != FAILURE_AWAY)
			scoreboard_count(tools->board, tools->slot, COUNTER_TOKEN_REFRESH_FAILURES,
					 1);
		return false;
	}
	if (refreshed) {
		scoreboard_count(tools->board, tools->slot, COUNTER_TOKEN_REFRESHES, 1);
		/* DeviantArt knows the client: what the operator had to mend is mended. */
		scoreboard_operator_fault(tools->board, tools->slot, OPERATOR_FAULT_APPLICATION,
					  NULL);
	}
	return true;
}

bool
publishing_with_token(struct publishing *p, publishing_call *call, void *arg, struct failure *why)
{
	if (call(p, arg, why))
		return true;
	if (p->token_forced ||
	    (why->category != FAILURE_TOKEN_EXPIRED && why->category != FAILURE_AUTH_ERROR))
		return false;
	p->token_forced = true;
	return publishing_refresh_token(p, true, why) && call(p, arg, why);
}

bool
publishing_insist(struct publishing *p, publishing_call *call, void *arg, struct failure *why)
{
	struct failure stopped;

	while (!call(p, arg, why)) {
		if (why->category != FAILURE_AWAY || !lease_go_on(p->lease, &stopped) ||
		    shortage_is_for_good(p->tools))
			return false;
		orders_wait(p->tools->orders, INSIST_EVERY_MS);
	}
	return true;
}

struct publish_request {
	int sent;
	unsigned repair;
	struct deviantart_published *published;
};

static bool
call_publish(struct publishing *p, void *arg, struct failure *why)
{
	struct publish_request *request = arg;
	const struct deviantart_post post = deviation_post(p->deviation);
	bool done;

	/* The first request's intention is committed already; each further one is fenced anew. */
	p->was_asked = false;
	if (!lease_prove(p->lease, why) ||
	    (request->sent > 0 &&
	     !journal_publishing(p->tools->postgres, p->deviation, p->lock, p->file, true, why)))
		return false;
	p->was_asked = true;
	request->sent++;
	p->lease->irrevocable = true;
	done = deviantart_publish(p->tools->deviantart, p->deviation->access_token, p->file->item,
				  &post, request->repair, lease_watch(p->lease), request->published,
				  why);
	p->lease->irrevocable = false;
	return done;
}

/* What a refusal says to leave out; 0: nothing. */
static unsigned
repair_of(const struct failure *why)
{
	if (why->category != FAILURE_VALIDATION_ERROR)
		return 0;
	if (why->error_code == PUBLISH_CODE_CATEGORY_MISSING ||
	    why->error_code == PUBLISH_CODE_CATEGORY_INVALID)
		return DEVIANTART_REPAIR_CATEGORY;
	return why->error_code == PUBLISH_CODE_RESOLUTION ? DEVIANTART_REPAIR_RESOLUTION : 0;
}

int
publishing_code(const struct failure *why)
{
	return why->category == FAILURE_VALIDATION_ERROR && why->http_status != 0 ? why->error_code
										  : -1;
}

bool
publishing_ask(struct publishing *p, struct deviantart_published *published, struct failure *why)
{
	struct publish_request request = {.published = published};
	int64_t begun_ms = clock_mono_ms();
	bool done = publishing_with_token(p, call_publish, &request, why);

	while (!done) {
		unsigned more = repair_of(why);

		if (more == 0 || (request.repair & more) != 0)
			break;
		request.repair |= more;
		done = publishing_with_token(p, call_publish, &request, why);
	}
	if (done) {
		scoreboard_time(p->tools->board, p->tools->slot, TIMING_PUBLISH,
				clock_mono_ms() - begun_ms);
		return true;
	}
	p->publish_refused = why->category != FAILURE_OUTCOME_UNKNOWN;
	return failure_prefix(why, "publish: ");
}

/*
 * PostgreSQL refused a value. What is public is recorded whatever else fails: where DeviantArt's id
 * already belongs to another post of ours, without the id (that one was matched wrongly, unless
 * this one is); else without the sale queue, whose table is the API server's.
 */
static bool
record_without(struct publishing *p, bool last, enum publishing_source source, const char *step,
	       struct failure *why)
{
	struct deviation_file *file = p->file;
	bool id_is_taken = strcmp(postgres_sqlstate(p->tools->postgres), "23505") == 0;

	if (why->category != FAILURE_UNKNOWN)
		return false;
	if (id_is_taken && source == PUBLISHING_FOUND) {
		failure_set(why, FAILURE_AWAY, "the post in the gallery is another one of ours");
		why->wait_ms = MATCH_AGAIN_MS;
		return false;
	}
	log_failure(LOG_ERROR, "A published post cannot be recorded whole", why,
		    (struct log_field[]){LOG_STR("url", file->url), LOG_END});
	if (id_is_taken) {
		free(file->deviation_id);
		file->deviation_id = NULL;
	}
	return journal_published(p->tools->postgres, p->deviation, p->lock, file, last, id_is_taken,
				 step, file->url, why);
}

bool
publishing_record(struct publishing *p, const struct deviantart_published *published,
		  enum publishing_source source, const char *step, struct failure *why)
{
	struct deviation_file *file = p->file;
	bool last = (size_t)(file - p->deviation->files) + 1 == p->file_count;
	bool has_id = published->deviation_id[0] != '\0', has_url = published->url[0] != '\0';
	char *id = has_id ? strdup(published->deviation_id) : NULL;
	char *url = has_url ? strdup(published->url) : NULL;

	scoreboard_activity(p->tools->board, p->tools->slot, ACTIVITY_RECORDING);
	if ((has_id && id == NULL) || (has_url && url == NULL)) {
		free(id);
		free(url);
		return failure_set(why, FAILURE_AWAY, "out of memory for the link of the post");
	}
	free(file->deviation_id);
	free(file->url);
	file->deviation_id = id;
	file->url = url;
	if (!journal_published(p->tools->postgres, p->deviation, p->lock, file, last, true, step,
			       url, why) &&
	    !record_without(p, last, source, step, why))
		return false;
	file->state = FILE_PUBLISHED;
	p->deviation->refused_for_ms =
		-1; /* something went well: the day of refusals begins anew */
	publishing_tell(p, "publishing", 100, "published: %s",
			url != NULL ? url : "(no link known)");
	return true;
}
