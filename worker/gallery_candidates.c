/*
 * gallery_candidates.c - posts that may be ours, by what their metadata tell.   [worker]
 */
#include "worker/gallery_candidates.h"

#include <string.h>

#include "worker/journal.h"

struct metadata_request {
	const char *ids[CANDIDATES_MAX];
	size_t count;
	struct deviantart_metadata *told; /* room for count */
	size_t told_count;
};

static bool
call_metadata(struct publishing *p, void *arg, struct failure *why)
{
	struct metadata_request *request = arg;

	return deviantart_metadata(p->tools->deviantart, p->deviation->access_token, request->ids,
				   request->count, lease_watch(p->lease), request->told,
				   &request->told_count, why);
}

static bool
read_metadata(struct publishing *p, struct metadata_request *request, struct failure *why)
{
	return publishing_with_token(p, call_metadata, request, why) ||
	       failure_prefix(why, "reading metadata: ");
}

/* NULL: nothing was told of the post. */
static const struct deviantart_metadata *
told_of(const struct candidates *found, const char *id)
{
	for (size_t i = 0; i < found->told_count; i++) {
		if (strcmp(found->told[i].deviation_id, id) == 0)
			return &found->told[i];
	}
	return NULL;
}

/* ---- size ---- */

/* The sizes that a post's metadata allow. What is not told allows every size. */
static void
allowed_sizes(const struct candidates *found, const char *id, int64_t *low_bytes,
	      int64_t *high_bytes)
{
	const struct deviantart_metadata *told = told_of(found, id);
	bool is_told = told != NULL && told->file_size_bytes_high > 0;

	*low_bytes = is_told ? told->file_size_bytes_low : 0;
	*high_bytes = is_told ? told->file_size_bytes_high : INT64_MAX;
}

static void
keep_fitting(struct candidates *found, int64_t size_bytes)
{
	size_t kept = 0;

	found->low_bytes = INT64_MAX;
	found->high_bytes = 0;
	for (size_t i = 0; i < found->count; i++) {
		const struct deviantart_gallery_post post = found->posts[i];
		int64_t low, high;

		allowed_sizes(found, post.deviation_id, &low, &high);
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

bool
candidates_keep_fitting(struct publishing *p, struct candidates *found, struct failure *why)
{
	struct metadata_request request = {.count = found->count, .told = found->told};

	if (found->count == 0)
		return true;
	for (size_t i = 0; i < found->count; i++)
		request.ids[i] = found->posts[i].deviation_id;
	if (!read_metadata(p, &request, why))
		return false;
	found->told_count = request.told_count;
	keep_fitting(found, p->file->size_bytes);
	return true;
}

/* ---- application ---- */

static const char *
app_of(const struct candidates *found, size_t i)
{
	const struct deviantart_metadata *told = told_of(found, found->posts[i].deviation_id);

	return told != NULL ? told->app : "";
}

/* Whether our application's name can decide anything. */
static bool
apps_differ(const struct candidates *found)
{
	bool differ = false;

	for (size_t i = 1; i < found->count; i++)
		differ = differ || strcmp(app_of(found, i), app_of(found, 0)) != 0;
	return differ;
}

static void
keep_app(struct candidates *found, const char *app)
{
	size_t kept = 0;
	bool is_there = false;

	for (size_t i = 0; i < found->count; i++)
		is_there = is_there || strcmp(app_of(found, i), app) == 0;
	for (size_t i = 0; is_there && i < found->count; i++) {
		if (strcmp(app_of(found, i), app) == 0)
			found->posts[kept++] = found->posts[i];
	}
	found->count = is_there ? kept : found->count;
}

bool
candidates_prefer_own_app(struct publishing *p, struct candidates *found, struct failure *why)
{
	struct deviantart_metadata own = {.app = ""};
	struct metadata_request request = {.count = 1, .told = &own};
	char id[sizeof(own.deviation_id)];

	if (!apps_differ(found))
		return true;
	if (!journal_own_post(p->tools->postgres, p->deviation, p->file, id, sizeof(id), why))
		return false;
	request.ids[0] = id;
	if (id[0] == '\0')
		return true;
	if (!read_metadata(p, &request, why))
		return false;
	if (request.told_count == 1 && own.app[0] != '\0')
		keep_app(found, own.app);
	return true;
}
