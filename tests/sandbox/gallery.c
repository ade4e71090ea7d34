/*
 * gallery.c - the reads that list (deviantart-api.md 10).              [sandbox]
 *
 * Only one's own posts are shown, newest first, mature ones only if asked for, and none before
 * gallery_delay_ms has passed.
 */
#include "tests/sandbox/gallery.h"

#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/post_json.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"

#define PAGE_MAX         24
#define PAGE_DEFAULT     10
#define FOLDERS_PAGE_MAX 50
#define OFFSET_MAX       50000

struct page {
	int64_t offset, limit;
	bool mature;
	const char *folderid; /* NULL: all */
};

void
gallery_whoami(struct call *call, struct answer *answer)
{
	answer_json(answer, 200, post_json_user(call->user));
}

static bool
read_number(struct call *call, const char *name, int64_t least, int64_t most, int64_t *value,
	    struct answer *answer)
{
	const char *given = fields_get(&call->query, name);
	int64_t number;

	if (given == NULL)
		return true;
	if (!text_parse_integer(given, &number) || number < least || number > most) {
		answer_invalid(answer, name, "the value is out of range");
		return false;
	}
	*value = number;
	return true;
}

static bool
read_page(struct call *call, int64_t limit_max, struct page *page, struct answer *answer)
{
	const char *mature = fields_get(&call->query, "mature_content");
	const char *name = fields_get(&call->query, "username");

	*page = (struct page){.limit = PAGE_DEFAULT};
	if (mature != NULL && !text_parse_bool(mature, &page->mature)) {
		answer_invalid(answer, "mature_content", "mature_content must be a boolean");
		return false;
	}
	if (name != NULL && strcasecmp(name, call->user->username) != 0) {
		answer_error(answer, 400, "invalid_request",
			     "The sandbox shows a user only their own gallery.");
		return false;
	}
	return read_number(call, "offset", 0, OFFSET_MAX, &page->offset, answer) &&
	       read_number(call, "limit", 1, limit_max, &page->limit, answer);
}

static bool
is_in_folder(const struct post *post, const char *folderid)
{
	const char *chosen;
	size_t cursor = 0;

	while ((chosen = fields_next(&post->published, "galleryids", &cursor)) != NULL)
		if (strcasecmp(chosen, folderid) == 0)
			return true;
	return false;
}

static bool
is_shown(const struct call *call, const struct post *post, const struct page *page)
{
	int64_t since_ms = text_now_ms() - call->sandbox->settings.gallery_delay_ms;

	return post->user == call->user && (page->mature || !post->is_mature) &&
	       post->published_ms <= since_ms &&
	       (page->folderid == NULL || is_in_folder(post, page->folderid));
}

static cJSON *
page_json(cJSON *results, const struct page *page, bool has_more)
{
	cJSON *json = cJSON_CreateObject();

	json_add_bool(json, "has_more", has_more);
	if (has_more)
		json_add_integer(json, "next_offset", page->offset + page->limit);
	else
		cJSON_AddItemToObject(json, "next_offset", cJSON_CreateNull());
	cJSON_AddItemToObject(json, "results", results);
	return json;
}

/*
 * By time, newest first: planted posts may be older than those made before them. One pass over all
 * posts for each one shown is plenty for pages of 24.
 */
static const struct post *
next_older(const struct call *call, const struct page *page, const struct post *than)
{
	const struct state *state = &call->sandbox->state;
	const struct post *best = NULL;

	for (size_t i = 0; i < state->post_count; i++) {
		const struct post *post = state->posts[i];

		if (!is_shown(call, post, page))
			continue;
		if (than != NULL &&
		    (post->published_ms > than->published_ms ||
		     (post->published_ms == than->published_ms && post->number >= than->number)))
			continue;
		if (best == NULL || post->published_ms > best->published_ms ||
		    (post->published_ms == best->published_ms && post->number > best->number))
			best = post;
	}
	return best;
}

static void
list_posts(struct call *call, const struct page *page, struct answer *answer)
{
	cJSON *results = cJSON_CreateArray();
	const struct post *post = next_older(call, page, NULL);

	for (int64_t i = 0; post != NULL && i < page->offset; i++)
		post = next_older(call, page, post);
	for (int64_t i = 0; post != NULL && i < page->limit; i++) {
		cJSON_AddItemToArray(results, post_json_deviation(post, &call->sandbox->settings));
		post = next_older(call, page, post);
	}
	answer_json(answer, 200, page_json(results, page, post != NULL));
}

void
gallery_all(struct call *call, struct answer *answer)
{
	struct page page;

	if (read_page(call, PAGE_MAX, &page, answer))
		list_posts(call, &page, answer);
}

void
gallery_folder(struct call *call, struct answer *answer)
{
	const char *folderid = strrchr(call->path, '/') + 1;
	struct page page;

	if (!read_page(call, PAGE_MAX, &page, answer))
		return;
	if (folderid[0] != '\0') { /* without one: all folders */
		if (!text_is_uuid(folderid)) {
			answer_invalid(answer, "folderid", "folderid must be a valid UUID");
			return;
		}
		if (state_find_folder(call->user, folderid) == NULL) {
			answer_error(answer, 400, "invalid_request", "Folder not found.");
			return;
		}
		page.folderid = folderid;
	}
	list_posts(call, &page, answer);
}

static int64_t
folder_size(const struct call *call, const struct folder *folder)
{
	const struct state *state = &call->sandbox->state;
	int64_t size = 0;

	for (size_t i = 0; i < state->post_count; i++)
		size += state->posts[i]->user == call->user &&
			is_in_folder(state->posts[i], folder->folderid);
	return size;
}

void
gallery_folders(struct call *call, struct answer *answer)
{
	cJSON *results = cJSON_CreateArray();
	const char *sized = fields_get(&call->query, "calculate_size");
	bool with_size = false;
	struct page page;
	size_t i;

	if (!read_page(call, FOLDERS_PAGE_MAX, &page, answer)) {
		cJSON_Delete(results);
		return;
	}
	if (sized != NULL)
		(void)text_parse_bool(sized, &with_size);
	for (i = (size_t)page.offset;
	     i < call->user->folder_count && i < (size_t)(page.offset + page.limit); i++) {
		const struct folder *folder = &call->user->folders[i];
		cJSON *json = cJSON_CreateObject();

		json_add_text(json, "folderid", folder->folderid);
		cJSON_AddItemToObject(json, "parent", cJSON_CreateNull());
		json_add_text(json, "name", folder->name);
		if (with_size)
			json_add_integer(json, "size", folder_size(call, folder));
		cJSON_AddItemToArray(results, json);
	}
	answer_json(answer, 200, page_json(results, &page, i < call->user->folder_count));
}
