/*
 * publish.c - one deviation to DeviantArt, file by file.                 [worker]
 */
#include "worker/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "worker/gates.h"
#include "worker/journal.h"
#include "worker/reconcile.h"

/* ---- uploading ---- */

struct upload {
	struct publishing *p;
	int64_t told_ms;
};

static void
on_progress(void *arg, int64_t sent_bytes)
{
	struct upload *upload = arg;
	struct publishing *p = upload->p;
	int64_t size = p->file->size_bytes;

	if (clock_mono_ms() - upload->told_ms < 1000 || size <= 0)
		return;
	upload->told_ms = clock_mono_ms();
	publishing_tell(p, "uploading", (int)(sent_bytes >= size ? 100 : sent_bytes * 100 / size),
			NULL);
}

static bool
call_submit(struct publishing *p, void *arg, struct failure *why)
{
	const struct deviantart_post post = deviation_post(p->deviation);
	const struct deviantart_file file = {.storage_key = p->file->key,
					     .mime_type = p->file->type,
					     .original_filename = p->file->name,
					     .size_bytes = p->file->size_bytes};

	return deviantart_submit(p->tools->deviantart, p->deviation->access_token, &post, &file,
				 NULL, lease_watch(p->lease), on_progress, arg, p->file->item, why);
}

static bool
call_record_item(struct publishing *p, void *arg, struct failure *why)
{
	(void)arg;
	return journal_submitted(p->tools->postgres, p->deviation, p->lock, p->file, why);
}

static void
warn_of_long_title(const struct publishing *p)
{
	bool cut = false;
	char *title = deviantart_clean_title(p->deviation->title, &cut);

	if (title != NULL && cut)
		log_event(LOG_WARN, "The title is longer than DeviantArt takes; it is cut",
			  (struct log_field[]){LOG_STR("title", title), LOG_END});
	free(title);
}

static bool
upload(struct publishing *p, struct failure *why)
{
	struct upload upload = {.p = p, .told_ms = clock_mono_ms()};
	int64_t begun_ms = clock_mono_ms();

	scoreboard_activity(p->tools->board, p->tools->slot, ACTIVITY_UPLOADING);
	warn_of_long_title(p);
	publishing_tell(p, "uploading", 0, "uploading %s (%lld bytes)", p->file->name,
			(long long)p->file->size_bytes);
	if (!publishing_with_token(p, call_submit, &upload, why))
		return failure_prefix(why, "upload of %s: ", p->file->name);
	deviation_digest(p->deviation, p->file, p->file->digest);
	if (!publishing_insist(p, call_record_item, NULL, why))
		return false;
	p->deviation->refused_for_ms =
		-1; /* something went well: the day of refusals begins anew */
	scoreboard_operator_fault(p->tools->board, p->tools->slot, OPERATOR_FAULT_STORAGE, NULL);
	scoreboard_count(p->tools->board, p->tools->slot, COUNTER_UPLOADS, 1);
	scoreboard_count(p->tools->board, p->tools->slot, COUNTER_UPLOADED_BYTES,
			 (uint64_t)p->file->size_bytes);
	scoreboard_time(p->tools->board, p->tools->slot, TIMING_UPLOAD, clock_mono_ms() - begun_ms);
	log_event(LOG_INFO, "File uploaded to Sta.sh",
		  (struct log_field[]){LOG_STR("itemId", p->file->item),
				       LOG_INT("sizeBytes", p->file->size_bytes),
				       LOG_INT("durationMs", clock_mono_ms() - begun_ms), LOG_END});
	return true;
}

/* An item that was uploaded and never asked to publish serves as long as the row still says what
 * was submitted. */
static bool
is_uploaded(const struct publishing *p)
{
	char digest[65];

	if (p->file->state != FILE_SUBMITTED || p->file->item[0] == '\0')
		return false;
	deviation_digest(p->deviation, p->file, digest);
	return digest[0] != '\0' && strcmp(digest, p->file->digest) == 0;
}

/* ---- publishing ---- */

static bool
call_record(struct publishing *p, void *arg, struct failure *why)
{
	return publishing_record(p, arg, PUBLISHING_ANSWERED, "published", why);
}

static bool
record_published(struct publishing *p, struct deviantart_published *published, struct failure *why)
{
	publishing_gate_ok(p);
	scoreboard_count(p->tools->board, p->tools->slot, COUNTER_PUBLISHES, 1);
	if (!publishing_insist(p, call_record, published, why))
		return failure_prefix(why, "published as %s, but not recorded: ", published->url);
	log_event(LOG_INFO, "Deviation published",
		  (struct log_field[]){LOG_STR("url", published->url),
				       LOG_STR("itemId", p->file->item), LOG_END});
	return true;
}

static enum publish_result
publish_first_time(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	struct deviantart_published published = {.url = ""};

	scoreboard_activity(p->tools->board, p->tools->slot, ACTIVITY_PUBLISHING);
	publishing_tell(p, "publishing", 0, "publishing item %s", p->file->item);
	if (!lease_prove(p->lease, why) ||
	    !journal_publishing(p->tools->postgres, p->deviation, p->lock, p->file, false, why))
		return PUBLISH_FAILED;
	if (publishing_ask(p, &published, why))
		return record_published(p, &published, why) ? PUBLISH_DONE : PUBLISH_FAILED;
	if (publishing_code(why) == PUBLISH_CODE_ALREADY_PUBLISHED) {
		p->publish_refused = false;
		return reconcile_already_published(p, wait, why);
	}
	if (publishing_code(why) == PUBLISH_CODE_ITEM_GONE) {
		p->publish_refused = false;
		return reconcile_item_gone(p, wait, why);
	}
	return PUBLISH_FAILED;
}

/* ---- the way of one file ---- */

static enum publish_result
ask_gates(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	struct gates_verdict verdict;
	char gate_name[PUBLISHING_GATE_NAME_SIZE];

	publishing_gate_name(p, gate_name);
	if (!gates_ask(p->tools->gates, p->deviation->user_id, gate_name, &verdict, why))
		return PUBLISH_FAILED;
	if (!verdict.go) {
		wait->wait_ms = verdict.wait_ms;
		wait->kind = verdict.kind;
		snprintf(wait->reason, sizeof(wait->reason), "%s", verdict.reason);
		return PUBLISH_WAIT;
	}
	p->asked_gates = true;
	return PUBLISH_DONE;
}

static enum publish_result
run_file(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	enum publish_result gate;

	if (p->deviation->stash_only && is_uploaded(p))
		return PUBLISH_DONE;
	if (p->file->state == FILE_PUBLISHING && reconcile_must_wait(p, wait))
		return PUBLISH_WAIT;
	gate = ask_gates(p, wait, why);
	if (gate != PUBLISH_DONE)
		return gate;
	if (!lease_go_on(p->lease, why) || !publishing_refresh_token(p, false, why))
		return PUBLISH_FAILED;
	if (p->file->state == FILE_PUBLISHING)
		return reconcile_file(p, wait, why);
	if (!is_uploaded(p) && !upload(p, why))
		return PUBLISH_FAILED;
	if (p->deviation->stash_only) {
		publishing_gate_ok(p);
		return PUBLISH_DONE;
	}
	return publish_first_time(p, wait, why);
}

/* What a Node worker left on the row: an item without a journal entry, or a post that was never
 * recorded as published. */
static bool
adopt(struct publishing *p, struct failure *why)
{
	struct deviation *d = p->deviation;
	struct deviation_file *first = &d->files[0];

	if (first->state != FILE_NEW || d->stash_only)
		return true;
	if (d->deviation_id != NULL && !d->multiple) {
		first->state = FILE_PUBLISHED;
		first->deviation_id = strdup(d->deviation_id);
		first->url = d->deviation_url != NULL ? strdup(d->deviation_url) : NULL;
		return true;
	}
	if (d->stash_item_id == NULL || d->stash_item_id[0] == '\0' || d->stash_item_settled)
		return true;
	if (strlen(d->stash_item_id) >= DEVIANTART_ITEM_SIZE)
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "the row's stash_item_id is no item id of DeviantArt's");
	log_event(LOG_WARN,
		  "An item that the journal does not know is adopted, its outcome unknown",
		  (struct log_field[]){LOG_STR("itemId", d->stash_item_id), LOG_END});
	return journal_adopt(p->tools->postgres, d, p->lock, why);
}

/* Every file is done already, but the row does not say so (it was overwritten, or stash_only): it
 * is put right. */
static bool
finish_row(struct publishing *p, struct failure *why)
{
	return journal_published(p->tools->postgres, p->deviation, p->lock, NULL, true, true,
				 p->deviation->stash_only ? "stashed" : "recorded", NULL, why);
}

/* The whole post has just become public. When it was due was told by PostgreSQL's clock. */
static void
count_lateness(const struct publishing *p)
{
	const struct deviation *d = p->deviation;

	if (d->due_known && d->due_in_ms > INT64_MIN / 2)
		scoreboard_time(p->tools->board, p->tools->slot, TIMING_LATENESS,
				clock_mono_ms() - d->read_mono_ms - d->due_in_ms);
}

enum publish_result
publish_run(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	struct deviation *d = p->deviation;
	bool recorded = false;

	p->file = &d->files[0];
	if (!adopt(p, why))
		return PUBLISH_FAILED;
	for (size_t i = 0; i < p->file_count; i++) {
		enum publish_result result;

		p->file = &d->files[i];
		recorded = false;
		if (p->file->state == FILE_PUBLISHED)
			continue;
		p->asked_gates = p->publish_refused = p->item_gone = p->unknowable = false;
		p->was_asked = false;
		result = run_file(p, wait, why);
		if (result == PUBLISH_FAILED && why->category == FAILURE_LOST && !p->was_asked)
			scoreboard_count(p->tools->board, p->tools->slot, COUNTER_FENCED, 1);
		if (result != PUBLISH_DONE)
			return result;
		recorded = p->file->state == FILE_PUBLISHED;
	}
	/* publishing_record() of the last file has written the row; nothing else has. */
	if (!recorded)
		return finish_row(p, why) ? PUBLISH_DONE : PUBLISH_FAILED;
	count_lateness(p);
	return PUBLISH_DONE;
}
