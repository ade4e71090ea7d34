/*
 * post_json.c - a post as the API shows it, and as the ledger does.    [sandbox]
 */
#include "tests/sandbox/post_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/settings.h"
#include "tests/sandbox/state.h"
#include "tests/sandbox/text.h"

struct cJSON *
post_json_user(const struct user *user)
{
	cJSON *json = cJSON_CreateObject();
	char *icon =
		memory_format("https://a.deviantart.net/avatars/default/%s.png", user->username);

	json_add_text(json, "userid", user->userid);
	json_add_text(json, "username", user->username);
	json_add_text(json, "usericon", icon);
	json_add_text(json, "type", "regular");
	free(icon);
	return json;
}

/* A Unix time, as a number or as a text: the site does both. */
static void
add_published_time(cJSON *json, const struct post *post, const struct settings *settings)
{
	bool quoted = settings->quoted_times == 2 ||
		      (settings->quoted_times == 1 && post->number % 2 != 0);
	char digits[24];

	if (settings->hidden_times)
		return;
	(void)snprintf(digits, sizeof(digits), "%" PRId64, post->published_ms / 1000);
	if (quoted)
		json_add_text(json, "published_time", digits);
	else
		cJSON_AddItemToObject(json, "published_time", cJSON_CreateRaw(digits));
}

static void
add_content(cJSON *json, const struct post *post)
{
	cJSON *content;
	char *source;

	if (post->size_bytes == 0)
		return;
	source = memory_format("https://images-wixmp.example.net/f/%s", post->deviationid);
	content = cJSON_AddObjectToObject(json, "content");
	json_add_text(content, "src", source);
	json_add_integer(content, "width", post->width);
	json_add_integer(content, "height", post->height);
	json_add_integer(content, "filesize", (int64_t)post->size_bytes);
	json_add_bool(content, "transparency", false);
	free(source);
}

struct cJSON *
post_json_deviation(const struct post *post, const struct settings *settings)
{
	cJSON *json = cJSON_CreateObject(), *stats;

	json_add_text(json, "deviationid", post->deviationid);
	cJSON_AddItemToObject(json, "printid", cJSON_CreateNull());
	json_add_text(json, "url", post->url);
	json_add_text(json, "title", post->title);
	json_add_bool(json, "is_favourited", false);
	json_add_bool(json, "is_deleted", false);
	json_add_bool(json, "is_published", true);
	cJSON_AddItemToObject(json, "author", post_json_user(post->user));
	stats = cJSON_AddObjectToObject(json, "stats");
	json_add_integer(stats, "comments", 0);
	json_add_integer(stats, "favourites", 0);
	add_published_time(json, post, settings);
	json_add_bool(json, "allows_comments", true);
	json_add_bool(json, "is_mature", post->is_mature);
	json_add_bool(json, "is_downloadable", post->is_downloadable);
	if (post->is_downloadable)
		json_add_integer(json, "download_filesize", (int64_t)post->size_bytes);
	add_content(json, post);
	cJSON_AddItemToObject(json, "thumbs", cJSON_CreateArray());
	return json;
}

static void
add_tags(cJSON *json, const struct post *post)
{
	cJSON *tags = cJSON_AddArrayToObject(json, "tags");
	const char *name;
	size_t cursor = 0;

	while ((name = fields_next(&post->published, "tags", &cursor)) != NULL) {
		cJSON *tag = cJSON_CreateObject();

		json_add_text(tag, "tag_name", name);
		json_add_bool(tag, "sponsored", false);
		cJSON_AddItemToArray(tags, tag);
	}
}

static void
add_submission(cJSON *json, const struct post *post, const struct settings *settings)
{
	cJSON *submission = cJSON_AddObjectToObject(json, "submission"), *with;
	time_t seconds = (time_t)(post->published_ms / 1000);
	char *size = text_human_size(post->size_bytes);
	struct tm broken_down;
	char text[64] = "";

	if (gmtime_r(&seconds, &broken_down) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+0000", &broken_down);
	json_add_text(submission, "creation_time", text);
	json_add_text(submission, "category", "");
	json_add_text(submission, "file_size", size);
	if (post->width > 0) {
		(void)snprintf(text, sizeof(text), "%ux%u", post->width, post->height);
		json_add_text(submission, "resolution", text);
	}
	with = cJSON_AddObjectToObject(submission, "submitted_with");
	json_add_text(with, "app", post->app);
	json_add_text(with, "url", settings->app_url);
	free(size);
}

struct cJSON *
post_json_metadata(const struct post *post, const struct settings *settings, bool submission)
{
	cJSON *json = cJSON_CreateObject();

	json_add_text(json, "deviationid", post->deviationid);
	cJSON_AddItemToObject(json, "printid", cJSON_CreateNull());
	cJSON_AddItemToObject(json, "author", post_json_user(post->user));
	json_add_bool(json, "is_watching", false);
	json_add_text(json, "title", post->title);
	json_add_text(json, "description", post->comments != NULL ? post->comments : "");
	json_add_text(json, "license", "No License");
	json_add_bool(json, "allows_comments", true);
	add_tags(json, post);
	json_add_bool(json, "is_favourited", false);
	json_add_bool(json, "is_mature", post->is_mature);
	if (submission)
		add_submission(json, post, settings);
	return json;
}

struct cJSON *
post_json_for_ledger(const struct post *post)
{
	cJSON *json = cJSON_CreateObject();
	char itemid[24];

	(void)snprintf(itemid, sizeof(itemid), "%" PRId64, post->itemid);
	json_add_text(json, "user", post->user->username);
	json_add_text(json, "deviationid", post->deviationid);
	json_add_text(json, "url", post->url);
	json_add_text(json, "title", post->title);
	json_add_text(json, "description", post->comments);
	json_add_integer(json, "published_ms", post->published_ms);
	json_add_text(json, "itemid", post->itemid != 0 ? itemid : NULL);
	json_add_bool(json, "planted", post->itemid == 0);
	json_add_text(json, "sha256", post->itemid != 0 ? post->sha256 : NULL);
	json_add_integer(json, "size_bytes", (int64_t)post->size_bytes);
	json_add_text(json, "mime", post->mime);
	json_add_bool(json, "is_mature", post->is_mature);
	json_add_bool(json, "tags_of_item", post->tags_of_item);
	cJSON_AddItemToObject(json, "fields", fields_to_json(&post->published));
	return json;
}
