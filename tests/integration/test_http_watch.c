/*
 * http*.c under a watch: a transfer ends when it is asked to, at once, and what was sent by then is
 * told; a watch costs no turn of the loop more than it needs.
 *
 * link with: -Wl,--wrap=curl_multi_poll
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/integration/http_bench.h"
#include "tests/integration/peer.h"

#define PACE_MS 400 /* how often a watch is asked: HTTP_LOOK_MS */
/* What one request to a server that says nothing needs while it is asked four times. */
#define TURNS_MAX 16

/* Stops a transfer at the first question. */
struct stopper {
	_Atomic int *until; /* NULL, or not before this counter is raised */
	enum failure_category category;
};

static bool
ask(void *arg, struct failure *why)
{
	struct stopper *stopper = arg;

	if (stopper->until != NULL && *stopper->until == 0)
		return true;
	return failure_set(why, stopper->category, "asked to stop");
}

static void
stop_before_anything_is_sent_sends_nothing(void **state)
{
	static const struct peer_rule rules[] = {{.path = "/", .body = PUBLISHED}};
	struct stopper stopper = {.category = FAILURE_STOPPED};
	struct watch watch = {.wake_fd = -1, .go_on = ask, .arg = &stopper};
	struct http_bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	http_bench_open(&bench, rules, 1);
	assert_false(http_bench_publish(&bench, &watch, &why));
	assert_category(why, FAILURE_STOPPED);
	assert_false(http_bench_submit(&bench, 1000, &watch, item, &why));
	assert_category(why, FAILURE_STOPPED);
	assert_int_equal(bench.peer.count->requests[0], 0);
	http_bench_close(&bench);
}

static void
stop_after_publish_was_sent_leaves_it_unknown(void **state)
{
	static const struct peer_rule rules[] = {{.path = PUBLISH, .then = PEER_HANG}};
	static const enum failure_category given[] = {FAILURE_STOPPED, FAILURE_LOST};
	static const enum failure_category expected[] = {FAILURE_OUTCOME_UNKNOWN, FAILURE_LOST};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct http_bench bench;
		struct failure why;
		struct stopper stopper = {.category = given[i]};
		struct watch watch = {.wake_fd = -1, .go_on = ask, .arg = &stopper};

		http_bench_open(&bench, rules, 1);
		stopper.until = &bench.peer.count->whole[0];
		assert_false(http_bench_publish(&bench, &watch, &why));
		assert_category(why, expected[i]);
		assert_non_null(strstr(why.message, "asked to stop"));
		http_bench_close(&bench);
	}
}

static void
stop_in_mid_upload_stops(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n",
		 .filler_size = 100 * MEGABYTE},
		{.path = SUBMIT, .at_once = true, .then = PEER_HANG}};
	struct http_bench bench;
	struct failure why;
	struct stopper stopper = {.category = FAILURE_STOPPED};
	struct watch watch = {.wake_fd = -1, .go_on = ask, .arg = &stopper};
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	http_bench_open(&bench, rules, 2);
	stopper.until = &bench.peer.count->requests[1];
	assert_false(http_bench_submit(&bench, 100 * MEGABYTE, &watch, item, &why));
	assert_category(why, FAILURE_STOPPED);
	http_bench_close(&bench);
}

static int64_t
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The loop's turns: each begins with one of these. */
static int turns;

CURLMcode __real_curl_multi_poll(CURLM *multi, struct curl_waitfd fds[], unsigned int count,
				 int wait_ms, int *ready);
CURLMcode __wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd fds[], unsigned int count,
				 int wait_ms, int *ready);

CURLMcode
__wrap_curl_multi_poll(CURLM *multi, struct curl_waitfd fds[], unsigned int count, int wait_ms,
		       int *ready)
{
	turns++;
	return __real_curl_multi_poll(multi, fds, count, wait_ms, ready);
}

/* Stops a transfer at one of its questions, and tells when that was. */
struct counter {
	int stop_at;
	int asked;
	int64_t stopped_ms;
};

static bool
ask_counter(void *arg, struct failure *why)
{
	struct counter *counter = arg;

	if (++counter->asked < counter->stop_at)
		return true;
	counter->stopped_ms = clock_mono_ms();
	return failure_set(why, FAILURE_STOPPED, "asked to stop");
}

/* Whoever is asked too often is asked too early: a busy machine asks later, never earlier. */
static void
assert_is_asked_at_the_usual_pace(int wake_fd)
{
	static const struct peer_rule rules[] = {{.path = GALLERY, .then = PEER_HANG}};
	struct counter counter = {.stop_at = 4};
	struct watch watch = {.wake_fd = wake_fd, .go_on = ask_counter, .arg = &counter};
	struct http_bench bench;
	struct failure why;
	int64_t begun_ms, begun_cpu_ms;

	http_bench_open(&bench, rules, 1);
	turns = 0;
	begun_cpu_ms = cpu_ms();
	begun_ms = clock_mono_ms();
	/* One that is not asked again ends when the request's own time does: not by a stop. */
	assert_false(http_bench_gallery(&bench, &watch, &why));
	assert_category(why, FAILURE_STOPPED);
	assert_int_equal(counter.asked, 4);
	assert_true(counter.stopped_ms - begun_ms >= 3 * PACE_MS);
	assert_in_range(turns, 4, TURNS_MAX);
	assert_in_range(cpu_ms() - begun_cpu_ms, 0, 300);
	http_bench_close(&bench);
}

/* A byte in the pipe that nobody reads, or its end. */
static void
readable_pipe_makes_no_loop_spin(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write(ends[1], "d", 1), 1);
	assert_is_asked_at_the_usual_pace(ends[0]);
	close(ends[1]);
	assert_is_asked_at_the_usual_pace(ends[0]);
	close(ends[0]);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	close(ends[1]);
	assert_is_asked_at_the_usual_pace(ends[0]);
	close(ends[0]);
}

/* The pipe brings the time at which the order was written. */
struct pipe_reader {
	int fd;
	int64_t late_ms;
};

static bool
ask_pipe(void *arg, struct failure *why)
{
	struct pipe_reader *reader = arg;
	int64_t written_ms;

	if (read(reader->fd, &written_ms, sizeof(written_ms)) != sizeof(written_ms))
		return true;
	reader->late_ms = clock_mono_ms() - written_ms;
	return failure_set(why, FAILURE_STOPPED, "asked to stop");
}

static void
write_order_later(const _Atomic int *requests, int fd)
{
	int64_t deadline_ms = clock_mono_ms() + 5000, now_ms;

	if (fork() != 0)
		return;
	while (*requests == 0 && clock_mono_ms() < deadline_ms)
		usleep(1000);
	usleep(20000); /* the transfer waits for its answer by now */
	now_ms = clock_mono_ms();
	_exit(write(fd, &now_ms, sizeof(now_ms)) == sizeof(now_ms) ? 0 : 1);
}

/* The usual pace alone would be late by 200 ms on average; one in five is given to a busy machine.
 */
static void
order_on_the_pipe_ends_a_transfer_in_milliseconds(void **state)
{
	static const struct peer_rule rules[] = {{.path = GALLERY, .then = PEER_HANG}};
	int prompt = 0;

	(void)state;
	for (int round = 0; round < 5; round++) {
		struct pipe_reader reader = {.late_ms = INT64_MAX};
		struct watch watch = {.go_on = ask_pipe, .arg = &reader};
		struct http_bench bench;
		struct failure why;
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
		reader.fd = watch.wake_fd = ends[0];
		http_bench_open(&bench, rules, 1);
		write_order_later(&bench.peer.count->requests[0], ends[1]);
		assert_false(http_bench_gallery(&bench, &watch, &why));
		assert_category(why, FAILURE_STOPPED);
		prompt += reader.late_ms < 50;
		http_bench_close(&bench);
		close(ends[0]);
		close(ends[1]);
	}
	assert_in_range(prompt, 4, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_before_anything_is_sent_sends_nothing),
		cmocka_unit_test(stop_after_publish_was_sent_leaves_it_unknown),
		cmocka_unit_test(stop_in_mid_upload_stops),
		cmocka_unit_test(readable_pipe_makes_no_loop_spin),
		cmocka_unit_test(order_on_the_pipe_ends_a_transfer_in_milliseconds),
	};

	return cmocka_run_group_tests_name("http_watch", tests, http_bench_load_libraries, NULL);
}
