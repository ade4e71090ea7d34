/*
 * control_users.c - users and planted posts, over the control interface. [sandbox]
 */
#include "tests/sandbox/control_users.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/post_json.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"
#include "tests/sandbox/tokens.h"

#define LIST_MAX     1000
#define YEAR_SECONDS INT64_C(31536000)
#define NOT_GIVEN    INT64_MIN

struct user_input {
	const char *username, *userid, *access_token, *refresh_token;
	int64_t access_expires_in_s, refresh_expires_in_s;
	const cJSON *folders;
};

static bool
is_username(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > 60)
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && *name != '-' && *name != '_')
			return false;
	return true;
}

/* Tokens travel in a header. */
static bool
is_token_text(const char *token)
{
	size_t length = strlen(token);

	if (length == 0 || length > 4000)
		return false;
	for (; *token != '\0'; token++)
		if (!isgraph((unsigned char)*token))
			return false;
	return true;
}

static void
check_folders(struct json_reader *outer, const cJSON *folders)
{
	const cJSON *folder;

	if (folders != NULL && !cJSON_IsArray(folders))
		json_reader_fail(outer, "\"folders\" is not an array");
	cJSON_ArrayForEach(folder, folders)
	{
		const char *folderid = NULL, *name = NULL;
		struct json_reader reader;

		json_reader_init(&reader, folder, "folders");
		json_read_text(&reader, "folderid", &folderid);
		json_read_text(&reader, "name", &name);
		if (folderid == NULL || name == NULL || !text_is_uuid(folderid))
			json_reader_fail(&reader, "folderid (a UUID) and name are needed");
		if (!json_reader_done(&reader))
			json_reader_fail(outer, "%s", reader.error);
		json_reader_fini(&reader);
	}
}

static void
read_user(struct json_reader *reader, struct user_input *input)
{
	memset(input, 0, sizeof(*input));
	input->access_expires_in_s = input->refresh_expires_in_s = NOT_GIVEN;
	json_read_text(reader, "username", &input->username);
	json_read_text(reader, "userid", &input->userid);
	json_read_text(reader, "access_token", &input->access_token);
	json_read_text(reader, "refresh_token", &input->refresh_token);
	json_read_integer(reader, "access_expires_in_s", &input->access_expires_in_s, -YEAR_SECONDS,
			  YEAR_SECONDS);
	json_read_integer(reader, "refresh_expires_in_s", &input->refresh_expires_in_s,
			  -YEAR_SECONDS, YEAR_SECONDS);
	input->folders = json_read_any(reader, "folders");
	check_folders(reader, input->folders);
	if (input->username == NULL && input->userid == NULL)
		json_reader_fail(reader, "username or userid is needed");
	if (input->username != NULL && !is_username(input->username))
		json_reader_fail(reader, "username: letters, digits, - and _, at most 60");
	if (input->userid != NULL && !text_is_uuid(input->userid))
		json_reader_fail(reader, "userid is not a UUID");
	if ((input->access_token != NULL && !is_token_text(input->access_token)) ||
	    (input->refresh_token != NULL && !is_token_text(input->refresh_token)))
		json_reader_fail(reader, "a token is 1 to 4000 visible ASCII characters");
}

static void
check_known(struct json_reader *reader, const struct state *state, const struct user_input *input)
{
	const struct user *by_name =
		input->username != NULL ? state_find_user(state, input->username) : NULL;
	const struct user *by_id =
		input->userid != NULL ? state_find_user(state, input->userid) : NULL;

	if (input->username == NULL && by_id == NULL)
		json_reader_fail(reader, "a new user needs a username");
	if (input->username != NULL && input->userid != NULL && by_name != by_id)
		json_reader_fail(reader, "username and userid belong to different users");
}

static struct user *
find_or_add(struct sandbox *sandbox, const struct user_input *input)
{
	const char *key = input->userid != NULL ? input->userid : input->username;
	struct user *user = state_find_user(&sandbox->state, key);
	char *userid, *folderid;

	if (user != NULL)
		return user;
	userid = input->userid != NULL ? memory_text(input->userid) : text_new_uuid();
	for (char *c = userid; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	user = state_add_user(&sandbox->state, input->username, userid);
	folderid = text_new_uuid();
	state_add_folder(user, folderid, "Featured");
	free(folderid);
	free(userid);
	return user;
}

static int64_t
chosen(int64_t given_s, int64_t usual_s)
{
	return (given_s != NOT_GIVEN ? given_s : usual_s) * 1000;
}

/*
 * A token is granted if one is given, or if the user has none yet. A lifetime without a token is
 * for all that the user has.
 */
static void
set_tokens(struct sandbox *sandbox, struct user *user, const struct user_input *input)
{
	struct tokens *tokens = sandbox->tokens;
	int64_t access_ms =
		chosen(input->access_expires_in_s, sandbox->settings.access_token_lifetime_s);
	int64_t refresh_ms =
		chosen(input->refresh_expires_in_s, sandbox->settings.refresh_token_lifetime_s);
	int64_t unused;
	char *token = text_new_token();

	if (input->access_token != NULL)
		tokens_grant_access(tokens, user, input->access_token, access_ms);
	else if (tokens_newest_access(tokens, user, &unused) == NULL)
		tokens_grant_access(tokens, user, token, access_ms);
	else if (input->access_expires_in_s != NOT_GIVEN)
		tokens_limit_access(tokens, user, access_ms);
	if (input->refresh_token != NULL)
		tokens_grant_refresh(tokens, user, input->refresh_token, refresh_ms);
	else if (tokens_newest_refresh(tokens, user, &unused) == NULL)
		tokens_grant_refresh(tokens, user, token, refresh_ms);
	else if (input->refresh_expires_in_s != NOT_GIVEN)
		tokens_limit_refresh(tokens, user, refresh_ms);
	free(token);
}

static void
apply_user(struct sandbox *sandbox, const struct user_input *input)
{
	struct user *user = find_or_add(sandbox, input);
	const cJSON *folder;

	set_tokens(sandbox, user, input);
	cJSON_ArrayForEach(folder, input->folders)
	{
		const char *folderid =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(folder, "folderid"));
		const char *name =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(folder, "name"));

		if (state_find_folder(user, folderid) == NULL)
			state_add_folder(user, folderid, name);
	}
}

/* Checks the whole list before anything of it is done. */
static char *
each_user(struct sandbox *sandbox, const struct cJSON *list, bool apply)
{
	const cJSON *one;
	unsigned index = 0;

	cJSON_ArrayForEach(one, list)
	{
		struct json_reader reader;
		struct user_input input;
		char what[32];
		char *error = NULL;

		(void)snprintf(what, sizeof(what), "users[%u]", index++);
		json_reader_init(&reader, one, what);
		read_user(&reader, &input);
		check_known(&reader, &sandbox->state, &input);
		if (!json_reader_done(&reader))
			error = memory_text(reader.error);
		else if (apply)
			apply_user(sandbox, &input);
		json_reader_fini(&reader);
		if (error != NULL)
			return error;
	}
	return NULL;
}

static char *
check_list(const struct cJSON *list, const char *what)
{
	if (!cJSON_IsArray(list))
		return memory_format("%s: an array is expected", what);
	if (cJSON_GetArraySize(list) > LIST_MAX)
		return memory_format("%s: at most %d at a time", what, LIST_MAX);
	return NULL;
}

char *
control_users_set(struct sandbox *sandbox, const struct cJSON *input)
{
	char *error = check_list(input, "users");

	if (error == NULL)
		error = each_user(sandbox, input, false);
	return error != NULL ? error : each_user(sandbox, input, true);
}

static void
add_token(cJSON *json, const char *name, const char *expires_name, const char *token,
	  int64_t expires_ms)
{
	json_add_text(json, name, token);
	json_add_integer(json, expires_name, expires_ms);
}

struct cJSON *
control_users_to_json(const struct sandbox *sandbox)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < sandbox->state.user_count; i++) {
		const struct user *user = sandbox->state.users[i];
		cJSON *json = cJSON_CreateObject(), *folders;
		int64_t expires_ms = 0;
		const char *token;

		json_add_text(json, "username", user->username);
		json_add_text(json, "userid", user->userid);
		token = tokens_newest_access(sandbox->tokens, user, &expires_ms);
		add_token(json, "access_token", "access_expires_ms", token, expires_ms);
		token = tokens_newest_refresh(sandbox->tokens, user, &expires_ms);
		add_token(json, "refresh_token", "refresh_expires_ms", token, expires_ms);
		folders = cJSON_AddArrayToObject(json, "folders");
		for (size_t f = 0; f < user->folder_count; f++) {
			cJSON *folder = cJSON_CreateObject();

			json_add_text(folder, "folderid", user->folders[f].folderid);
			json_add_text(folder, "name", user->folders[f].name);
			cJSON_AddItemToArray(folders, folder);
		}
		cJSON_AddItemToArray(list, json);
	}
	return list;
}

struct post_input {
	const char *user, *title, *app;
	int64_t age_s, size_bytes;
	bool is_mature;
	const cJSON *tags;
};

static void
read_post(struct json_reader *reader, const struct state *state, struct post_input *input)
{
	const cJSON *tag;

	memset(input, 0, sizeof(*input));
	input->app = "DeviantArt";
	json_read_text(reader, "user", &input->user);
	json_read_text(reader, "title", &input->title);
	json_read_text(reader, "app", &input->app);
	json_read_integer(reader, "age_s", &input->age_s, -YEAR_SECONDS, 50 * YEAR_SECONDS);
	json_read_integer(reader, "size_bytes", &input->size_bytes, 0, INT64_C(1) << 40);
	json_read_bool(reader, "is_mature", &input->is_mature);
	input->tags = json_read_any(reader, "tags");
	if (input->user == NULL || input->title == NULL)
		json_reader_fail(reader, "user and title are needed");
	else if (state_find_user(state, input->user) == NULL)
		json_reader_fail(reader, "there is no user \"%s\"", input->user);
	if (input->tags != NULL && !cJSON_IsArray(input->tags))
		json_reader_fail(reader, "\"tags\" is not an array");
	cJSON_ArrayForEach(tag, input->tags) if (!cJSON_IsString(tag))
		json_reader_fail(reader, "a tag is not a string");
}

static void
plant(struct sandbox *sandbox, const struct post_input *input, struct cJSON *made)
{
	struct user *user = state_find_user(&sandbox->state, input->user);
	struct post *post = state_add_post(&sandbox->state, user, input->title);
	const cJSON *tag;

	post->published_ms -= input->age_s * 1000;
	post->size_bytes = (uint64_t)input->size_bytes;
	post->is_mature = input->is_mature;
	memory_replace(&post->app, input->app);
	cJSON_ArrayForEach(tag, input->tags)(void) fields_add(
		&post->published, "tags[]", 6, tag->valuestring, strlen(tag->valuestring));
	cJSON_AddItemToArray(made, post_json_for_ledger(post));
}

static char *
each_post(struct sandbox *sandbox, const struct cJSON *list, struct cJSON *made, bool apply)
{
	const cJSON *one;
	unsigned index = 0;

	cJSON_ArrayForEach(one, list)
	{
		struct json_reader reader;
		struct post_input input;
		char what[32];
		char *error = NULL;

		(void)snprintf(what, sizeof(what), "posts[%u]", index++);
		json_reader_init(&reader, one, what);
		read_post(&reader, &sandbox->state, &input);
		if (!json_reader_done(&reader))
			error = memory_text(reader.error);
		else if (apply)
			plant(sandbox, &input, made);
		json_reader_fini(&reader);
		if (error != NULL)
			return error;
	}
	return NULL;
}

char *
control_posts_plant(struct sandbox *sandbox, const struct cJSON *input, struct cJSON *made)
{
	char *error = check_list(input, "posts");

	if (error == NULL)
		error = each_post(sandbox, input, made, false);
	return error != NULL ? error : each_post(sandbox, input, made, true);
}
