/*
 * test_identity.c - tokens, and who can be proven dead by them.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/identity.h"

/* A process that tells its own token and then waits to be killed. */
static pid_t
start_supervisor(char token[IDENTITY_TOKEN_SIZE])
{
	int pipe_fds[2];
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char instance[IDENTITY_INSTANCE_SIZE];

		if (!identity_instance(instance))
			_exit(1);
		identity_token(instance, 3, 7, token);
		if (write(pipe_fds[1], token, IDENTITY_TOKEN_SIZE) != IDENTITY_TOKEN_SIZE)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(pipe_fds[0], token, IDENTITY_TOKEN_SIZE), IDENTITY_TOKEN_SIZE);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	return pid;
}

static void
bury(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
instance_has_its_five_parts(void **state)
{
	char instance[IDENTITY_INSTANCE_SIZE], again[IDENTITY_INSTANCE_SIZE];
	char prefix[IDENTITY_INSTANCE_SIZE];
	unsigned boot;
	unsigned long namespace;
	unsigned long long start;
	long pid;
	int size = 0;

	(void)state;
	assert_true(identity_instance(instance));
	assert_true(identity_instance(again));
	assert_string_equal(instance, again);
	assert_int_equal(
		sscanf(instance, "ip.%8x.%lu.%ld.%llu%n", &boot, &namespace, &pid, &start, &size),
		4);
	assert_int_equal(size, strlen(instance));
	assert_int_equal(pid, getpid());
	assert_true(identity_local_prefix(prefix));
	assert_memory_equal(instance, prefix, strlen(prefix));
}

static void
token_is_instance_slot_and_generation(void **state)
{
	char token[IDENTITY_TOKEN_SIZE];

	(void)state;
	identity_token("ip.01234567.4026531836.4194304.18446744073709551615", 1025, UINT64_MAX,
		       token);
	assert_string_equal(token, "ip.01234567.4026531836.4194304.18446744073709551615.1025."
				   "18446744073709551615");
}

static void
a_living_supervisor_is_not_dead(void **state)
{
	char instance[IDENTITY_INSTANCE_SIZE], token[IDENTITY_TOKEN_SIZE];
	pid_t pid;

	(void)state;
	assert_true(identity_instance(instance));
	identity_token(instance, 1, 1, token);
	assert_false(identity_supervisor_is_dead(token));
	pid = start_supervisor(token);
	assert_false(identity_supervisor_is_dead(token));
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_false(identity_supervisor_is_dead(token));
	bury(pid);
	assert_true(identity_supervisor_is_dead(token));
}

static void
a_dead_supervisor_that_nobody_buried_is_dead(void **state)
{
	char token[IDENTITY_TOKEN_SIZE];
	pid_t pid = start_supervisor(token);
	siginfo_t info;

	(void)state;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(identity_supervisor_is_dead(token));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
a_reused_pid_does_not_keep_a_dead_supervisor_alive(void **state)
{
	char instance[IDENTITY_INSTANCE_SIZE], token[IDENTITY_TOKEN_SIZE];
	char *start;

	(void)state;
	assert_true(identity_instance(instance));
	start = strrchr(instance, '.') + 1;
	(void)snprintf(start, (size_t)(instance + sizeof(instance) - start), "%d", 1);
	identity_token(instance, 1, 1, token);
	assert_true(identity_supervisor_is_dead(token));
}

static void
another_boot_or_namespace_proves_nothing(void **state)
{
	char token[IDENTITY_TOKEN_SIZE], changed[IDENTITY_TOKEN_SIZE];
	pid_t pid = start_supervisor(token);
	char *namespace;

	(void)state;
	bury(pid);
	assert_true(identity_supervisor_is_dead(token));
	memcpy(changed, token, sizeof(changed));
	changed[3] = changed[3] == '0' ? '1' : '0';
	assert_false(identity_supervisor_is_dead(changed));
	memcpy(changed, token, sizeof(changed));
	namespace = strchr(changed + 3, '.') + 1;
	*namespace = *namespace == '1' ? '2' : '1';
	assert_false(identity_supervisor_is_dead(changed));
}

static void
what_is_no_token_proves_nothing(void **state)
{
	static const char *const tails[] = {
		"",
		"1",
		"1.",
		"1.1",
		"1.1.1",
		"1.1.1.",
		"1.1.1.1.1",
		"0.1.1.1",
		"-1.1.1.1",
		"+1.1.1.1",
		" 1.1.1.1",
		"1.1.1.1 ",
		"1.x.1.1",
		"99999999999.1.1.1",
		"4194304.99999999999999999999.1.1",
		"2147483648.1.1.1",
	};
	char prefix[IDENTITY_INSTANCE_SIZE], token[2 * IDENTITY_TOKEN_SIZE];

	(void)state;
	assert_true(identity_local_prefix(prefix));
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		(void)snprintf(token, sizeof(token), "%s%s", prefix, tails[i]);
		assert_false(identity_supervisor_is_dead(token));
	}
	assert_false(identity_supervisor_is_dead(""));
	assert_false(identity_supervisor_is_dead("ip."));
	assert_false(identity_supervisor_is_dead("0a1b2c3d-bullmq-uuid:42"));
	assert_false(identity_supervisor_is_dead(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instance_has_its_five_parts),
		cmocka_unit_test(token_is_instance_slot_and_generation),
		cmocka_unit_test(a_living_supervisor_is_not_dead),
		cmocka_unit_test(a_dead_supervisor_that_nobody_buried_is_dead),
		cmocka_unit_test(a_reused_pid_does_not_keep_a_dead_supervisor_alive),
		cmocka_unit_test(another_boot_or_namespace_proves_nothing),
		cmocka_unit_test(what_is_no_token_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
