#ifndef SANDBOX_POST_JSON_H
#define SANDBOX_POST_JSON_H
/*
 * post_json.h - a post as the API shows it, and as the ledger does.    [sandbox]
 */
#include <stdbool.h>

struct cJSON;
struct post;
struct settings;
struct user;

/* A deviation object (deviantart-api.md 10.3). */
struct cJSON *post_json_deviation(const struct post *post, const struct settings *settings);

/* {"userid", "username", "usericon", "type"} */
struct cJSON *post_json_user(const struct user *user);

/* An element of deviation/metadata; `submission`: with ext_submission. */
struct cJSON *post_json_metadata(const struct post *post, const struct settings *settings,
				 bool submission);

/* Everything that the sandbox knows of it. */
struct cJSON *post_json_for_ledger(const struct post *post);

#endif
