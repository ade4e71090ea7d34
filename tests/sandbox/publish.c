/*
 * publish.c - POST /stash/publish: makes a stash item public, once.    [sandbox]
 *
 * Every request is in the ledger with all of its fields, accepted or not.
 */
#include "tests/sandbox/publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/call_log.h"
#include "tests/sandbox/field_rules.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"

enum publish_error {
	ERROR_CATEGORY_LEAST = 2,
	ERROR_LICENCE = 4,
	ERROR_RESOLUTION = 5,
	ERROR_NOT_FOUND = 7,
	ERROR_PREVIEW = 8,
	ERROR_ALREADY = 9,
};

/* deviantart-api.md 6.1; the legacy ones of the end are known, too */
static const char *const known_fields[] = {
	"itemid",
	"is_mature",
	"mature_level",
	"mature_classification[]",
	"feature",
	"allow_comments",
	"request_critique",
	"display_resolution",
	"sharing",
	"license_options[creative_commons]",
	"license_options[commercial]",
	"license_options[modify]",
	"galleryids[]",
	"allow_free_download",
	"add_watermark",
	"tags[]",
	"subject_tags[]",
	"subject_tag_types[]",
	"location_tag",
	"groups[]",
	"group_folders[]",
	"is_ai_generated",
	"noai",
	"catpath",
	"agree_submission",
	"agree_tos",
	NULL,
};

static const char *const bool_fields[] = {
	"feature",
	"allow_comments",
	"request_critique",
	"allow_free_download",
	"add_watermark",
	"is_ai_generated",
	"noai",
	"agree_submission",
	"agree_tos",
	NULL,
};

static const char *const levels[] = {"strict", "moderate", NULL};
static const char *const classes[] = {"nudity", "sexual", "gore", "language", "ideology", NULL};
static const char *const sharings[] = {"allow", "hide_share_buttons", "hide_and_members_only",
				       NULL};
static const char *const yes_no[] = {"yes", "no", NULL};
static const char *const modifies[] = {"yes", "no", "share", NULL};

static bool
refuse_code(struct call *call, int code, const char *description, struct answer *answer)
{
	char *reason = memory_format("publish_code_%d", code);

	ledger_count_refused(call->sandbox->ledger, reason);
	free(reason);
	answer_error_code(answer, code, description);
	return false;
}

static bool
check_maturity(struct call *call, struct answer *answer)
{
	bool is_mature = false;

	if (field_given(call, "is_mature") == NULL)
		return field_refuse(call, "is_mature", "is_mature is required", answer);
	if (!field_check_bool(call, "is_mature", &is_mature, answer))
		return false;
	if (is_mature && field_given(call, "mature_level") == NULL)
		return field_refuse(call, "mature_level",
				    "mature_level is required if is_mature is true", answer);
	return field_check_words(call, "mature_level", levels, answer) &&
	       field_check_array_words(call, "mature_classification", classes, answer);
}

static bool
check_resolution(struct call *call, struct answer *answer)
{
	const char *given = field_given(call, "display_resolution");
	int64_t resolution = 0;

	if (given != NULL &&
	    (!text_parse_integer(given, &resolution) || resolution < 0 || resolution > 8))
		return refuse_code(call, ERROR_RESOLUTION, "Invalid display resolution", answer);
	return true;
}

static bool
is_one_of(const char *value, const char *const *words)
{
	for (size_t i = 0; value != NULL && words[i] != NULL; i++)
		if (strcmp(value, words[i]) == 0)
			return true;
	return value == NULL;
}

static bool
check_licence(struct call *call, struct answer *answer)
{
	const char *commons = field_given(call, "license_options[creative_commons]");
	bool is_commons = false;

	if ((commons != NULL && !text_parse_bool(commons, &is_commons)) ||
	    !is_one_of(field_given(call, "license_options[commercial]"), yes_no) ||
	    !is_one_of(field_given(call, "license_options[modify]"), modifies))
		return refuse_code(call, ERROR_LICENCE, "Invalid license options", answer);
	return true;
}

static bool
check_category(struct call *call, struct answer *answer)
{
	int64_t code = call->sandbox->settings.catpath_error_code;

	if (field_given(call, "catpath") == NULL || code < ERROR_CATEGORY_LEAST)
		return true;
	return refuse_code(call, (int)code,
			   code == ERROR_CATEGORY_LEAST ? "Category not found" : "Invalid category",
			   answer);
}

static bool
check_folders(struct call *call, struct answer *answer)
{
	const char *folderid;
	size_t cursor = 0;

	if (!field_check_uuids(call, "galleryids", answer) ||
	    !field_check_uuids(call, "groups", answer) ||
	    !field_check_uuids(call, "group_folders", answer))
		return false;
	if (!call->sandbox->settings.unknown_folder_is_error)
		return true;
	while ((folderid = fields_next(&call->body.fields, "galleryids", &cursor)) != NULL)
		if (state_find_folder(call->user, folderid) == NULL)
			return field_refuse(call, "galleryids", "no such gallery folder", answer);
	return true;
}

static bool
check_fields(struct call *call, struct answer *answer)
{
	if (call->body.error != NULL) {
		answer_error(answer, 400, "invalid_request", call->body.error);
		return false;
	}
	return field_check_known(call, known_fields, answer) && check_maturity(call, answer) &&
	       field_check_bools(call, bool_fields, answer) &&
	       field_check_words(call, "sharing", sharings, answer) &&
	       field_check_tags(call, answer) && check_resolution(call, answer) &&
	       check_licence(call, answer) && check_category(call, answer) &&
	       check_folders(call, answer);
}

/* Whether the list, separated by commas, has the type (without its parameters). */
static bool
list_has_type(const char *list, const char *mime)
{
	size_t length = strcspn(mime, "; ");

	while (*list != '\0') {
		size_t word = strcspn(list, ",");

		if (word == length && strncasecmp(list, mime, length) == 0)
			return true;
		list += word + (list[word] == ',');
	}
	return false;
}

static bool
refuse_repeat(struct call *call, const struct item *item, struct answer *answer)
{
	(void)refuse_code(call, ERROR_ALREADY, "Deviation already published", answer);
	if (call->sandbox->settings.code9_with_url && item->post != NULL) {
		cJSON *json = cJSON_Parse(answer->body);

		json_add_text(json, "deviationid", item->post->deviationid);
		json_add_text(json, "url", item->post->url);
		answer_fini(answer);
		answer_json(answer, 400, json);
	}
	return false;
}

static struct item *
own_item(struct call *call)
{
	const char *given = field_given(call, "itemid");
	struct item *item;
	int64_t itemid;

	if (given == NULL || !text_parse_integer(given, &itemid))
		return NULL;
	item = state_find_item(&call->sandbox->state, itemid);
	return item != NULL && item->user == call->user ? item : NULL;
}

/* `item` is NULL if there is no such item of the user's. */
static bool
check_item(struct call *call, const struct item *item, struct answer *answer)
{
	const struct settings *settings = &call->sandbox->settings;

	if (field_given(call, "itemid") == NULL)
		return field_refuse(call, "itemid", "itemid is required", answer);
	if (item == NULL)
		return refuse_code(call, ERROR_NOT_FOUND, "Deviation not found", answer);
	if (item->publish_count > 0 && !settings->accept_repeats)
		return refuse_repeat(call, item, answer);
	if (item->mime != NULL && list_has_type(settings->preview_types, item->mime))
		return refuse_code(call, ERROR_PREVIEW, "Preview image required", answer);
	return true;
}

static void
copy_fields(struct fields *to, const struct fields *from)
{
	for (size_t i = 0; i < from->count; i++)
		(void)fields_add(to, from->list[i].name, strlen(from->list[i].name),
				 from->list[i].value, strlen(from->list[i].value));
}

static void
copy_tags_of_item(struct post *post, const struct item *item)
{
	const char *tag;
	size_t cursor = 0;

	if (fields_array_size(&post->published, "tags") > 0)
		return;
	while ((tag = fields_next(&item->submitted, "tags", &cursor)) != NULL)
		(void)fields_add(&post->published, "tags[]", 6, tag, strlen(tag));
	post->tags_of_item = true;
}

static bool
is_true(const struct call *call, const char *name)
{
	const char *given = field_given(call, name);
	bool value = false;

	return given != NULL && text_parse_bool(given, &value) && value;
}

static struct post *
make_post(struct call *call, struct item *item)
{
	struct post *post = state_add_post(&call->sandbox->state, call->user, item->title);
	memory_replace(&post->comments, item->comments);
	memory_replace(&post->app, call->sandbox->settings.app_name);
	memory_replace(&post->mime, item->mime);
	memcpy(post->sha256, item->sha256, sizeof(post->sha256));
	post->itemid = item->itemid;
	post->size_bytes = item->size_bytes;
	post->width = item->width;
	post->height = item->height;
	post->is_mature = is_true(call, "is_mature");
	post->is_downloadable = is_true(call, "allow_free_download");
	copy_fields(&post->published, &call->body.fields);
	copy_tags_of_item(post, item);
	item->publish_count++;
	if (item->post == NULL)
		item->post = post;
	return post;
}

static void
record(struct call *call, const struct user *user, const struct item *item, const struct post *post,
       bool repeat, const char *error)
{
	const char *itemid = fields_get(&call->body.fields, "itemid");
	const char *title = item != NULL ? item->title : NULL;
	struct ledger_keys keys = {.user = user != NULL ? user->username : NULL,
				   .title = title,
				   .id = itemid,
				   .digest = item != NULL ? item->sha256 : NULL,
				   .accepted = post != NULL,
				   .again = repeat};
	cJSON *json = cJSON_CreateObject();

	json_add_text(json, "user", keys.user);
	json_add_text(json, "itemid", itemid);
	json_add_text(json, "title", title);
	json_add_bool(json, "accepted", post != NULL);
	json_add_bool(json, "repeat", repeat);
	json_add_text(json, "deviationid", post != NULL ? post->deviationid : NULL);
	json_add_text(json, "url", post != NULL ? post->url : NULL);
	json_add_text(json, "sha256", item != NULL ? item->sha256 : NULL);
	json_add_integer(json, "size_bytes", item != NULL ? (int64_t)item->size_bytes : 0);
	json_add_text(json, "filename", item != NULL ? item->filename : NULL);
	json_add_text(json, "error", error);
	cJSON_AddItemToObject(json, "fields", fields_to_json(&call->body.fields));
	ledger_add(call->sandbox->ledger, LEDGER_PUBLISH, &keys, json);
}

void
publish_note_refused(struct call *call)
{
	const char *given = field_given(call, "itemid");
	const struct item *item = NULL;
	int64_t itemid;

	if (given != NULL && text_parse_integer(given, &itemid))
		item = state_find_item(&call->sandbox->state, itemid);
	record(call, call_log_user(call), item, NULL, item != NULL && item->publish_count > 0,
	       "refused by a fault before it was looked at");
}

static void
answer_post(const struct post *post, struct answer *answer)
{
	cJSON *json = cJSON_CreateObject();

	json_add_text(json, "status", "success");
	json_add_text(json, "url", post->url);
	json_add_text(json, "deviationid", post->deviationid);
	answer_json(answer, 200, json);
}

void
publish_endpoint(struct call *call, struct answer *answer)
{
	struct item *item = own_item(call);
	bool repeat = item != NULL && item->publish_count > 0;
	const struct post *post;

	if (!check_fields(call, answer) || !check_item(call, item, answer) || item == NULL) {
		record(call, call->user, item, NULL, repeat, answer->body);
		return;
	}
	post = make_post(call, item);
	record(call, call->user, item, post, repeat, NULL);
	answer_post(post, answer);
}
