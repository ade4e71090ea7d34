/*
 * sandbox_bench.c - one side of an exchange is ours, the other is build/deviantart-sandbox.
 */
#include "tests/integration/sandbox_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#define STRANGE_FILE "objects/art/" SANDBOX_BENCH_STRANGE_KEY

/* ---- the sandbox ---- */

static char directory[] = "/tmp/publisher-deviantart.XXXXXX";
static pid_t sandbox_pid;
static char site_url[64], storage_url_text[64];

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

int
sandbox_bench_start(void **state)
{
	int64_t deadline_ms = clock_mono_ms() + 10000;

	(void)state;
	if (!http_global_init(NULL) || mkdtemp(directory) == NULL)
		return -1;
	make_directory("objects");
	make_directory("objects/art");
	make_directory("objects/art/user 1");
	write_object(SANDBOX_BENCH_STRANGE_KEY, 1000, NULL);
	write_object("big.png", SANDBOX_BENCH_BIG_SIZE, sandbox_bench_big_sha256);
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

int
sandbox_bench_stop(void **state)
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
char *
sandbox_bench_control(const char *path, const char *body)
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

void
sandbox_bench_tell(const char *path, const char *body)
{
	free(sandbox_bench_control(path, body));
}

/* ---- the side that is tested ---- */

static char client_id[] = "sandbox-client", client_secret[] = "sandbox-secret";
static char key_id[] = "sandbox-key", s3_secret[] = "sandbox-secret";
static char region[] = "auto", bucket[] = "art";

struct sandbox_bench sandbox_bench;
char sandbox_bench_wrong_secret[] = "not-the-secret";
char sandbox_bench_big_sha256[65];

int
sandbox_bench_open(void **state)
{
	struct sandbox_bench *bench = &sandbox_bench;

	(void)state;
	bench->config = (struct config){.deviantart_client_id = client_id,
					.deviantart_client_secret = client_secret,
					.deviantart_base_url = site_url,
					.s3_endpoint = storage_url_text,
					.s3_region = region,
					.s3_access_key_id = key_id,
					.s3_secret_access_key = s3_secret,
					.s3_bucket = bucket,
					.s3_force_path_style = true};
	bench->http = http_new();
	bench->storage = storage_new(&bench->config);
	bench->da = deviantart_new(&bench->config, bench->http, bench->storage);
	sandbox_bench_tell("reset", "{}");
	sandbox_bench_tell(
		"users",
		"[{\"username\":\"alice\",\"access_token\":\"A1\",\"refresh_token\":\"R1\"}]");
	return bench->http != NULL && bench->storage != NULL && bench->da != NULL ? 0 : -1;
}

int
sandbox_bench_close(void **state)
{
	struct sandbox_bench *bench = &sandbox_bench;

	(void)state;
	deviantart_free(bench->da);
	storage_free(bench->storage);
	http_free(bench->http);
	return 0;
}

const struct deviantart_post sandbox_bench_plain = {.title = "Night"};
const struct deviantart_file sandbox_bench_small_file = {.storage_key = SANDBOX_BENCH_STRANGE_KEY,
							 .mime_type = "image/png",
							 .original_filename = "night.png",
							 .size_bytes = 1000};

bool
sandbox_bench_submit(const struct deviantart_post *post, const struct deviantart_file *file,
		     const char *replace, char item[DEVIANTART_ITEM_SIZE], struct failure *why)
{
	return deviantart_submit(sandbox_bench.da, "A1", post, file, replace, NULL, NULL, NULL,
				 item, why);
}

void
sandbox_bench_submit_plain(char item[DEVIANTART_ITEM_SIZE])
{
	struct failure why;

	if (!sandbox_bench_submit(&sandbox_bench_plain, &sandbox_bench_small_file, NULL, item,
				  &why))
		fail_msg("%s", why.message);
}

bool
sandbox_bench_publish(const char *item, struct failure *why)
{
	struct deviantart_published published;

	return deviantart_publish(sandbox_bench.da, "A1", item, &sandbox_bench_plain, 0, NULL,
				  &published, why);
}
