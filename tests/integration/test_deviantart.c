/*
 * deviantart*.c, storage.c, upload.c against build/deviantart-sandbox: the storage checks our
 * signatures, the site our fields, and its ledger tells what really arrived. Every kind of failure
 * of contract.md "Failures" is provoked here once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <openssl/evp.h>

#include "common/clock.h"
#include "worker/deviantart/deviantart.h"

#define STRANGE_KEY  "user 1/p=(1)+@,&\xC3\xA9.png"
#define STRANGE_FILE "objects/art/" STRANGE_KEY
#define BIG_SIZE     (5 * 1000 * 1000)

/* ---- the sandbox ---- */

static char directory[] = "/tmp/publisher-deviantart.XXXXXX";
static pid_t sandbox_pid;
static char site_url[64], storage_url_text[64];
static char big_sha256[65];

static char *
path_in(const char *name)
{
	static char paths[4][512];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void
write_object(const char *key, size_t size, char sha256[65])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_size, seed = (unsigned int)size;
	unsigned char *data = malloc(size);
	char name[256];
	FILE *file;

	assert_non_null(data);
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1103515245U + 12345U;
		data[i] = (unsigned char)(seed >> 16);
	}
	if (size >= 8)
		memcpy(data, "\x89PNG\r\n\x1a\n", 8);
	snprintf(name, sizeof(name), "objects/art/%s", key);
	file = fopen(path_in(name), "we");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(EVP_Digest(data, size, digest, &digest_size, EVP_sha256(), NULL), 1);
	for (unsigned int i = 0; sha256 != NULL && i < digest_size; i++)
		snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
	free(data);
}

static void
make_directory(const char *name)
{
	assert_true(mkdir(path_in(name), 0700) == 0 || errno == EEXIST);
}

static bool
read_port(const char *name, char url[64])
{
	FILE *file = fopen(path_in(name), "re");
	int port = 0;

	if (file == NULL)
		return false;
	if (fscanf(file, "%d", &port) != 1)
		port = 0;
	fclose(file);
	snprintf(url, 64, "http://127.0.0.1:%d", port);
	return port > 0;
}

static const char *
sandbox_program(void)
{
	static const char *const places[] = {"build/deviantart-sandbox",
					     "build/asan/deviantart-sandbox",
					     "build/clang/deviantart-sandbox"};
	const char *given = getenv("SANDBOX");

	if (given != NULL && given[0] != '\0')
		return given;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return places[0];
}

static int
start_sandbox(void **state)
{
	int64_t deadline_ms = clock_mono_ms() + 10000;

	(void)state;
	if (!http_global_init(NULL) || mkdtemp(directory) == NULL)
		return -1;
	make_directory("objects");
	make_directory("objects/art");
	make_directory("objects/art/user 1");
	write_object(STRANGE_KEY, 1000, NULL);
	write_object("big.png", BIG_SIZE, big_sha256);
	write_object("short.png", 999, NULL);
	sandbox_pid = fork();
	if (sandbox_pid == 0) {
		char *root = path_in("objects"), *port = path_in("port"), *s3 = path_in("s3-port");

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(sandbox_program(), "deviantart-sandbox", "-q", "--die-with-parent",
		      "--s3-root", root, "--port-file", port, "--s3-port-file", s3, (char *)NULL);
		perror(sandbox_program());
		_exit(127);
	}
	while (!read_port("port", site_url) || !read_port("s3-port", storage_url_text)) {
		if (clock_mono_ms() > deadline_ms || waitpid(sandbox_pid, NULL, WNOHANG) != 0)
			return -1;
		usleep(5000);
	}
	return 0;
}

static int
stop_sandbox(void **state)
{
	static const char *const names[] = {"objects/art/big.png",
					    "objects/art/short.png",
					    "objects/art/user 1",
					    "objects/art",
					    "objects",
					    "port",
					    "s3-port",
					    ""};

	(void)state;
	kill(sandbox_pid, SIGTERM);
	(void)waitpid(sandbox_pid, NULL, 0);
	(void)remove(path_in(STRANGE_FILE));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(path_in(names[i]));
	return 0;
}

struct text {
	char *data;
	size_t size;
};

static size_t
keep(char *data, size_t one, size_t size, void *arg)
{
	struct text *text = arg;
	char *bigger = realloc(text->data, text->size + size + 1);

	(void)one;
	if (bigger == NULL)
		return 0;
	text->data = bigger;
	memcpy(bigger + text->size, data, size);
	text->size += size;
	bigger[text->size] = '\0';
	return size;
}

/* GET, or POST with a body, of /_sandbox/...; the answer: free(). */
static char *
control(const char *path, const char *body)
{
	CURL *easy = curl_easy_init();
	struct text text = {0};
	char url[256];
	long status = 0;

	snprintf(url, sizeof(url), "%s/_sandbox/%s", site_url, path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &text);
	if (body != NULL)
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	assert_int_equal(curl_easy_perform(easy), CURLE_OK);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		fail_msg("%s: %ld %s", path, status, text.data != NULL ? text.data : "");
	curl_easy_cleanup(easy);
	return text.data;
}

static void
tell(const char *path, const char *body)
{
	free(control(path, body));
}

/* ---- the side that is tested ---- */

static char client_id[] = "sandbox-client", client_secret[] = "sandbox-secret";
static char wrong_secret[] = "not-the-secret", key_id[] = "sandbox-key",
	    s3_secret[] = "sandbox-secret";
static char region[] = "auto", bucket[] = "art", no_bucket[] = "nowhere";

static struct config config;
static struct http *http;
static struct storage *storage;
static struct deviantart *da;

static int
open_side(void **state)
{
	(void)state;
	config = (struct config){.deviantart_client_id = client_id,
				 .deviantart_client_secret = client_secret,
				 .deviantart_base_url = site_url,
				 .s3_endpoint = storage_url_text,
				 .s3_region = region,
				 .s3_access_key_id = key_id,
				 .s3_secret_access_key = s3_secret,
				 .s3_bucket = bucket,
				 .s3_force_path_style = true};
	http = http_new();
	storage = storage_new(&config);
	da = deviantart_new(&config, http, storage);
	tell("reset", "{}");
	tell("users",
	     "[{\"username\":\"alice\",\"access_token\":\"A1\",\"refresh_token\":\"R1\"}]");
	return http != NULL && storage != NULL && da != NULL ? 0 : -1;
}

static int
close_side(void **state)
{
	(void)state;
	deviantart_free(da);
	storage_free(storage);
	http_free(http);
	return 0;
}

static const struct deviantart_post plain = {.title = "Night"};
static const struct deviantart_file small_file = {.storage_key = STRANGE_KEY,
						  .mime_type = "image/png",
						  .original_filename = "night.png",
						  .size_bytes = 1000};

static bool
submit(const struct deviantart_post *post, const struct deviantart_file *file, const char *replace,
       char item[DEVIANTART_ITEM_SIZE], struct failure *why)
{
	return deviantart_submit(da, "A1", post, file, replace, NULL, NULL, NULL, item, why);
}

static void
submit_plain(char item[DEVIANTART_ITEM_SIZE])
{
	struct failure why;

	if (!submit(&plain, &small_file, NULL, item, &why))
		fail_msg("%s", why.message);
}

static bool
publish(const char *item, struct failure *why)
{
	struct deviantart_published published;

	return deviantart_publish(da, "A1", item, &plain, 0, NULL, &published, why);
}

/* ---- what goes well ---- */

static void
note_progress(void *arg, int64_t sent_bytes)
{
	int64_t *last = arg;

	assert_true(sent_bytes > *last);
	*last = sent_bytes;
}

static void
file_arrives_whole_and_is_published_with_all_fields(void **state)
{
	char first[] = "night sky", second[] = "#stars",
	     long_title[] = "A very long title of more than fifty characters, so that it is cut";
	char description[] = "Line one\n\nLine two \xE2\x98\x85";
	char *tags[] = {first, second, NULL};
	struct deviantart_post post = {.title = long_title,
				       .description = description,
				       .tags = tags,
				       .is_mature = true,
				       .mature_level = "strict",
				       .allow_comments = true,
				       .allow_free_download = true,
				       .is_ai_generated = true,
				       .add_watermark = true,
				       .display_resolution = 3};
	struct deviantart_file file = {.storage_key = "big.png",
				       .mime_type = "image/png",
				       .original_filename = "../n\"ight.png",
				       .size_bytes = BIG_SIZE};
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE], *ledger;
	int64_t progress = 0;
	struct failure why;

	(void)state;
	if (!deviantart_submit(da, "A1", &post, &file, NULL, NULL, note_progress, &progress, item,
			       &why))
		fail_msg("%s", why.message);
	assert_int_equal(progress, BIG_SIZE);
	if (!deviantart_publish(da, "A1", item, &post, 0, NULL, &published, &why))
		fail_msg("%s", why.message);
	assert_int_equal(strlen(published.deviation_id), 36);
	assert_non_null(strstr(published.url, "/art/"));
	ledger = control("ledger", NULL);
	assert_non_null(strstr(ledger, big_sha256));
	assert_non_null(strstr(ledger, item));
	assert_non_null(strstr(ledger, "\"night.png\""));
	assert_non_null(strstr(ledger, "A very long title of more than fifty characters, s\""));
	assert_non_null(strstr(ledger, "night_sky"));
	assert_non_null(strstr(ledger, "Line one\\n\\nLine two"));
	assert_non_null(strstr(ledger, "mature_level"));
	free(ledger);
	ledger = control("ledger/summary", NULL);
	assert_null(strstr(ledger, "is_dirty")); /* no field that is not documented */
	free(ledger);
}

static void
undocumented_fields_are_never_sent(void **state)
{
	char category[] = "digitalart";
	struct deviantart_post post = {.title = "x", .category_path = category, .is_mature = true};
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	tell("settings", "{\"strict_fields\":true}");
	if (!submit(&post, &small_file, NULL, item, &why) ||
	    !deviantart_publish(da, "A1", item, &post, 0, NULL, &published, &why))
		fail_msg("%s", why.message);
}

static void
item_is_replaced_in_place(void **state)
{
	char item[DEVIANTART_ITEM_SIZE], again[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	submit_plain(item);
	if (!submit(&plain, &small_file, item, again, &why))
		fail_msg("%s", why.message);
	assert_string_equal(item, again);
}

static void
gallery_and_metadata_tell_what_was_published(void **state)
{
	struct deviantart_post post = {.title = "Tom & <Jerry>", .allow_free_download = true};
	static struct deviantart_gallery_post posts[24];
	struct deviantart_metadata found[2];
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE];
	const char *ids[2];
	size_t count = 0;
	bool has_more = true;
	struct failure why;

	(void)state;
	if (!submit(&post, &small_file, NULL, item, &why) ||
	    !deviantart_publish(da, "A1", item, &post, 0, NULL, &published, &why) ||
	    !deviantart_gallery(da, "A1", 0, NULL, posts, &count, &has_more, &why))
		fail_msg("%s", why.message);
	assert_int_equal(count, 1);
	assert_false(has_more);
	assert_string_equal(posts[0].deviation_id, published.deviation_id);
	assert_string_equal(posts[0].url, published.url);
	assert_string_equal(posts[0].title, "Tom & <Jerry>");
	assert_int_equal(posts[0].download_size_bytes, 1000);
	assert_true(llabs(posts[0].published_time_s - clock_wall_ms() / 1000) < 60);
	ids[0] = ids[1] = published.deviation_id;
	if (!deviantart_metadata(da, "A1", ids, 1, NULL, found, &count, &why))
		fail_msg("%s", why.message);
	assert_int_equal(count, 1);
	assert_string_equal(found[0].deviation_id, published.deviation_id);
	assert_string_equal(found[0].app, "Isekai");
	assert_in_range(1000, found[0].file_size_bytes_low, found[0].file_size_bytes_high);
	if (!deviantart_gallery(da, "A1", 24, NULL, posts, &count, &has_more, &why))
		fail_msg("%s", why.message);
	assert_int_equal(count, 0);
}

static void
answers_may_be_padded_chunked_and_compressed(void **state)
{
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	tell("settings", "{\"padding\":5000,\"chunked\":true,\"gzip\":true}");
	submit_plain(item);
	if (!publish(item, &why))
		fail_msg("%s", why.message);
}

/* ---- tokens ---- */

static void
refresh_token_is_good_for_one_use(void **state)
{
	struct deviantart_tokens tokens;
	struct failure why;

	(void)state;
	if (!deviantart_refresh(da, "R1", NULL, &tokens, &why))
		fail_msg("%s", why.message);
	assert_int_equal(tokens.expires_in_s, 3600);
	assert_string_not_equal(tokens.refresh_token, "R1");
	deviantart_tokens_clear(&tokens);
	assert_null(tokens.access_token);
	assert_false(deviantart_refresh(da, "R1", NULL, &tokens, &why));
	assert_int_equal(why.category, FAILURE_REFRESH_TOKEN_EXPIRED);
	assert_int_equal(why.http_status, 400);
}

static void
wrong_client_secret_is_the_operators_fault(void **state)
{
	struct deviantart_tokens tokens;
	struct failure why;

	(void)state;
	config.deviantart_client_secret = wrong_secret;
	assert_false(deviantart_refresh(da, "R1", NULL, &tokens, &why));
	assert_int_equal(why.category, FAILURE_OPERATOR);
	assert_null(strstr(why.message, wrong_secret));
	config.deviantart_client_secret = client_secret;
	assert_true(deviantart_refresh(da, "R1", NULL, &tokens, &why)); /* it was not spent */
	deviantart_tokens_clear(&tokens);
}

static void
unknown_access_token_is_token_expired(void **state)
{
	struct deviantart_gallery_post posts[24];
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;
	size_t count;
	bool more;

	(void)state;
	assert_false(deviantart_gallery(da, "A-old", 0, NULL, posts, &count, &more, &why));
	assert_int_equal(why.category, FAILURE_TOKEN_EXPIRED);
	assert_false(deviantart_submit(da, "A-old", &plain, &small_file, NULL, NULL, NULL, NULL,
				       item, &why));
	assert_int_equal(why.category, FAILURE_TOKEN_EXPIRED);
	tell("settings", "{\"early_errors\":true}");
	assert_false(deviantart_submit(da, "A-old", &plain, &small_file, NULL, NULL, NULL, NULL,
				       item, &why));
	assert_int_equal(why.category, FAILURE_TOKEN_EXPIRED);
}

/* ---- publish's own answers ---- */

static void
second_publish_is_code_9_and_unknown_item_code_7(void **state)
{
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	submit_plain(item);
	assert_true(publish(item, &why));
	assert_false(publish(item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_int_equal(why.error_code, 9);
	assert_false(publish("12345", &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_int_equal(why.error_code, 7);
}

static void
category_is_repaired_by_leaving_it_out(void **state)
{
	struct deviantart_post post = {.title = "x", .category_path = "digitalart"};
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	submit_plain(item);
	for (int code = 2; code <= 3; code++) {
		tell("settings",
		     code == 2 ? "{\"catpath_error_code\":2}" : "{\"catpath_error_code\":3}");
		assert_false(deviantart_publish(da, "A1", item, &post, 0, NULL, &published, &why));
		assert_int_equal(why.error_code, code);
	}
	assert_true(deviantart_publish(da, "A1", item, &post, DEVIANTART_REPAIR_CATEGORY, NULL,
				       &published, &why));
}

static void
video_is_refused_with_code_8(void **state)
{
	struct deviantart_file video = small_file;
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	video.mime_type = "video/mp4";
	assert_true(submit(&plain, &video, NULL, item, &why));
	assert_false(publish(item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_int_equal(why.error_code, 8);
	assert_non_null(strstr(why.message, "preview image"));
}

static void
folder_that_is_no_uuid_is_named_in_the_message(void **state)
{
	char folder[] = "12345";
	char *folders[] = {folder, NULL};
	struct deviantart_post post = {.title = "x", .gallery_ids = folders};
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	submit_plain(item);
	assert_false(deviantart_publish(da, "A1", item, &post, 0, NULL, &published, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_non_null(strstr(why.message, "galleryids"));
}

/* ---- limits ---- */

static void
limits_close_the_right_gate(void **state)
{
	struct deviantart_gallery_post posts[24];
	struct failure why;
	size_t count;
	bool more;

	(void)state;
	tell("settings", "{\"user_limit\":1,\"user_limit_window_ms\":60000,\"retry_after_s\":7}");
	assert_true(deviantart_gallery(da, "A1", 0, NULL, posts, &count, &more, &why));
	assert_false(deviantart_gallery(da, "A1", 0, NULL, posts, &count, &more, &why));
	assert_int_equal(why.category, FAILURE_RATE_LIMIT);
	assert_int_equal(why.gate, FAILURE_GATE_USER);
	assert_int_equal(why.wait_ms, 7000);
	tell("settings", "{\"user_limit\":0,\"application_limit\":1,\"retry_after_s\":-1,"
			 "\"application_limit_window_ms\":60000}");
	(void)deviantart_gallery(da, "A1", 0, NULL, posts, &count, &more, &why);
	assert_false(deviantart_gallery(da, "A1", 0, NULL, posts, &count, &more, &why));
	assert_int_equal(why.category, FAILURE_RATE_LIMIT);
	assert_int_equal(why.gate, FAILURE_GATE_APPLICATION);
	assert_int_equal(why.wait_ms, -1);
}

/* ---- faults on the way ---- */

static const struct fault_case {
	const char *rule; /* without its match */
	enum failure_category submit, publish, token;
	bool outage; /* where it is a SERVER_ERROR */
} fault_cases[] = {
	{"\"action\":\"reset_before\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"reset_after\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"close\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"truncate\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"truncate_headers\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"empty\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"garbage\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"garbage\",\"bytes\":5000", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"bomb\",\"bytes\":50000000", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"html_403\"", FAILURE_RATE_LIMIT, FAILURE_RATE_LIMIT, FAILURE_RATE_LIMIT,
	 false},
	{"\"action\":\"status\",\"status\":403", FAILURE_RATE_LIMIT, FAILURE_RATE_LIMIT,
	 FAILURE_RATE_LIMIT, false},
	{"\"action\":\"status\",\"status\":429", FAILURE_RATE_LIMIT, FAILURE_RATE_LIMIT,
	 FAILURE_RATE_LIMIT, false},
	{"\"action\":\"status\",\"status\":503,\"body\":\"<html>maintenance</html>\"",
	 FAILURE_SERVER_ERROR, FAILURE_OUTCOME_UNKNOWN, FAILURE_SERVER_ERROR, true},
	{"\"action\":\"status\",\"status\":500,\"body\":{\"status\":\"error\",\"error\":"
	 "\"server_error\"}",
	 FAILURE_SERVER_ERROR, FAILURE_OUTCOME_UNKNOWN, FAILURE_SERVER_ERROR, false},
	{"\"action\":\"status\",\"status\":504,\"body\":\"<html>timeout</html>\"",
	 FAILURE_SERVER_ERROR, FAILURE_OUTCOME_UNKNOWN, FAILURE_SERVER_ERROR, false},
	{"\"action\":\"status\",\"status\":400,\"body\":{\"status\":\"error\",\"error\":"
	 "\"invalid_request\",\"error_description\":\"Your Sta.sh quota is used up\"}",
	 FAILURE_QUOTA_EXCEEDED, FAILURE_QUOTA_EXCEEDED, FAILURE_QUOTA_EXCEEDED, false},
	{"\"action\":\"status\",\"status\":403,\"body\":{\"status\":\"error\",\"error\":\"no\"}",
	 FAILURE_AUTH_ERROR, FAILURE_AUTH_ERROR, FAILURE_AUTH_ERROR, false},
	{"\"action\":\"status\",\"status\":418,\"body\":{\"status\":\"error\",\"error\":\"no\"}",
	 FAILURE_UNKNOWN, FAILURE_UNKNOWN, FAILURE_UNKNOWN, false},
};

static void
check_fault(const struct fault_case *fault, const char *endpoint, enum failure_category wanted,
	    const struct failure *why)
{
	if (why->category != wanted ||
	    why->outage != (fault->outage && wanted == FAILURE_SERVER_ERROR))
		fail_msg("%s, %s: is %s (%s), should be %s", endpoint, fault->rule,
			 failure_category_name(why->category), why->message,
			 failure_category_name(wanted));
}

static void
set_fault(const char *endpoint, const char *rule)
{
	char body[512];

	snprintf(body, sizeof(body), "{\"match\":{\"endpoint\":\"%s\"},\"count\":1,%s}", endpoint,
		 rule);
	tell("faults", body);
}

static void
every_fault_is_what_contract_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
		const struct fault_case *fault = &fault_cases[i];
		struct failure why = {.category = FAILURE_NONE};
		char item[DEVIANTART_ITEM_SIZE];
		struct deviantart_tokens tokens = {0};

		tell("reset", "{}");
		tell("users", "[{\"username\":\"alice\",\"access_token\":\"A1\","
			      "\"refresh_token\":\"R1\"}]");
		submit_plain(item);
		set_fault("publish", fault->rule);
		assert_false(publish(item, &why));
		check_fault(fault, "publish", fault->publish, &why);
		set_fault("submit", fault->rule);
		http_rest(http); /* on a used connection libcurl may try again, which is fine */
		assert_false(submit(&plain, &small_file, NULL, item, &why));
		check_fault(fault, "submit", fault->submit, &why);
		set_fault("token", fault->rule);
		assert_false(deviantart_refresh(da, "R1", NULL, &tokens, &why));
		check_fault(fault, "token", fault->token, &why);
	}
}

static void
slow_answers_are_waited_for(void **state)
{
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	submit_plain(item);
	set_fault("publish", "\"action\":\"slow\",\"bytes\":20,\"every_ms\":50");
	if (!publish(item, &why))
		fail_msg("%s", why.message);
}

static void
reset_in_mid_upload_leaves_no_item(void **state)
{
	struct deviantart_file file = {.storage_key = "big.png",
				       .mime_type = "image/png",
				       .original_filename = "big.png",
				       .size_bytes = BIG_SIZE};
	char item[DEVIANTART_ITEM_SIZE], *summary;
	struct failure why;

	(void)state;
	set_fault("submit", "\"action\":\"reset_middle\"");
	assert_false(submit(&plain, &file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_NETWORK_ERROR);
	summary = control("ledger/summary", NULL);
	assert_non_null(strstr(summary, "\"items\":0"));
	free(summary);
	assert_true(submit(&plain, &file, NULL, item, &why));
}

/* ---- the storage ---- */

static void
storage_is_asked_first_and_names_what_to_mend(void **state)
{
	struct deviantart_file file = small_file;
	char item[DEVIANTART_ITEM_SIZE], *summary;
	struct failure why;

	(void)state;
	file.storage_key = "missing.png";
	assert_false(submit(&plain, &file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_non_null(strstr(why.message, "\"night.png\" is no longer in the storage"));
	file.storage_key = "short.png";
	assert_false(submit(&plain, &file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_non_null(strstr(why.message, "999"));
	file.storage_key = "a/../" STRANGE_KEY;
	assert_false(submit(&plain, &file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);

	config.s3_secret_access_key = wrong_secret;
	assert_false(submit(&plain, &small_file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "S3_SECRET_ACCESS_KEY"));
	assert_null(strstr(why.message, wrong_secret));
	config.s3_secret_access_key = s3_secret;
	config.s3_access_key_id = wrong_secret;
	assert_false(submit(&plain, &small_file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "S3_ACCESS_KEY_ID"));
	config.s3_access_key_id = key_id;
	config.s3_bucket = no_bucket;
	assert_false(submit(&plain, &small_file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "S3_BUCKET_NAME"));
	summary = control("ledger/summary", NULL);
	assert_non_null(strstr(summary, "\"submits\":0"));
	assert_null(strstr(summary, "\"submit\":{"));
	free(summary);
}

static void
storage_faults_are_nobodys_failure(void **state)
{
	static const char *const rules[] = {
		"\"action\":\"reset_before\"",
		"\"action\":\"close\"",
		"\"action\":\"truncate\"",
		"\"action\":\"status\",\"status\":503,\"body\":\"<Code>SlowDown</Code>\"",
		"\"action\":\"status\",\"status\":500",
		"\"action\":\"status\",\"status\":403"};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char item[DEVIANTART_ITEM_SIZE], *summary;
		struct failure why;

		set_fault("s3", rules[i]);
		if (submit(&plain, &small_file, NULL, item, &why) || why.category != FAILURE_AWAY)
			fail_msg("%s: %s", rules[i], why.message);
		summary = control("ledger/summary", NULL);
		assert_non_null(strstr(summary, "\"items\":0"));
		free(summary);
	}
}

#define test(function) cmocka_unit_test_setup_teardown(function, open_side, close_side)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(file_arrives_whole_and_is_published_with_all_fields),
		test(undocumented_fields_are_never_sent),
		test(item_is_replaced_in_place),
		test(gallery_and_metadata_tell_what_was_published),
		test(answers_may_be_padded_chunked_and_compressed),
		test(refresh_token_is_good_for_one_use),
		test(wrong_client_secret_is_the_operators_fault),
		test(unknown_access_token_is_token_expired),
		test(second_publish_is_code_9_and_unknown_item_code_7),
		test(category_is_repaired_by_leaving_it_out),
		test(video_is_refused_with_code_8),
		test(folder_that_is_no_uuid_is_named_in_the_message),
		test(limits_close_the_right_gate),
		test(every_fault_is_what_contract_says),
		test(slow_answers_are_waited_for),
		test(reset_in_mid_upload_leaves_no_item),
		test(storage_is_asked_first_and_names_what_to_mend),
		test(storage_faults_are_nobodys_failure),
	};

	return cmocka_run_group_tests_name("deviantart", tests, start_sandbox, stop_sandbox);
}
