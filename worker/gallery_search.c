/*
 * gallery_search.c - which post of the user's gallery is ours.            [worker]
 *
 * In this order: time and title, as the gallery lists them; size, as the metadata tell it; what is
 * known to be another post of ours; the application that submitted it, where several are left;
 * and other publishes of the user that are as unsettled.
 */
#include "worker/gallery_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "worker/gallery_candidates.h"
#include "worker/journal.h"

#define GALLERY_PAGE  24
#define GALLERY_PAGES 2
#define EARLIER_S     120 /* a post may bear a time a little before our request's */
#define OLD_S         600 /* what is older ends the reading */

static int64_t
first_request_s(const struct deviation_file *file)
{
	if (file->publish_first_at_s > 0)
		return file->publish_first_at_s;
	return clock_wall_ms() / 1000 -
	       (file->publish_last_ago_ms > 0 ? file->publish_last_ago_ms : 0) / 1000;
}

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

bool
gallery_search(struct publishing *p, struct deviantart_published *published, enum shown *shown,
	       struct failure *why)
{
	struct candidates *found = calloc(1, sizeof(*found));
	size_t others = 0;
	bool done, undecided = false;

	if (found == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	done = read_gallery(p, found, why) && candidates_keep_fitting(p, found, why);
	if (done)
		others = found->count;
	done = done && drop_used(p, found, why) && candidates_prefer_own_app(p, found, why) &&
	       leave_to_twins(p, found, &undecided, why);
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
