/*
 * deviantart_publish.c - POST stash/publish, the step that cannot be taken back.   [worker]
 *
 * Invariant: the request leaves this host at most once, and whatever does not clearly say "no"
 * comes out as FAILURE_OUTCOME_UNKNOWN (deviantart-api.md 6 and 9.2).
 */
#include <string.h>

#include "worker/deviantart/answer_json.h"
#include "worker/deviantart/deviantart_internal.h"
#include "worker/deviantart/form.h"

static const char *
mature_level(const struct deviantart_post *post)
{
	return post->mature_level != NULL && strcmp(post->mature_level, "strict") == 0 ? "strict"
										       : "moderate";
}

static void
add_category(struct form *form, const struct deviantart_post *post, unsigned int repair)
{
	if ((repair & DEVIANTART_REPAIR_CATEGORY) != 0 || post->category_path == NULL ||
	    post->category_path[0] == '\0')
		return;
	form_add(form, "catpath", post->category_path);
}

/* A watermark goes onto a reduced picture only (deviantart-api.md 6.1). */
static void
add_resolution(struct form *form, const struct deviantart_post *post, unsigned int repair)
{
	bool is_known = post->display_resolution > 0 && post->display_resolution <= 8;
	char digit[2] = "0";

	if (is_known && (repair & DEVIANTART_REPAIR_RESOLUTION) == 0) {
		digit[0] = (char)('0' + post->display_resolution);
		form_add_bool(form, "add_watermark", post->add_watermark);
	}
	form_add(form, "display_resolution", digit);
}

static bool
fill_form(struct form *form, const char *item, const struct deviantart_post *post,
	  unsigned int repair, struct failure *why)
{
	char **tags = deviantart_clean_tags(post->tags);

	if (tags == NULL)
		return http_no_memory(why);
	form_add(form, "itemid", item);
	form_add_bool(form, "is_mature", post->is_mature);
	if (post->is_mature)
		form_add(form, "mature_level", mature_level(post));
	form_add_bool(form, "allow_comments", post->allow_comments);
	form_add_bool(form, "allow_free_download", post->allow_free_download);
	add_resolution(form, post, repair);
	form_add_bool(form, "is_ai_generated", post->is_ai_generated);
	form_add_bool(form, "noai", post->no_ai);
	add_category(form, post, repair);
	form_add_list(form, "galleryids", post->gallery_ids);
	form_add_list(form, "tags", tags);
	deviantart_free_tags(tags);
	return true;
}

static bool
is_item(const char *item)
{
	size_t size = item != NULL ? strlen(item) : 0;

	return size > 0 && size < DEVIANTART_ITEM_SIZE && strspn(item, "0123456789") == size;
}

static bool
read_result(const struct http_exchange *x, struct deviantart_published *published,
	    struct failure *why)
{
	struct deviantart_published result = {.url = ""};
	struct answer answer = http_exchange_answer(x, ENDPOINT_PUBLISH);
	struct cJSON *json;
	bool ok;

	if (!classify_answer(&answer, why))
		return false;
	json = answer_json_parse(x->body.data, x->body.size);
	ok = json != NULL &&
	     deviantart_copy_id(result.deviation_id, answer_json_text(json, "deviationid"));
	if (ok) {
		deviantart_copy_url(result.url, answer_json_text(json, "url"));
		*published = result;
	}
	answer_json_free(json);
	return ok || deviantart_unusable(x, ENDPOINT_PUBLISH, "has no deviationid", why);
}

/*
 * The watch said no. Once something was sent, nobody knows what becomes of it. A lost lease stays a
 * lost lease: the journal says "publishing", and whoever holds the lease now finds out.
 */
static bool
aborted(const struct http_exchange *x, struct failure *why)
{
	char cause[FAILURE_MESSAGE_SIZE];

	if (why == NULL || !http_exchange_sent(x) || why->category == FAILURE_LOST)
		return false;
	memcpy(cause, why->message, sizeof(cause));
	return failure_set(why, FAILURE_OUTCOME_UNKNOWN,
			   "cut off after the request was sent (%s); whether the post is public "
			   "is not known yet",
			   cause);
}

bool
deviantart_publish(struct deviantart *da, const char *access_token, const char *item,
		   const struct deviantart_post *post, unsigned int repair,
		   const struct watch *watch, struct deviantart_published *published,
		   struct failure *why)
{
	struct http_exchange x = {0};
	struct form form = {0};
	bool ok = false;

	if (!is_item(item)) {
		failure_set(why, FAILURE_VALIDATION_ERROR, "the item id is not a number");
		goto out;
	}
	if (!fill_form(&form, item, post, repair, why) ||
	    !deviantart_open(da, &x, "/api/v1/oauth2/stash/publish", access_token, why) ||
	    !deviantart_set_form(&x, &form, why))
		goto out;
	http_exchange_set_fresh(&x);
	http_exchange_set_limits(&x, DEVIANTART_CONNECT_MS, DEVIANTART_PUBLISH_MS);
	if (http_exchange_run(&x, watch, why))
		ok = read_result(&x, published, why);
	else
		aborted(&x, why);
out:
	http_exchange_close(&x);
	form_free(&form);
	return ok || failure_prefix(why, "stash/publish: ");
}
