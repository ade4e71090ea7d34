/*
 * settings.c - the table of settings.                                  [sandbox]
 */
#include "tests/sandbox/settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/json.h"
#include "tests/sandbox/memory.h"

enum setting_type { SETTING_BOOL, SETTING_INTEGER, SETTING_TEXT };

struct setting {
	const char *name;
	enum setting_type type;
	size_t offset;
	int64_t initial;
	int64_t least, most;
	const char *text; /* initial value of a text */
	const char *help;
};

#define DAY_MS INT64_C(86400000)
#define GIB    (INT64_C(1) << 30)
#define FLAG(name, initial, help)                                                                  \
	{                                                                                          \
#name, SETTING_BOOL, offsetof(struct settings, name), initial, 0, 1, NULL, help    \
	}
#define NUMBER(name, initial, least, most, help)                                                   \
	{                                                                                          \
#name, SETTING_INTEGER, offsetof(struct settings, name), initial, least, most,     \
			NULL, help                                                                 \
	}
#define TEXT(name, initial, help)                                                                  \
	{                                                                                          \
#name, SETTING_TEXT, offsetof(struct settings, name), 0, 0, 0, initial, help       \
	}

/* clang-format off */
static const struct setting table[] = {
	NUMBER(access_token_lifetime_s, 3600, 0, 31536000, "life of access tokens issued from now on"),
	NUMBER(refresh_token_lifetime_s, 7776000, 0, 31536000, "the same for refresh tokens"),
	FLAG(refresh_revokes_access, false, "a refresh ends the older access tokens at once"),
	FLAG(accept_repeats, false, "publishing an item again makes a second post, not error_code 9"),
	FLAG(code9_with_url, false, "the answer with error_code 9 tells deviationid and url"),
	FLAG(require_headers, true, "403 HTML without User-Agent and Accept-Encoding: gzip"),
	FLAG(early_errors, false, "401, 403, 429 are answered before the body is read"),
	FLAG(send_continue, true, "Expect: 100-continue is answered"),
	FLAG(gzip, false, "API answers are compressed"),
	FLAG(chunked, false, "API answers come in chunks, without a length"),
	NUMBER(padding, 0, 0, 100000, "blanks before the JSON of API answers"),
	NUMBER(latency_ms, 0, 0, DAY_MS, "before every API request takes effect"),
	NUMBER(gallery_delay_ms, 0, 0, DAY_MS, "until a new post shows in gallery lists"),
	NUMBER(user_limit, 0, 0, 1000000, "API requests of one user in a window; 0: no limit"),
	NUMBER(user_limit_window_ms, 1000, 1, DAY_MS, "that window"),
	NUMBER(application_limit, 0, 0, 1000000, "the same over all users, token requests included"),
	NUMBER(application_limit_window_ms, 1000, 1, DAY_MS, "that window"),
	NUMBER(retry_after_s, -1, -1, 86400, "Retry-After of a limit's 429; -1: none is sent"),
	FLAG(limit_counts_refused, true, "refused requests keep the window full"),
	NUMBER(catpath_error_code, 0, 0, 3, "2 or 3: publish with a catpath is refused so"),
	FLAG(unknown_folder_is_error, false, "galleryids must be folders of the user"),
	FLAG(unicode_tags, false, "letters beyond ASCII are allowed in tags"),
	FLAG(strict_fields, false, "400 for fields that no documentation names"),
	NUMBER(quoted_times, 1, 0, 2, "published_time as text: 0 never, 1 every other post, 2 always"),
	FLAG(hidden_times, false, "gallery lists do not tell published_time"),
	NUMBER(max_upload_bytes, GIB / 5, 1, 64 * GIB, "a larger file is refused with 400"),
	NUMBER(seed, 1, 1, INT32_MAX, "of the faults' \"chance\""),
	TEXT(app_name, "Isekai", "submitted_with.app of posts made over the API"),
	TEXT(app_url, "https://isekai.sh", "submitted_with.url of the same"),
	TEXT(preview_types, "image/webp,video/mp4,video/webm,video/quicktime",
		"types that publish refuses with error_code 8"),
};
/* clang-format on */

#define SETTING_COUNT (sizeof(table) / sizeof(table[0]))

static void *
slot_of(struct settings *settings, const struct setting *setting)
{
	return (char *)settings + setting->offset;
}

static const void *
value_of(const struct settings *settings, const struct setting *setting)
{
	return (const char *)settings + setting->offset;
}

void
settings_init(struct settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		void *slot = slot_of(settings, &table[i]);

		if (table[i].type == SETTING_BOOL)
			*(bool *)slot = table[i].initial != 0;
		else if (table[i].type == SETTING_INTEGER)
			*(int64_t *)slot = table[i].initial;
		else
			memory_replace(slot, table[i].text);
	}
}

void
settings_fini(struct settings *settings)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (table[i].type == SETTING_TEXT)
			memory_replace(slot_of(settings, &table[i]), NULL);
}

static void
read_setting(struct json_reader *reader, const struct setting *setting, void *slot)
{
	const char *text = NULL;

	if (setting->type == SETTING_BOOL)
		json_read_bool(reader, setting->name, slot);
	else if (setting->type == SETTING_INTEGER)
		json_read_integer(reader, setting->name, slot, setting->least, setting->most);
	else
		json_read_text(reader, setting->name, &text);
	if (text != NULL)
		memory_replace(slot, text);
}

char *
settings_change(struct settings *settings, const struct cJSON *object)
{
	struct settings changed = *settings;
	struct json_reader reader;
	char *error = NULL;

	for (size_t i = 0; i < SETTING_COUNT; i++) /* texts of its own, to give up if need be */
		if (table[i].type == SETTING_TEXT) {
			char **slot = slot_of(&changed, &table[i]);

			*slot = memory_text(*slot);
		}
	json_reader_init(&reader, object, "settings");
	for (size_t i = 0; i < SETTING_COUNT; i++)
		read_setting(&reader, &table[i], slot_of(&changed, &table[i]));
	if (json_reader_done(&reader)) {
		settings_fini(settings);
		*settings = changed;
	} else {
		settings_fini(&changed);
		error = memory_text(reader.error);
	}
	json_reader_fini(&reader);
	return error;
}

struct cJSON *
settings_to_json(const struct settings *settings)
{
	cJSON *object = cJSON_CreateObject();

	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const void *value = value_of(settings, &table[i]);

		if (table[i].type == SETTING_BOOL)
			json_add_bool(object, table[i].name, *(const bool *)value);
		else if (table[i].type == SETTING_INTEGER)
			json_add_integer(object, table[i].name, *(const int64_t *)value);
		else
			json_add_text(object, table[i].name, *(char *const *)value);
	}
	return object;
}

char *
settings_help(void)
{
	struct buffer help;
	char *text;

	buffer_init(&help, SIZE_MAX / 2);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = &table[i];
		char *initial = setting->type == SETTING_TEXT ? memory_text(setting->text)
				: setting->type == SETTING_BOOL
					? memory_text(setting->initial != 0 ? "true" : "false")
					: memory_format("%" PRId64, setting->initial);

		(void)buffer_add_format(&help, "  %-28s %s [%s]\n", setting->name, setting->help,
					initial);
		free(initial);
	}
	text = buffer_take(&help);
	buffer_free(&help);
	return text;
}
