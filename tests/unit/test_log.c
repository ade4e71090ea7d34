/*
 * log.c: every line is one write of valid JSON, whatever is in it, and nothing ever waits.
 *
 * Lines go to standard output, which cmocka needs for itself; so the logging is done by a child.
 *
 * link with: -Wl,--wrap=pwritev2
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"

#define LINE_MAX_BYTES 4096
#define DEADLINE_S     20

/* What one child wrote. */
static char got[4 << 20];
static size_t got_size;

/* A kernel before 6.4, which knows no RWF_NOWAIT for pipes. */
static bool old_kernel;
ssize_t __real_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags);
ssize_t __wrap_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags);

ssize_t
__wrap_pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags)
{
	if (!old_kernel)
		return __real_pwritev2(fd, pieces, count, offset, flags);
	errno = EOPNOTSUPP;
	return -1;
}

typedef int child_work(void);

/* Runs work() in a child whose descriptor 1 is `output`; a child that hangs is killed by its alarm.
 */
static pid_t
start(child_work *work, int output, bool set_up)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(DEADLINE_S);
		if (output >= 0)
			dup2(output, STDOUT_FILENO);
		else
			close(STDOUT_FILENO);
		if (set_up)
			log_setup(LOG_INFO);
		_exit(work());
	}
	return pid;
}

/* Its exit status; a signal (the alarm: it hung) fails the test. */
static int
finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void
drain(int fd)
{
	ssize_t size;

	got_size = 0;
	while ((size = read(fd, got + got_size, sizeof(got) - 1 - got_size)) > 0)
		got_size += (size_t)size;
	assert_true(got_size < sizeof(got) - 1);
	got[got_size] = '\0';
}

/* Runs work() to its end with a pipe for its output, which is read meanwhile. */
static void
collect(child_work *work)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = start(work, ends[1], true);
	close(ends[1]);
	drain(ends[0]);
	close(ends[0]);
	assert_int_equal(finish(pid), 0);
}

/* The line number `index` (from 0) of what was collected, parsed; checked for what holds for all
 * lines. */
static cJSON *
line(size_t index)
{
	char *at = got, *end;
	cJSON *object;

	for (;; at = end + 1) {
		end = strchr(at, '\n');
		if (end == NULL)
			fail_msg("no line %zu in:\n%s", index, got);
		if (index-- == 0)
			break;
	}
	*end = '\0';
	assert_true((size_t)(end - at) + 1 <= LINE_MAX_BYTES);
	assert_true(text_utf8_valid(at));
	object = cJSON_ParseWithOpts(at, NULL, 1);
	if (object == NULL)
		fail_msg("not JSON: %s", at);
	*end = '\n';
	/* No name twice. */
	for (cJSON *a = object->child; a != NULL; a = a->next) {
		for (cJSON *b = a->next; b != NULL; b = b->next)
			assert_string_not_equal(a->string, b->string);
	}
	return object;
}

static const char *
text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static double
number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	assert_true(cJSON_IsNumber(item));
	return item->valuedouble;
}

static bool
has(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key) != NULL;
}

static size_t
count_lines(void)
{
	size_t lines = 0;

	for (size_t i = 0; i < got_size; i++)
		lines += got[i] == '\n';
	return lines;
}

/* ---------------------------------------------------------------- what a line holds */

static int
write_plain(void)
{
	errno = EPROTO;
	log_event(LOG_DEBUG, "not this", NULL);
	log_event(LOG_WARN, "worker ready",
		  (struct log_field[]){LOG_INT("slot", 3), LOG_INT("least", INT64_MIN),
				       LOG_BOOL("yes", 5), LOG_BOOL("no", false),
				       LOG_STR("absent", NULL), LOG_STR("text", "x"), LOG_END});
	log_event(LOG_ERROR, NULL, NULL);
	log_event((enum log_level)99, "odd level", NULL);
	return errno == EPROTO && log_dropped() == 0 ? 0 : 1;
}

static void
line_has_the_members_of_the_contract(void **state)
{
	cJSON *object;
	const char *timestamp;

	(void)state;
	collect(write_plain);
	assert_int_equal(count_lines(), 3);
	object = line(0);
	timestamp = text_of(object, "timestamp");
	assert_int_equal(strlen(timestamp), 24);
	assert_true(timestamp[10] == 'T' && timestamp[19] == '.' && timestamp[23] == 'Z');
	assert_string_equal(text_of(object, "level"), "warn");
	assert_string_equal(text_of(object, "message"), "worker ready");
	assert_true(number_of(object, "pid") > 1);
	assert_true(number_of(object, "slot") == 3);
	assert_true(number_of(object, "least") < -9e18);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(object, "yes")));
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(object, "no")));
	assert_false(has(object, "absent"));
	assert_false(has(object, "correlationId"));
	assert_false(has(object, "truncated"));
	cJSON_Delete(object);
	object = line(1);
	assert_string_equal(text_of(object, "level"), "error");
	assert_string_equal(text_of(object, "message"), "");
	cJSON_Delete(object);
}

static int
write_job(void)
{
	char id[] = "deviation-abc123";
	struct log_job job = {.job_id = id,
			      .deviation_id = "abc123",
			      .user_id = NULL,
			      .upload_mode = "single",
			      .attempt_number = 1,
			      .max_attempts = 7};
	struct failure why;

	log_job_begin(&job);
	memset(id, 'X', sizeof(id) - 1); /* it was copied */
	log_event(
		LOG_INFO, "inside",
		(struct log_field[]){LOG_STR("userId", "nearer"), LOG_STR("jobId", NULL), LOG_END});
	failure_set(&why, FAILURE_RATE_LIMIT, "stash/submit: too many requests");
	why.http_status = 429;
	log_failure(LOG_WARN, "deferred", &why,
		    (struct log_field[]){LOG_INT("waitMs", 5), LOG_END});
	log_failure(LOG_WARN, "twice", &why,
		    (struct log_field[]){LOG_STR("error", "mine"), LOG_STR("a", "1"),
					 LOG_STR("a", "2"), LOG_STR("level", "no"),
					 LOG_INT("attemptNumber", 9), LOG_END});
	log_failure(LOG_WARN, "no failure", NULL, NULL);
	log_job_end();
	log_event(LOG_INFO, "outside", NULL);
	return 0;
}

static void
job_context_stands_in_every_line_of_the_job(void **state)
{
	cJSON *object;

	(void)state;
	collect(write_job);
	object = line(0);
	assert_string_equal(text_of(object, "correlationId"), "job-deviation-abc123");
	assert_string_equal(text_of(object, "jobId"), "deviation-abc123");
	assert_string_equal(text_of(object, "deviationId"), "abc123");
	assert_string_equal(text_of(object, "userId"), "nearer");
	assert_string_equal(text_of(object, "uploadMode"), "single");
	assert_true(number_of(object, "attemptNumber") == 1);
	assert_true(number_of(object, "maxAttempts") == 7);
	cJSON_Delete(object);
	object = line(1);
	assert_string_equal(text_of(object, "errorCategory"), "RATE_LIMIT");
	assert_true(number_of(object, "httpStatus") == 429);
	assert_string_equal(text_of(object, "error"), "stash/submit: too many requests");
	assert_true(number_of(object, "waitMs") == 5);
	assert_false(has(object, "userId"));
	cJSON_Delete(object);
	object = line(2); /* line() has seen to it that no name stands twice */
	assert_string_equal(text_of(object, "error"), "mine");
	assert_string_equal(text_of(object, "level"), "warn");
	assert_string_equal(text_of(object, "a"), "1");
	assert_true(number_of(object, "attemptNumber") == 9);
	cJSON_Delete(object);
	object = line(4);
	assert_false(has(object, "jobId"));
	assert_false(has(object, "correlationId"));
	cJSON_Delete(object);
}

static const char hostile[] =
	"\"},{\"x\":\"\\\n\r\t\b\f\x01\x1b[31m\x7f \xE2\x80\xA8\xE2\x80\xA9 \xFF\xC3 "
	"\xED\xA0\x80 \xF0\x9F\x8E\xA8 </script>";

static int
write_hostile(void)
{
	struct log_job job = {.job_id = hostile,
			      .deviation_id = hostile,
			      .user_id = hostile,
			      .upload_mode = hostile,
			      .attempt_number = 1,
			      .max_attempts = 1};

	log_job_begin(&job);
	log_event(LOG_INFO, hostile,
		  (struct log_field[]){LOG_STR("title", hostile), LOG_STR("k\"\n\xFF", "v"),
				       LOG_END});
	return 0;
}

static void
hostile_text_is_escaped_and_repaired(void **state)
{
	static const char *const keys[] = {"message", "title", "jobId", "deviationId", "userId"};
	char repaired[256];
	cJSON *object;

	(void)state;
	text_copy(repaired, sizeof(repaired), hostile);
	collect(write_hostile);
	assert_int_equal(count_lines(), 1);
	assert_null(strstr(got, "\xE2\x80\xA8"));
	assert_non_null(strstr(got, "\\u2028\\u2029"));
	object = line(0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_string_equal(text_of(object, keys[i]), repaired);
	assert_string_equal(text_of(object, "k\"\n\xEF\xBF\xBD"), "v");
	cJSON_Delete(object);
}

static char *
large(size_t size, const char *pattern)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		_exit(99);
	for (size_t i = 0; i < size; i++)
		text[i] = pattern[i % strlen(pattern)];
	text[size] = '\0';
	return text;
}

static int
write_large(void)
{
	static const char *const patterns[] = {"a",
					       "\"",
					       "\n",
					       "\x01",
					       "\xFF",
					       "\xE2\x82\xAC",
					       "\xF0\x9F\x8E\xA8",
					       "x\\\xE2\x80\xA8"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		char *text = large(1 << 20, patterns[i]);
		struct log_job job = {.job_id = text,
				      .deviation_id = text,
				      .user_id = text,
				      .upload_mode = text,
				      .attempt_number = 2147483647,
				      .max_attempts = 2147483647};
		struct failure why;

		failure_set(&why, FAILURE_REFRESH_TOKEN_EXPIRED, "%s", text);
		why.http_status = 599;
		log_job_begin(&job);
		log_failure(LOG_INFO, text, &why,
			    (struct log_field[]){LOG_STR("a", text), LOG_STR("b", text),
						 LOG_STR("c", text), LOG_INT("n", 1), LOG_END});
		log_job_end();
		free(text);
	}
	return log_dropped() == 0 ? 0 : 1;
}

static void
megabytes_are_cut_and_the_line_stays_json(void **state)
{
	(void)state;
	collect(write_large);
	for (size_t i = 0; i < 8; i++) {
		cJSON *object = line(i);

		assert_true(cJSON_IsTrue(cJSON_GetObjectItem(object, "truncated")));
		assert_true(strlen(text_of(object, "message")) > 200);
		assert_true(strlen(text_of(object, "jobId")) > 20);
		assert_non_null(text_of(object, "errorCategory"));
		assert_non_null(text_of(object, "error"));
		cJSON_Delete(object);
	}
	assert_int_equal(count_lines(), 8);
}

/* Again until it left: a reader slower than we are is not what the test is about. */
static void
log_surely(const char *message, const struct log_field *fields)
{
	uint64_t before;

	do {
		before = log_dropped();
		log_event(LOG_INFO, message, fields);
	} while (log_dropped() != before);
}

/* Every length of a message and a field: nothing special happens at any boundary. */
static int
write_growing(void)
{
	for (size_t size = 0; size < 1500; size += 3) {
		char *text = large(size, "a\"\xE2\x82\xAC");

		log_surely(text, (struct log_field[]){LOG_STR("a", text), LOG_STR("b", text),
						      LOG_STR("c", text), LOG_INT("n", 123456789),
						      LOG_BOOL("t", 1), LOG_END});
		free(text);
	}
	return 0;
}

static void
lines_of_every_length_are_valid(void **state)
{
	char *at = got;

	(void)state;
	got[0] = '\0';
	collect(write_growing);
	assert_int_equal(count_lines(), 500);
	while (*at != '\0') {
		char *end = strchr(at, '\n');
		cJSON *object;

		assert_non_null(end);
		*end = '\0';
		assert_true(end - at < LINE_MAX_BYTES);
		object = cJSON_ParseWithOpts(at, NULL, 1);
		assert_non_null(object);
		cJSON_Delete(object);
		at = end + 1;
	}
}

static int
set_levels(void)
{
	log_setup(LOG_ERROR);
	log_event(LOG_WARN, "hidden", NULL);
	if (log_enabled(LOG_WARN) || !log_enabled(LOG_ERROR))
		return 1;
	log_setup(LOG_DEBUG);
	log_event(LOG_DEBUG, "shown", NULL);
	return log_enabled(LOG_DEBUG) ? 0 : 1;
}

static void
level_follows_a_reload(void **state)
{
	(void)state;
	collect(set_levels);
	assert_int_equal(count_lines(), 1);
	assert_non_null(strstr(got, "shown"));
}

/* ---------------------------------------------------------------- outputs that do not take it */

static int
flood(void)
{
	char *text = large(1000, "f");

	for (int i = 0; i < 2000; i++)
		log_event(LOG_INFO, text, NULL);
	return log_dropped() > 0 ? 0 : 1;
}

static void
full_output_drops(int reading, int writing, bool set_up)
{
	pid_t pid = start(flood, writing, set_up);

	/* It ends although nobody reads; had it waited, its alarm would have killed it. */
	assert_int_equal(finish(pid), 0);
	close(writing);
	drain(reading);
	close(reading);
	assert_true(count_lines() > 3);
	for (size_t i = 0; i < count_lines(); i++)
		cJSON_Delete(line(i));
}

static void
full_pipe_drops_and_never_waits(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	full_output_drops(ends[0], ends[1], true);
	/* Without log_setup() the pipe cannot be opened anew: the other way not to wait. */
	assert_int_equal(pipe(ends), 0);
	full_output_drops(ends[0], ends[1], false);
	assert_int_equal(pipe(ends), 0);
	old_kernel = true;
	full_output_drops(ends[0], ends[1], false);
	old_kernel = false;
}

static void
full_socket_drops_and_never_waits(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	full_output_drops(ends[0], ends[1], true);
}

static void
shared_description_stays_blocking(void **state)
{
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = start(flood, ends[1], true);
	assert_int_equal(finish(pid), 0);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	close(ends[0]);
	close(ends[1]);
}

/* A terminal that nobody reads, as after ^S. */
static void
stuck_terminal_drops_and_never_waits(void **state)
{
	int master, slave;
	pid_t pid;

	(void)state;
	if (openpty(&master, &slave, NULL, NULL, NULL) != 0)
		skip();
	pid = start(flood, slave, true);
	assert_int_equal(finish(pid), 0);
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	close(slave);
	close(master);
}

/* The reader lets all go: the next line that gets through tells how many did not. */
static int talk[2];

static int
flood_then_go_on(void)
{
	char byte = 'x';
	int status = flood();

	if (write(talk[0], &byte, 1) != 1 || read(talk[0], &byte, 1) != 1)
		return 2;
	log_event(LOG_INFO, "again", NULL);
	log_event(LOG_INFO, "and again", NULL);
	return status;
}

static void
number_of_dropped_lines_is_told_once(void **state)
{
	int ends[2];
	char byte;
	cJSON *object;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, talk), 0);
	pid = start(flood_then_go_on, ends[1], true);
	close(ends[1]);
	assert_int_equal(read(talk[1], &byte, 1), 1);
	for (struct pollfd ready = {.fd = ends[0], .events = POLLIN}; poll(&ready, 1, 0) == 1;)
		assert_true(read(ends[0], got, sizeof(got)) > 0);
	assert_int_equal(write(talk[1], &byte, 1), 1);
	drain(ends[0]);
	assert_int_equal(finish(pid), 0);
	assert_int_equal(count_lines(), 2);
	object = line(0);
	assert_true(number_of(object, "logLinesDropped") > 1000);
	cJSON_Delete(object);
	object = line(1);
	assert_false(has(object, "logLinesDropped"));
	cJSON_Delete(object);
	close(ends[0]);
	close(talk[0]);
	close(talk[1]);
}

static int
write_to_nobody(void)
{
	log_event(LOG_INFO, "nobody listens", NULL);
	log_event(LOG_INFO, "nobody listens", NULL);
	return log_dropped() == 2 ? 0 : 1;
}

static void
closed_pipe_drops_and_kills_nobody(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(finish(start(write_to_nobody, ends[1], true)), 0);
	close(ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[0]);
	assert_int_equal(finish(start(write_to_nobody, ends[1], true)), 0);
	close(ends[1]);
}

static int
write_closed(void)
{
	int fd = open("/dev/null", O_RDONLY);

	/* Descriptor 1 must not be free for a connection. */
	return fd != STDOUT_FILENO && write_to_nobody() == 0 ? 0 : 1;
}

static void
closed_descriptor_is_held_and_drops(void **state)
{
	(void)state;
	assert_int_equal(finish(start(write_closed, -1, true)), 0);
}

/* A full disk takes a part of a line; the next one that fits begins on a line of its own. */
static int
write_over_the_limit(void)
{
	struct rlimit limit = {.rlim_cur = 5000, .rlim_max = RLIM_INFINITY};
	char *text = large(1000, "d");

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 2;
	for (int i = 0; i < 8; i++)
		log_event(LOG_INFO, text, NULL);
	limit.rlim_cur = RLIM_INFINITY;
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 3;
	log_event(LOG_INFO, "room again", NULL);
	log_event(LOG_INFO, "and more", NULL);
	return log_dropped() > 0 ? 0 : 1;
}

static void
torn_line_spoils_no_other(void **state)
{
	FILE *file = tmpfile();
	char *last;
	cJSON *object;

	(void)state;
	assert_non_null(file);
	assert_int_equal(finish(start(write_over_the_limit, fileno(file), true)), 0);
	assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
	drain(fileno(file));
	fclose(file);
	last = strstr(got, "room again");
	assert_non_null(last);
	while (last > got && last[-1] != '\n')
		last--;
	*strchr(last, '\n') = '\0';
	object = cJSON_ParseWithOpts(last, NULL, 1);
	assert_non_null(object);
	assert_true(number_of(object, "logLinesDropped") > 0);
	cJSON_Delete(object);
	/* No empty line follows: it was ended once. */
	assert_int_equal(last[strlen(last) + 1], '{');
}

/* ---------------------------------------------------------------- several processes */

static int
write_many(void)
{
	char *text = large(3600, "m");

	for (int i = 0; i < 200; i++)
		log_surely("x", (struct log_field[]){LOG_STR("a", text), LOG_STR("b", text),
						     LOG_STR("c", text), LOG_END});
	free(text);
	return 0;
}

static void
lines_of_several_processes_never_mix(void **state)
{
	int ends[2];
	pid_t pids[4];
	char *at = got;
	size_t lines = 0;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < 4; i++)
		pids[i] = start(write_many, ends[1], true);
	close(ends[1]);
	/* More than the buffer holds is read and checked line by line. */
	for (got_size = 0;;) {
		ssize_t size = read(ends[0], got + got_size, sizeof(got) - 1 - got_size);
		char *end;

		if (size <= 0)
			break;
		got_size += (size_t)size;
		got[got_size] = '\0';
		for (at = got; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
			cJSON *object;

			*end = '\0';
			object = cJSON_ParseWithOpts(at, NULL, 1);
			assert_non_null(object);
			cJSON_Delete(object);
		}
		got_size -= (size_t)(at - got);
		memmove(got, at, got_size + 1);
	}
	close(ends[0]);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(finish(pids[i]), 0);
	assert_int_equal(lines, 800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_the_members_of_the_contract),
		cmocka_unit_test(job_context_stands_in_every_line_of_the_job),
		cmocka_unit_test(hostile_text_is_escaped_and_repaired),
		cmocka_unit_test(megabytes_are_cut_and_the_line_stays_json),
		cmocka_unit_test(lines_of_every_length_are_valid),
		cmocka_unit_test(level_follows_a_reload),
		cmocka_unit_test(full_pipe_drops_and_never_waits),
		cmocka_unit_test(full_socket_drops_and_never_waits),
		cmocka_unit_test(shared_description_stays_blocking),
		cmocka_unit_test(stuck_terminal_drops_and_never_waits),
		cmocka_unit_test(number_of_dropped_lines_is_told_once),
		cmocka_unit_test(closed_pipe_drops_and_kills_nobody),
		cmocka_unit_test(closed_descriptor_is_held_and_drops),
		cmocka_unit_test(torn_line_spoils_no_other),
		cmocka_unit_test(lines_of_several_processes_never_mix),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
