/*
 * fuzz_answers.c - DeviantArt's and the storage's raw HTTP answers, through libcurl, to a result.
 * [tests]
 *
 * link with: -Wl,--wrap=curl_easy_init
 *
 * Input: which call ("submit", "publish", "gallery", "metadata", "token"), "---", the answer as it
 * comes over the wire; for submit another "---" and the storage's answer, by bare newlines if one
 * likes. Each connection is a socket on which the whole answer lies already. Holds: what a call
 * gives is fit for use (ids, links, tokens, texts), a failure is whole, and neither the access nor
 * the refresh token that was sent is in its message, whatever the answer repeats.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/config.h"
#include "tests/fuzz/input.h"
#include "worker/deviantart/deviantart.h"
#include "worker/http/http_internal.h"
#include "worker/http/storage.h"

#define ACCESS       "access-token-Zq9Canary-0123456789abcdef"
#define REFRESH      "refresh-token-Zq9Canary-0123456789abcde"
#define SITE_PORT    4
#define STORAGE_PORT 3

static char site[] = "http://127.0.0.1:4", store[] = "http://127.0.0.1:3", bucket[] = "bucket";
static char key_id[] = "key", secret[] = "s3-Zq9Canary", region[] = "auto", id[] = "1";
static char client_secret[] = "client-Zq9Canary";
static struct config config = {
	.deviantart_base_url = site,
	.deviantart_client_id = id,
	.deviantart_client_secret = client_secret,
	.s3_endpoint = store,
	.s3_region = region,
	.s3_access_key_id = key_id,
	.s3_secret_access_key = secret,
	.s3_bucket = bucket,
	.s3_force_path_style = true,
};
static struct http *http;
static struct storage *storage;
static struct deviantart *da;

/* What each port answers. */
static struct {
	char *bytes;
	size_t size;
} answers[8];

CURL *__real_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void);

static curl_socket_t
open_answered(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct sockaddr_in peer;
	int pair[2];
	size_t port;

	(void)context;
	(void)purpose;
	memcpy(&peer, &address->addr, sizeof(peer));
	port = ntohs(peer.sin_port);
	FUZZ_CHECK(port < sizeof(answers) / sizeof(answers[0]));
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	/* It fits into the socket's buffer; what libcurl sends is left lying there. */
	FUZZ_CHECK(send(pair[1], answers[port].bytes, answers[port].size, MSG_DONTWAIT) ==
		   (ssize_t)answers[port].size);
	FUZZ_CHECK(shutdown(pair[1], SHUT_WR) == 0);
	/* Closed only with the process' last look at it: a reset would eat the answer. */
	(void)dup2(pair[1], 100 + (int)port);
	(void)close(pair[1]);
	return pair[0];
}

static int
say_connected(void *context, curl_socket_t fd, curlsocktype purpose)
{
	(void)context;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

CURL *
__wrap_curl_easy_init(void)
{
	CURL *easy = __real_curl_easy_init();

	FUZZ_CHECK(easy != NULL);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_answered);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, say_connected);
	return easy;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct failure why;

	(void)argc;
	(void)argv;
	FUZZ_CHECK(http_global_init(&why));
	http = http_new();
	storage = storage_new(&config);
	FUZZ_CHECK(http != NULL && storage != NULL);
	da = deviantart_new(&config, http, storage);
	FUZZ_CHECK(da != NULL);
	return 0;
}

static void
check_failed(const struct failure *why)
{
	fuzz_check_failure(why);
	FUZZ_CHECK(strpbrk(why->message, "\r\n\x1b") == NULL);
	FUZZ_CHECK(strstr(why->message, "Zq9Canary") == NULL);
}

static void
check_link(const char *url)
{
	FUZZ_CHECK(url[0] == '\0' || strncasecmp(url, "http", 4) == 0);
	FUZZ_CHECK(strpbrk(url, " \r\n\"<>") == NULL);
}

static void
check_line(const char *text, size_t room)
{
	size_t size = strnlen(text, room);

	FUZZ_CHECK(size < room && fuzz_is_utf8(text, size, NULL));
	FUZZ_CHECK(strpbrk(text, "\r\n\t\x1b\x7f") == NULL);
}

static void
try_submit(void)
{
	static char tag[] = "one", *tags[] = {tag, NULL};
	struct deviantart_post post = {.title = "A title", .tags = tags};
	struct deviantart_file file = {.storage_key = "a/b.png",
				       .mime_type = "image/png",
				       .original_filename = "b.png",
				       .size_bytes = 5};
	char item[DEVIANTART_ITEM_SIZE] = "";
	struct failure why;

	if (!deviantart_submit(da, ACCESS, &post, &file, NULL, NULL, NULL, NULL, item, &why)) {
		check_failed(&why);
		FUZZ_CHECK(why.category != FAILURE_OUTCOME_UNKNOWN);
		return;
	}
	FUZZ_CHECK(item[0] != '\0' && strspn(item, "0123456789") == strlen(item));
}

static void
try_publish(void)
{
	struct deviantart_post post = {.title = "A title", .display_resolution = 3};
	struct deviantart_published published;
	struct failure why;

	if (!deviantart_publish(da, ACCESS, "123", &post, 0, NULL, &published, &why)) {
		check_failed(&why);
		FUZZ_CHECK(why.category != FAILURE_NETWORK_ERROR || why.outage);
		FUZZ_CHECK(why.category != FAILURE_SERVER_ERROR);
		return;
	}
	FUZZ_CHECK(strlen(published.deviation_id) >= 8);
	check_line(published.deviation_id, sizeof(published.deviation_id));
	check_link(published.url);
}

static void
try_gallery(void)
{
	struct deviantart_gallery_post posts[24];
	struct failure why;
	bool has_more;
	size_t count;

	if (!deviantart_gallery(da, ACCESS, 0, NULL, posts, &count, &has_more, &why)) {
		check_failed(&why);
		return;
	}
	FUZZ_CHECK(count <= 24);
	for (size_t i = 0; i < count; i++) {
		FUZZ_CHECK(strlen(posts[i].deviation_id) >= 8);
		check_line(posts[i].title, sizeof(posts[i].title));
		check_link(posts[i].url);
	}
}

static void
try_metadata(void)
{
	static const char *const ids[] = {"AAAAAAAA-BBBB", "CCCCCCCC-DDDD"};
	struct deviantart_metadata found[2];
	struct failure why;
	size_t count;

	if (!deviantart_metadata(da, ACCESS, ids, 2, NULL, found, &count, &why)) {
		check_failed(&why);
		return;
	}
	FUZZ_CHECK(count <= 2);
	for (size_t i = 0; i < count; i++) {
		check_line(found[i].app, sizeof(found[i].app));
		check_line(found[i].file_size, sizeof(found[i].file_size));
		check_line(found[i].resolution, sizeof(found[i].resolution));
		FUZZ_CHECK(found[i].file_size_bytes_low <= found[i].file_size_bytes_high);
	}
}

static void
check_token(const char *token)
{
	FUZZ_CHECK(token != NULL && token[0] != '\0');
	for (; *token != '\0'; token++)
		FUZZ_CHECK(*token > ' ' && *token < 0x7F);
}

static void
try_token(void)
{
	struct deviantart_tokens tokens = {0};
	struct failure why;

	if (!deviantart_refresh(da, REFRESH, NULL, &tokens, &why)) {
		check_failed(&why);
		FUZZ_CHECK(tokens.access_token == NULL && tokens.refresh_token == NULL);
		return;
	}
	check_token(tokens.access_token);
	check_token(tokens.refresh_token);
	FUZZ_CHECK(tokens.expires_in_s >= 1 && tokens.expires_in_s <= 86400);
	deviantart_tokens_clear(&tokens);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size < 60000 ? size : 60000};
	char *call = fuzz_part(&input, NULL);

	answers[SITE_PORT].bytes = fuzz_part(&input, &answers[SITE_PORT].size);
	answers[STORAGE_PORT].bytes = fuzz_part(&input, &answers[STORAGE_PORT].size);
	if (strcmp(call, "submit") == 0)
		try_submit();
	else if (strcmp(call, "publish") == 0)
		try_publish();
	else if (strcmp(call, "gallery") == 0)
		try_gallery();
	else if (strcmp(call, "metadata") == 0)
		try_metadata();
	else
		try_token();
	http_rest(http); /* the next answer comes on a connection of its own */
	free(call);
	free(answers[SITE_PORT].bytes);
	free(answers[STORAGE_PORT].bytes);
	return 0;
}
