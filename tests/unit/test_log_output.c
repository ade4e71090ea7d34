/*
 * log.c: every line is one write, and nothing ever waits for an output that does not take it.
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
#include <unistd.h>

#include "common/log.h"
#include "tests/unit/log_child.h"

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

static int
flood(void)
{
	char *text = log_child_large(1000, "f");

	for (int i = 0; i < 2000; i++)
		log_event(LOG_INFO, text, NULL);
	return log_dropped() > 0 ? 0 : 1;
}

static void
full_output_drops(int reading, int writing, bool set_up)
{
	pid_t pid = log_child_start(flood, writing, set_up);

	/* It ends although nobody reads; had it waited, its alarm would have killed it. */
	assert_int_equal(log_child_finish(pid), 0);
	close(writing);
	log_child_drain(reading);
	close(reading);
	assert_true(log_child_count_lines() > 3);
	for (size_t i = 0; i < log_child_count_lines(); i++)
		cJSON_Delete(log_child_line(i));
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
	pid = log_child_start(flood, ends[1], true);
	assert_int_equal(log_child_finish(pid), 0);
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
	pid = log_child_start(flood, slave, true);
	assert_int_equal(log_child_finish(pid), 0);
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
	pid = log_child_start(flood_then_go_on, ends[1], true);
	close(ends[1]);
	assert_int_equal(read(talk[1], &byte, 1), 1);
	for (struct pollfd ready = {.fd = ends[0], .events = POLLIN}; poll(&ready, 1, 0) == 1;)
		assert_true(read(ends[0], log_child_got, sizeof(log_child_got)) > 0);
	assert_int_equal(write(talk[1], &byte, 1), 1);
	log_child_drain(ends[0]);
	assert_int_equal(log_child_finish(pid), 0);
	assert_int_equal(log_child_count_lines(), 2);
	object = log_child_line(0);
	assert_true(log_child_number(object, "logLinesDropped") > 1000);
	cJSON_Delete(object);
	object = log_child_line(1);
	assert_false(log_child_has(object, "logLinesDropped"));
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
	assert_int_equal(log_child_finish(log_child_start(write_to_nobody, ends[1], true)), 0);
	close(ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[0]);
	assert_int_equal(log_child_finish(log_child_start(write_to_nobody, ends[1], true)), 0);
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
	assert_int_equal(log_child_finish(log_child_start(write_closed, -1, true)), 0);
}

/* A full disk takes a part of a line; the next one that fits begins on a line of its own. */
static int
write_over_the_limit(void)
{
	struct rlimit limit = {.rlim_cur = 5000, .rlim_max = RLIM_INFINITY};
	char *text = log_child_large(1000, "d");

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
	assert_int_equal(
		log_child_finish(log_child_start(write_over_the_limit, fileno(file), true)), 0);
	assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
	log_child_drain(fileno(file));
	fclose(file);
	last = strstr(log_child_got, "room again");
	assert_non_null(last);
	while (last > log_child_got && last[-1] != '\n')
		last--;
	*strchr(last, '\n') = '\0';
	object = cJSON_ParseWithOpts(last, NULL, 1);
	assert_non_null(object);
	assert_true(log_child_number(object, "logLinesDropped") > 0);
	cJSON_Delete(object);
	/* No empty line follows: it was ended once. */
	assert_int_equal(last[strlen(last) + 1], '{');
}

/* ---------------------------------------------------------------- several processes */

static int
write_many(void)
{
	char *text = log_child_large(3600, "m");

	for (int i = 0; i < 200; i++)
		log_child_surely("x", (struct log_field[]){LOG_STR("a", text), LOG_STR("b", text),
							   LOG_STR("c", text), LOG_END});
	free(text);
	return 0;
}

static void
lines_of_several_processes_never_mix(void **state)
{
	int ends[2];
	pid_t pids[4];
	char *at = log_child_got;
	size_t lines = 0;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < 4; i++)
		pids[i] = log_child_start(write_many, ends[1], true);
	close(ends[1]);
	/* More than the buffer holds is read and checked line by line. */
	for (log_child_got_size = 0;;) {
		ssize_t size = read(ends[0], log_child_got + log_child_got_size,
				    sizeof(log_child_got) - 1 - log_child_got_size);
		char *end;

		if (size <= 0)
			break;
		log_child_got_size += (size_t)size;
		log_child_got[log_child_got_size] = '\0';
		for (at = log_child_got; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
			cJSON *object;

			*end = '\0';
			object = cJSON_ParseWithOpts(at, NULL, 1);
			assert_non_null(object);
			cJSON_Delete(object);
		}
		log_child_got_size -= (size_t)(at - log_child_got);
		memmove(log_child_got, at, log_child_got_size + 1);
	}
	close(ends[0]);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(log_child_finish(pids[i]), 0);
	assert_int_equal(lines, 800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
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

	return cmocka_run_group_tests_name("log_output", tests, NULL, NULL);
}
