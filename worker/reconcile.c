/*
 * reconcile.c - what became of a publish whose answer was lost.          [worker]
 */
#include "worker/reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "worker/journal.h"

#define GALLERY_PAGE       24
#define GALLERY_PAGES      2
#define CANDIDATES_MAX     10  /* what one metadata request takes (deviantart-api.md 7) */
#define EARLIER_S          120 /* a post may bear a time a little before our request's */
#define OLD_S              600 /* what is older ends the reading */
#define LINK_GIVEN_UP_MS   (30 * 60 * 1000)
#define LINK_FIRST_WAIT_MS 2000
#define GONE_LOOKS         3
#define GONE_WAIT_MS       15000
#define GONE_FIRST_WAIT_MS 1000
#define ASKS_MAX           5
#define GALLERY_TRIES      3
#define TWIN_LOOKS         6 /* 2 + 4 + ... + 64 s: longer than a publish may take */

/* What the gallery has of a post's title, time and size. */
enum shown {
	SHOWN_NOTHING,
	SHOWN_OURS,
	SHOWN_OTHERS,    /* only what is another post's of ours, or may be */
	SHOWN_UNDECIDED, /* the same, and another one has not looked yet whether it is his */
};

struct candidates {
	struct deviantart_gallery_post posts[CANDIDATES_MAX];
	size_t count;
	int64_t low_bytes, high_bytes; /* their sizes lie between these, as far as is known */
};

static int64_t
first_request_s(const struct deviation_file *file)
{
	if (file->publish_first_at_s > 0)
		return file->publish_first_at_s;
	return clock_wall_ms() / 1000 -
	       (file->publish_last_ago_ms > 0 ? file->publish_last_ago_ms : 0) / 1000;
}

/* ---- reading the gallery ---- */

struct gallery_page {
	int offset;
	struct deviantart_gallery_post *posts;
	size_t count;
	bool has_more;
};

static bool
call_gallery(struct publishing *p, void *arg, struct failure *why)
{
	struct gallery_page *page = arg;

	return deviantart_gallery(p->tools->deviantart, p->deviation->access_token, page->offset,
				  lease_watch(p->lease), page->posts, &page->count, &page->has_more,
				  why);
}

/* What the gallery calls the post: its artist may have changed the row since. */
static const char *
submitted_title(const struct publishing *p)
{
	return p->file->title != NULL ? p->file->title : p->deviation->title;
}

static char *
title_in_gallery(const char *title)
{
	bool cut;
	char *clean = deviantart_clean_title(title, &cut);
	char *plain = clean == NULL ? NULL : deviantart_plain_title(clean);

	free(clean);
	return plain;
}

static bool
same_title(const char *ours, const struct deviantart_gallery_post *post)
{
	char *plain = deviantart_plain_title(post->title);
	bool same = plain != NULL && strcmp(plain, ours) == 0;

	free(plain);
	return same;
}

/* Posts that could be ours: what does not tell its time may be years old. *reached_old: nothing
 * newer follows. */
static void
pick(const struct gallery_page *page, const char *title, int64_t first_s, struct candidates *found,
     bool *reached_old)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct deviantart_gallery_post *post = &page->posts[i];

		if (post->published_time_s != 0 && post->published_time_s < first_s - OLD_S)
			*reached_old = true;
		if (post->published_time_s < first_s - EARLIER_S)
			continue;
		if (found->count < CANDIDATES_MAX && same_title(title, post))
			found->posts[found->count++] = *post;
	}
}

static bool
read_gallery(struct publishing *p, struct candidates *found, struct failure *why)
{
	int64_t first_s = first_request_s(p->file);
	struct gallery_page page = {.has_more = true};
	bool reached_old = false, done = false;
	char *title = title_in_gallery(submitted_title(p));

	found->count = 0;
	page.posts = calloc(GALLERY_PAGE, sizeof(*page.posts));
	if (page.posts == NULL || title == NULL) {
		failure_set(why, FAILURE_AWAY, "out of memory");
		goto out;
	}
	for (int n = 0; n < GALLERY_PAGES && page.has_more && !reached_old; n++) {
		page.offset = n * GALLERY_PAGE;
		if (!publishing_with_token(p, call_gallery, &page, why)) {
			failure_prefix(why, "reading the gallery: ");
			goto out;
		}
		pick(&page, title, first_s, found, &reached_old);
	}
	done = true;
out:
	free(page.posts);
	free(title);
	return done;
}

/* Drops candidates that are another post's of ours already. */
static bool
drop_used(struct publishing *p, struct candidates *found, struct failure *why)
{
	const char *ids[CANDIDATES_MAX];
	bool used[CANDIDATES_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < found->count; i++)
		ids[i] = found->posts[i].deviation_id;
	if (found->count == 0)
		return true;
	if (!journal_used_posts(p->tools->postgres, p->deviation->id, p->file->id, ids,
				found->count, used, why))
		return false;
	for (size_t i = 0; i < found->count; i++) {
		if (!used[i])
			found->posts[kept++] = found->posts[i];
	}
	found->count = kept;
	return true;
}

struct metadata_request {
	const char *ids[CANDIDATES_MAX];
	size_t count;
	struct deviantart_metadata found[CANDIDATES_MAX];
	size_t found_count;
};

static bool
call_metadata(struct publishing *p, void *arg, struct failure *why)
{
	struct metadata_request *request = arg;

	return deviantart_metadata(p->tools->deviantart, p->deviation->access_token, request->ids,
				   request->count, lease_watch(p->lease), request->found,
				   &request->found_count, why);
}

/* The sizes that a post's metadata allow. What is not told allows every size. */
static void
allowed_sizes(const struct metadata_request *request, const char *id, int64_t *low_bytes,
	      int64_t *high_bytes)
{
	*low_bytes = 0;
	*high_bytes = INT64_MAX;
	for (size_t i = 0; i < request->found_count; i++) {
		const struct deviantart_metadata *m = &request->found[i];

		if (strcmp(m->deviation_id, id) == 0 && m->file_size_bytes_high > 0) {
			*low_bytes = m->file_size_bytes_low;
			*high_bytes = m->file_size_bytes_high;
		}
	}
}

/* Keeps the posts that may have our file's size, the earliest first. */
static void
keep_fitting(const struct metadata_request *request, int64_t size_bytes, struct candidates *found)
{
	size_t kept = 0;

	found->low_bytes = INT64_MAX;
	found->high_bytes = 0;
	for (size_t i = 0; i < found->count; i++) {
		const struct deviantart_gallery_post post = found->posts[i];
		int64_t low, high;

		allowed_sizes(request, post.deviation_id, &low, &high);
		if (size_bytes < low || size_bytes > high)
			continue;
		found->low_bytes = low < found->low_bytes ? low : found->low_bytes;
		found->high_bytes = high > found->high_bytes ? high : found->high_bytes;
		found->posts[kept] = post;
		if (post.published_time_s < found->posts[0].published_time_s) {
			found->posts[kept] = found->posts[0];
			found->posts[0] = post;
		}
		kept++;
	}
	found->count = kept;
}

static bool
narrow(struct publishing *p, struct candidates *found, struct failure *why)
{
	struct metadata_request *request = calloc(1, sizeof(*request));
	bool done;

	if (request == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	request->count = found->count;
	for (size_t i = 0; i < found->count; i++)
		request->ids[i] = found->posts[i].deviation_id;
	done = publishing_with_token(p, call_metadata, request, why);
	if (done)
		keep_fitting(request, p->file->size_bytes, found);
	free(request);
	return done || failure_prefix(why, "reading metadata: ");
}

struct twins {
	const struct candidates *found;
	char *title;
	size_t count;
	bool all_looked;
};

/* One that the gallery would show as one of those found. */
static void
count_twin(void *arg, const char *title, int64_t size_bytes, bool looked)
{
	struct twins *twins = arg;
	char *shown = title_in_gallery(title);

	/* Out of memory: it may be a twin. */
	if ((shown == NULL || strcmp(shown, twins->title) == 0) &&
	    (size_bytes < 0 ||
	     (size_bytes >= twins->found->low_bytes && size_bytes <= twins->found->high_bytes))) {
		twins->count++;
		twins->all_looked = twins->all_looked && looked;
	}
	free(shown);
}

/*
 * Where other posts of the user bear our title and size and are as unsettled as this one, a post
 * that is shown may be any of theirs: it is taken for ours only if there are enough for all, or if
 * ours is known to be public. Else asking for the item again decides, once every one of them has
 * looked. *undecided: one has not.
 */
static bool
leave_to_twins(struct publishing *p, struct candidates *found, bool *undecided, struct failure *why)
{
	struct twins twins = {.found = found, .all_looked = true};
	bool done;

	if (found->count == 0 || p->file->public_for_ms >= 0)
		return true;
	twins.title = title_in_gallery(submitted_title(p));
	if (twins.title == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	done = journal_twins(p->tools->postgres, p->deviation, p->file, count_twin, &twins, why);
	free(twins.title);
	if (done && found->count <= twins.count) {
		found->count = 0;
		*undecided = !twins.all_looked;
	}
	return done;
}

static bool
find_post(struct publishing *p, struct deviantart_published *published, enum shown *shown,
	  struct failure *why)
{
	struct candidates *found = calloc(1, sizeof(*found));
	size_t others = 0;
	bool done, undecided = false;

	if (found == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	done = read_gallery(p, found, why) && (found->count == 0 || narrow(p, found, why));
	if (done)
		others = found->count;
	done = done && drop_used(p, found, why) && leave_to_twins(p, found, &undecided, why);
	*shown = found->count > 0 ? SHOWN_OURS
		 : undecided      ? SHOWN_UNDECIDED
		 : others > 0     ? SHOWN_OTHERS
				  : SHOWN_NOTHING;
	if (done && *shown == SHOWN_OURS) {
		snprintf(published->deviation_id, sizeof(published->deviation_id), "%s",
			 found->posts[0].deviation_id);
		snprintf(published->url, sizeof(published->url), "%s", found->posts[0].url);
	}
	free(found);
	return done;
}

/*
 * The gallery could not be read. What is nobody's fault, or asks us to wait, is waited out;
 * anything else (a missing scope, a broken answer) counts as a look that showed nothing, after a
 * wait of its own: no attempt is burned on it, and asking for the item again decides in the end.
 */
static bool
gallery_says_nothing(struct publishing *p, const struct failure *why)
{
	bool waited_out = why->outage || why->category == FAILURE_RATE_LIMIT ||
			  why->category == FAILURE_AWAY || why->category == FAILURE_OPERATOR ||
			  why->category == FAILURE_LOST || why->category == FAILURE_STOPPED ||
			  why->category == FAILURE_REFRESH_TOKEN_EXPIRED;

	return !waited_out && p->file->looks >= GALLERY_TRIES;
}

/* As find_post(), where a gallery that cannot be read again and again shows nothing. */
static bool
look_in_gallery(struct publishing *p, struct deviantart_published *published, enum shown *shown,
		struct failure *why)
{
	struct journal_outcome failed = {.looked = true, .step = "gallery unreadable"};
	struct failure away;

	if (find_post(p, published, shown, why))
		return true;
	*shown = SHOWN_NOTHING;
	if (gallery_says_nothing(p, why))
		return true;
	failed.detail = why->message;
	if (!why->outage && why->category != FAILURE_LOST && why->category != FAILURE_STOPPED &&
	    why->category != FAILURE_AWAY && why->category != FAILURE_RATE_LIMIT)
		(void)journal_outcome(p->tools->postgres, p->deviation->id, p->lock, p->file,
				      &failed, &away);
	return false;
}

/* ---- what follows from it ---- */

static enum publish_result
hold(struct publish_wait *wait, int64_t wait_ms, const char *reason)
{
	wait->unknown = true;
	wait->wait_ms = wait_ms > 1 ? wait_ms : 1;
	snprintf(wait->reason, sizeof(wait->reason), "%s", reason);
	return PUBLISH_WAIT;
}

static enum publish_result
settle(struct publishing *p, const struct deviantart_published *published,
       enum reconcile_outcome outcome, struct failure *why)
{
	enum publishing_source source =
		outcome == RECONCILED_PUBLISHED ? PUBLISHING_FOUND : PUBLISHING_ANSWERED;

	if (!publishing_record(p, published, source, reconcile_outcome_name(outcome), why))
		return PUBLISH_FAILED;
	publishing_gate_ok(p);
	scoreboard_count_reconciled(p->tools->board, p->tools->slot, outcome);
	log_event(LOG_INFO, "A publish with an unknown outcome is resolved",
		  (struct log_field[]){LOG_STR("outcome", reconcile_outcome_name(outcome)),
				       LOG_STR("url", published->url), LOG_END});
	return PUBLISH_DONE;
}

/* The waits between readings of the gallery for a link: 2 s doubling to 4 min. */
static int64_t
link_wait_ms(int looks)
{
	return (int64_t)LINK_FIRST_WAIT_MS << (looks < 7 ? looks : 7);
}

/* It is public, by error_code 9; only the link is missing. */
static enum publish_result
look_for_link(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	struct deviantart_published published = {.url = ""};
	const struct journal_outcome looked = {.is_public = true, .looked = true};
	enum shown shown;

	if (!look_in_gallery(p, &published, &shown, why))
		return PUBLISH_FAILED;
	if (shown == SHOWN_OURS)
		return settle(p, &published, RECONCILED_PUBLISHED, why);
	if (p->file->public_for_ms >= LINK_GIVEN_UP_MS)
		return settle(p, &published, RECONCILED_NO_LINK, why);
	if (!journal_outcome(p->tools->postgres, p->deviation->id, p->lock, p->file, &looked, why))
		return PUBLISH_FAILED;
	return hold(wait, link_wait_ms(p->file->looks),
		    "published, its link is not in the gallery yet");
}

enum publish_result
reconcile_already_published(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	const struct journal_outcome outcome = {.is_public = true,
						.step = "already published",
						.detail = "DeviantArt says so (error_code 9)"};

	if (!journal_outcome(p->tools->postgres, p->deviation->id, p->lock, p->file, &outcome, why))
		return PUBLISH_FAILED;
	if (p->file->public_for_ms < 0)
		p->file->public_for_ms = 0;
	return look_for_link(p, wait, why);
}

/* The item is gone: either published in a way that no gallery shows yet, or deleted. */
static enum publish_result
look_for_gone(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	const struct journal_outcome gone = {
		.item_gone = true, .looked = true, .step = "item gone", .detail = "error_code 7"};

	/* The very first request was refused: what the gallery may show is not ours of a moment
	 * ago, and one look is enough. */
	if (p->file->asks <= 1 || p->file->looks >= GONE_LOOKS) {
		p->item_gone = true;
		p->unknowable = true;
		scoreboard_count_reconciled(p->tools->board, p->tools->slot, RECONCILED_FAILED);
		failure_set(why, FAILURE_VALIDATION_ERROR,
			    "DeviantArt does not know the uploaded item any more and the gallery "
			    "does not show the post. "
			    "Please look at your gallery before scheduling it again; it will be "
			    "uploaded anew");
		return PUBLISH_FAILED;
	}
	if (!journal_outcome(p->tools->postgres, p->deviation->id, p->lock, p->file, &gone, why))
		return PUBLISH_FAILED;
	return hold(wait, (int64_t)GONE_WAIT_MS * (p->file->looks + 1),
		    "the item is gone; the gallery is read again");
}

enum publish_result
reconcile_item_gone(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	const struct journal_outcome gone = {
		.item_gone = true, .step = "item gone", .detail = "error_code 7"};

	if (!journal_outcome(p->tools->postgres, p->deviation->id, p->lock, p->file, &gone, why))
		return PUBLISH_FAILED;
	return hold(wait, GONE_FIRST_WAIT_MS, "the item is gone; the gallery is read");
}

/*
 * Asking again at once could make an item public twice, where the site does not refuse that. One
 * that has not looked may be in the middle of its publish: a moment later there may be a post for
 * each. And one that has may have taken what it found after we had read the gallery: that is worth
 * one more look.
 */
static bool
is_worth_another_look(enum shown shown, int looks)
{
	return (shown == SHOWN_UNDECIDED && looks < TWIN_LOOKS) ||
	       (shown == SHOWN_OTHERS && looks == 0);
}

static enum publish_result
look_once_more(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	const struct journal_outcome twin = {.looked = true, .step = "another post of this title"};

	if (!journal_outcome(p->tools->postgres, p->deviation->id, p->lock, p->file, &twin, why))
		return PUBLISH_FAILED;
	return hold(wait, link_wait_ms(p->file->looks),
		    "another post of this title is as unsettled; the gallery is read again");
}

/* Asks for the same item again: success, or the proof that it had gone out before. */
static enum publish_result
ask_again(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	struct deviantart_published published = {.url = ""};

	if (p->file->asks >= ASKS_MAX) {
		p->unknowable = true;
		scoreboard_count_reconciled(p->tools->board, p->tools->slot, RECONCILED_FAILED);
		failure_set(
			why, FAILURE_VALIDATION_ERROR,
			"DeviantArt was asked to publish this %d times and never said what became "
			"of it, and the gallery "
			"does not show it. Please look at your gallery before scheduling it again",
			p->file->asks);
		return PUBLISH_FAILED;
	}
	scoreboard_activity(p->tools->board, p->tools->slot, ACTIVITY_PUBLISHING);
	if (!lease_prove(p->lease, why) ||
	    !journal_publishing(p->tools->postgres, p->deviation, p->lock, p->file, false, why))
		return PUBLISH_FAILED;
	if (publishing_ask(p, &published, why))
		return settle(p, &published, RECONCILED_PUBLISHED_NOW, why);
	if (publishing_code(why) == PUBLISH_CODE_ALREADY_PUBLISHED ||
	    publishing_code(why) == PUBLISH_CODE_ITEM_GONE)
		p->publish_refused = false;
	if (publishing_code(why) == PUBLISH_CODE_ALREADY_PUBLISHED)
		return reconcile_already_published(p, wait, why);
	if (publishing_code(why) == PUBLISH_CODE_ITEM_GONE)
		return look_for_gone(p, wait, why);
	return PUBLISH_FAILED;
}

bool
reconcile_must_wait(const struct publishing *p, struct publish_wait *wait)
{
	const struct deviation_file *file = p->file;
	int64_t wait_ms = p->tools->config->unknown_wait_ms - file->publish_last_ago_ms;

	if (file->public_for_ms >= 0 || file->item_gone || file->publish_last_ago_ms < 0 ||
	    wait_ms <= 0)
		return false;
	hold(wait, wait_ms,
	     "an earlier publish has an unknown outcome; it is left alone for a while");
	return true;
}

enum publish_result
reconcile_file(struct publishing *p, struct publish_wait *wait, struct failure *why)
{
	struct deviantart_published published = {.url = ""};
	enum shown shown;

	if (p->file->public_for_ms >= 0)
		return look_for_link(p, wait, why);
	publishing_tell(p, "publishing", 0,
			"an earlier publish of item %s has an unknown outcome: reading the gallery",
			p->file->item);
	if (!look_in_gallery(p, &published, &shown, why))
		return PUBLISH_FAILED;
	if (shown == SHOWN_OURS)
		return settle(p, &published, RECONCILED_PUBLISHED, why);
	if (is_worth_another_look(shown, p->file->looks))
		return look_once_more(p, wait, why);
	return p->file->item_gone ? look_for_gone(p, wait, why) : ask_again(p, wait, why);
}
