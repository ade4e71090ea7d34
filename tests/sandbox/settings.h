#ifndef SANDBOX_SETTINGS_H
#define SANDBOX_SETTINGS_H
/*
 * settings.h - what the sandbox's behaviour hangs on; changed over POST /_sandbox/settings.
 * [sandbox]
 *
 * The table in settings.c is the one place that names, bounds and explains them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

struct settings {
	int64_t access_token_lifetime_s;
	int64_t refresh_token_lifetime_s;
	bool refresh_revokes_access;
	bool accept_repeats;
	bool code9_with_url;
	bool require_headers;
	bool early_errors;
	bool send_continue;
	bool gzip;
	bool chunked;
	int64_t padding;
	int64_t latency_ms;
	int64_t gallery_delay_ms;
	int64_t user_limit;
	int64_t user_limit_window_ms;
	int64_t application_limit;
	int64_t application_limit_window_ms;
	int64_t retry_after_s;
	bool limit_counts_refused;
	int64_t catpath_error_code;
	bool unknown_folder_is_error;
	bool unicode_tags;
	bool strict_fields;
	int64_t quoted_times;
	bool hidden_times;
	int64_t max_upload_bytes;
	int64_t seed;
	char *app_name;
	char *app_url;
	char *preview_types;
};

void settings_init(struct settings *settings);
void settings_fini(struct settings *settings);

/*
 * Changes what the object names, all of it or nothing. NULL, or why not (free with free()).
 */
char *settings_change(struct settings *settings, const struct cJSON *object);
struct cJSON *settings_to_json(const struct settings *settings);

/* One line a setting, for --help. Free with free(). */
char *settings_help(void);

#endif
