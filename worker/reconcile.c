/*
 * reconcile.c - what became of a publish whose answer was lost.          [worker]
 */
#include "worker/reconcile.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "worker/gallery_search.h"
#include "worker/journal.h"

#define LINK_GIVEN_UP_MS   (30 * 60 * 1000)
#define LINK_FIRST_WAIT_MS 2000
#define GONE_LOOKS         3
#define GONE_WAIT_MS       15000
#define GONE_FIRST_WAIT_MS 1000
#define ASKS_MAX           5
#define GALLERY_TRIES      3
#define TWIN_LOOKS         6 /* 2 + 4 + ... + 64 s: longer than a publish may take */

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

/* As gallery_search(), where a gallery that cannot be read again and again shows nothing. */
static bool
look_in_gallery(struct publishing *p, struct deviantart_published *published, enum shown *shown,
		struct failure *why)
{
	struct journal_outcome failed = {.looked = true, .step = "gallery unreadable"};
	struct failure away;

	if (gallery_search(p, published, shown, why))
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
