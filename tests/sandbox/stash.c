/*
 * stash.c - POST /stash/submit: makes a stash item, or changes one.    [sandbox]
 */
#include "tests/sandbox/stash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/field_rules.h"
#include "tests/sandbox/image_size.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"

/* deviantart-api.md 5.1 */
static const char *const known_fields[] = {
	"title",  "artist_comments", "tags[]",         "original_url", "is_dirty",
	"itemid", "stack",           "stackid",        "noai",         "is_ai_generated",
	"folder", "folderid",        "mature_content", NULL,
};
static const char *const bool_fields[] = {"is_dirty", "is_ai_generated", "noai", NULL};

static bool
refuse(struct call *call, const char *reason, struct answer *answer, int status, const char *error,
       const char *description)
{
	ledger_count_refused(call->sandbox->ledger, reason);
	answer_error(answer, status, error, description);
	return false;
}

/* Size and name of the file, and that there is anything at all. */
static bool
check_file(struct call *call, struct answer *answer)
{
	const struct upload *upload = call->body.upload;

	if (upload == NULL || !upload->present) {
		if (field_given(call, "title") == NULL &&
		    field_given(call, "artist_comments") == NULL)
			return refuse(call, "no_content", answer, 400, "invalid_request",
				      "Must provide a file or some text content.");
		return true;
	}
	if (upload->filename == NULL || upload->filename[0] == '\0')
		return refuse(call, "no_filename", answer, 500, "server_error",
			      "Internal Server Error.");
	if (upload->size_bytes == 0)
		return refuse(call, "empty_file", answer, 400, "invalid_request",
			      "The file is empty.");
	if (upload->size_bytes > (uint64_t)call->sandbox->settings.max_upload_bytes)
		return refuse(call, "file_too_large", answer, 400, "invalid_request",
			      "The file is too large.");
	return true;
}

/* The item to change; NULL in *item: none is named, a new one is to be made. */
static bool
find_item(struct call *call, struct item **item, struct answer *answer)
{
	const char *given = field_given(call, "itemid");
	int64_t itemid;

	*item = NULL;
	if (given == NULL)
		return true;
	if (!text_parse_integer(given, &itemid))
		return field_refuse(call, "itemid", "itemid must be an integer", answer);
	*item = state_find_item(&call->sandbox->state, itemid);
	if (*item == NULL || (*item)->user != call->user)
		return refuse(call, "itemid", answer, 400, "invalid_request", "Item not found.");
	return true;
}

static void
set_file(struct item *item, const struct upload *upload)
{
	memory_replace(&item->filename, upload->filename);
	memory_replace(&item->mime, upload->mime);
	memcpy(item->sha256, upload->sha256, sizeof(item->sha256));
	item->size_bytes = upload->size_bytes;
	item->width = item->height = 0;
	(void)image_size(upload->head, upload->head_length, &item->width, &item->height);
}

static void
set_fields(struct item *item, const struct fields *fields, bool is_new)
{
	const char *title = fields_get(fields, "title");
	const char *comments = fields_get(fields, "artist_comments");

	if (title != NULL)
		memory_replace(&item->title, title);
	else if (is_new)
		memory_replace(&item->title, "Untitled");
	if (comments != NULL)
		memory_replace(&item->comments, comments);
	if (is_new || fields_array_size(fields, "tags") > 0)
		fields_free(&item->submitted);
	for (size_t i = 0; i < fields->count; i++)
		(void)fields_add(&item->submitted, fields->list[i].name,
				 strlen(fields->list[i].name), fields->list[i].value,
				 strlen(fields->list[i].value));
}

/* A change of a published item shows on its post: its text, not its file. */
static void
change_post(struct item *item)
{
	if (item->post == NULL)
		return;
	memory_replace(&item->post->title, item->title);
	memory_replace(&item->post->comments, item->comments);
}

static void
record(struct call *call, const struct item *item, bool update, bool has_file)
{
	char itemid[24];
	struct ledger_keys keys = {.user = call->user->username,
				   .title = item->title,
				   .id = itemid,
				   .digest = item->sha256,
				   .accepted = true,
				   .again = update};
	cJSON *json = cJSON_CreateObject();

	(void)snprintf(itemid, sizeof(itemid), "%" PRId64, item->itemid);
	json_add_text(json, "user", call->user->username);
	json_add_text(json, "userid", call->user->userid);
	json_add_text(json, "itemid", itemid);
	json_add_text(json, "title", item->title);
	json_add_bool(json, "update", update);
	json_add_bool(json, "has_file", has_file);
	json_add_text(json, "filename", item->filename);
	json_add_text(json, "mime", item->mime);
	json_add_integer(json, "size_bytes", (int64_t)item->size_bytes);
	json_add_text(json, "sha256", item->sha256);
	json_add_text(json, "file_field", has_file ? call->body.upload->field_name : NULL);
	json_add_bool(json, "published_before", item->publish_count > 0);
	cJSON_AddItemToObject(json, "fields", fields_to_json(&call->body.fields));
	ledger_add(call->sandbox->ledger, LEDGER_SUBMIT, &keys, json);
}

static void
answer_item(const struct item *item, struct answer *answer)
{
	cJSON *json = cJSON_CreateObject();

	json_add_text(json, "status", "success");
	json_add_integer(json, "itemid", item->itemid);
	if (item->publish_count == 0) { /* what is published has left Sta.sh */
		json_add_text(json, "stack", "Sta.sh");
		json_add_integer(json, "stackid", item->stackid);
	}
	answer_json(answer, 200, json);
}

void
stash_submit(struct call *call, struct answer *answer)
{
	const struct upload *upload = call->body.upload;
	bool has_file = upload != NULL && upload->present;
	struct item *item = NULL;
	bool is_new;

	if (call->body.error != NULL) {
		(void)refuse(call, "broken_body", answer, 400, "invalid_request", call->body.error);
		return;
	}
	if (!field_check_known(call, known_fields, answer) || !check_file(call, answer) ||
	    !field_check_title(call, answer) || !field_check_tags(call, answer) ||
	    !field_check_bools(call, bool_fields, answer) || !find_item(call, &item, answer))
		return;
	is_new = item == NULL;
	if (is_new)
		item = state_add_item(&call->sandbox->state, call->user);
	if (has_file)
		set_file(item, upload);
	set_fields(item, &call->body.fields, is_new);
	change_post(item);
	record(call, item, !is_new, has_file);
	answer_item(item, answer);
}
