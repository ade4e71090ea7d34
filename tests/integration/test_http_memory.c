/*
 * http*.c, upload.c: what an exchange leaves in our memory: little, however much came or went, and
 * no token.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/integration/http_bench.h"
#include "tests/integration/peer.h"

static long
private_kb(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long sum = 0, kb;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Private_Clean: %ld", &kb) == 1 ||
		    sscanf(line, "Private_Dirty: %ld", &kb) == 1)
			sum += kb;
	fclose(file);
	return sum;
}

#if defined(__SANITIZE_ADDRESS__)
#define MEASURES_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEASURES_MEMORY false
#endif
#endif
#ifndef MEASURES_MEMORY
#define MEASURES_MEMORY true
#endif

static char *
gzip_bomb(size_t inner_size, size_t *size)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
	static char zeros[65536];
	size_t capacity = inner_size / 500 + 65536;
	char *bomb = malloc(capacity);
	z_stream z = {0};

	assert_non_null(bomb);
	memcpy(bomb, head, sizeof(head) - 1);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (Bytef *)bomb + sizeof(head) - 1;
	z.avail_out = (uInt)(capacity - sizeof(head) + 1);
	for (size_t done = 0; done < inner_size; done += sizeof(zeros)) {
		z.next_in = (Bytef *)zeros;
		z.avail_in = sizeof(zeros);
		assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
	}
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*size = capacity - z.avail_out;
	deflateEnd(&z);
	return bomb;
}

static void
large_answers_and_gzip_bombs_are_cut(void **state)
{
	struct peer_rule rules[] = {{.path = PUBLISH,
				     .answer = "HTTP/1.1 200 OK\r\n\r\n",
				     .filler_size = 50 * MEGABYTE,
				     .then = PEER_CLOSE},
				    {.path = GALLERY, .then = PEER_CLOSE}};
	struct http_bench bench;
	struct failure why;
	long before_kb;
	char *bomb = gzip_bomb(200 * MEGABYTE, &rules[1].answer_size);

	(void)state;
	rules[1].answer = bomb;
	http_bench_open(&bench, rules, 2);
	before_kb = private_kb();
	assert_false(http_bench_publish(&bench, NULL, &why));
	assert_category(why, FAILURE_OUTCOME_UNKNOWN);
	assert_non_null(strstr(why.message, "too long"));
	assert_false(http_bench_gallery(&bench, NULL, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	assert_non_null(strstr(why.message, "too long"));
	if (MEASURES_MEMORY)
		assert_in_range(private_kb() - before_kb + 8000, 0, 8000 + 4000);
	http_bench_close(&bench);
	free(bomb);
}

/* A small upload: what the libraries take once a process is not what a large one needs. */
static void
warm_up(void)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
		 .filler_size = 1000},
		{.path = SUBMIT, .body = SUBMITTED}};
	struct http_bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	http_bench_open(&bench, rules, 2);
	assert_true(http_bench_submit(&bench, 1000, NULL, item, &why));
	http_bench_close(&bench);
}

static void
large_file_needs_little_memory(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 120000000\r\n\r\n",
		 .filler_size = 120 * (int64_t)MEGABYTE},
		{.path = SUBMIT, .body = SUBMITTED}};
	struct http_bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];
	long before_kb;

	(void)state;
	warm_up();
	http_bench_open(&bench, rules, 2);
	before_kb = private_kb();
	for (int i = 0; i < 3; i++) {
		if (!http_bench_submit(&bench, 120 * (int64_t)MEGABYTE, NULL, item, &why))
			fail_msg("%s", why.message);
		assert_string_equal(item, "9007199254740993");
	}
	assert_true(bench.peer.count->bytes[1] > 3 * 120 * (int64_t)MEGABYTE);
	assert_int_equal(bench.peer.count->whole[1], 3);
	assert_int_equal(bench.peer.count->connections, 2);
	print_message("private memory: %ld kB, %+ld kB for 3 x 120 MB\n", private_kb(),
		      private_kb() - before_kb);
	if (MEASURES_MEMORY) {
		/* What it grows by: the libraries' own share differs between releases of them. */
		assert_in_range(private_kb() - before_kb + 8000, 0, 8000 + 1000);
	}
	http_bench_close(&bench);
}

/* How often the text, given with every byte inverted, stands in our own writable memory. */
static int
count_in_memory(const unsigned char *inverted, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512];
	int found = 0;

	assert_non_null(maps);
	assert_true(memory >= 0);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;
		char access[5];
		unsigned char *copy;
		ssize_t got;

		if (sscanf(line, "%lx-%lx %4s", &from, &to, access) != 3 ||
		    strcmp(access, "rw-p") != 0)
			continue;
		copy = mmap(NULL, to - from, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			    0); /* shared: not looked at itself */
		assert_true(copy != MAP_FAILED);
		got = pread(memory, copy, to - from, (off_t)from);
		for (ssize_t at = 0; at + (ssize_t)size <= got; at++) {
			size_t same = 0;

			while (same < size && copy[at + (ssize_t)same] == (inverted[same] ^ 0xFFU))
				same++;
			found += same == size;
		}
		munmap(copy, to - from);
	}
	fclose(maps);
	close(memory);
	return found;
}

/* Requests are made of it, answers hold it; when they are over, no copy is left behind in freed
 * memory. */
static void
no_token_stays_in_memory(void **state)
{
	static const char answer[] = "{\"access_token\":\"%s\",\"refresh_token\":\"%s\"}";
	static const struct peer_rule publish_rule = {.path = PUBLISH, .body = PUBLISHED};
	struct peer_rule rules[] = {publish_rule, {.path = TOKEN}};
	struct deviantart_published published;
	struct deviantart_tokens tokens;
	unsigned char inverted[32];
	char *token, *body;
	struct http_bench bench;
	struct failure why;

	(void)state;
	if (!MEASURES_MEMORY)
		skip();
	token = malloc(sizeof(inverted) + 1);
	body = malloc(256);
	assert_non_null(token);
	assert_non_null(body);
	for (size_t i = 0; i < sizeof(inverted); i++)
		inverted[i] = (unsigned char)~(unsigned int)('a' + (i * 7) % 26);
	for (size_t i = 0; i < sizeof(inverted); i++)
		token[i] = (char)~inverted[i];
	token[sizeof(inverted)] = '\0';
	snprintf(body, 256, answer, token, token);
	rules[1].body = body;
	http_bench_open(&bench, rules, 2);
	explicit_bzero(body, 256);
	assert_int_equal(count_in_memory(inverted, sizeof(inverted)), 1);
	assert_true(deviantart_publish(bench.da, token, "77", &http_bench_post, 0, NULL, &published,
				       &why));
	assert_true(deviantart_refresh(bench.da, token, NULL, &tokens, &why));
	assert_string_equal(tokens.access_token, token);
	assert_true(count_in_memory(inverted, sizeof(inverted)) >= 3);
	deviantart_tokens_clear(&tokens);
	assert_int_equal(count_in_memory(inverted, sizeof(inverted)), 1);
	explicit_bzero(token, sizeof(inverted));
	free(token);
	free(body);
	http_bench_close(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_answers_and_gzip_bombs_are_cut),
		cmocka_unit_test(large_file_needs_little_memory),
		cmocka_unit_test(no_token_stays_in_memory),
	};

	return cmocka_run_group_tests_name("http_memory", tests, http_bench_load_libraries, NULL);
}
