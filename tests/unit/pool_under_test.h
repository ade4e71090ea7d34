#ifndef TESTS_UNIT_POOL_UNDER_TEST_H
#define TESTS_UNIT_POOL_UNDER_TEST_H
/*
 * pool_under_test.h - a supervisor in a process of its own, over children that the test makes up.
 *
 * The whole supervisor, real signals, no servers. The test defines worker_prepare(), worker_main()
 * and dispatcher_main(); the setting [storage] path_prefix tells them how to behave. In a header,
 * so that no other test is linked with a supervisor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "supervisor/supervisor.h"
#include "worker/worker.h"

#define DEADLINE_MS 20000

static char directory[64], ini_path[96], log_path[96];
static pid_t supervisor_pid;
/* Names and values in turn, up to a NULL; NULL: nothing. */
static const char *const *environment;

/* ---- for a child ---- */

/* The next order, 0 when none came in time, -1 at the end of the supervisor. */
static inline int
next_order(const struct child *child, int wait_ms)
{
	struct pollfd control = {.fd = child->control_fd, .events = POLLIN};
	char byte;

	if (poll(&control, 1, wait_ms) <= 0)
		return 0;
	switch (read(child->control_fd, &byte, 1)) {
	case 1:
		return byte;
	case 0:
		return -1;
	default:
		return 0;
	}
}

static inline void
say_ready(const struct child *child)
{
	if (write(child->ready_fd, "r", 1) != 1)
		_exit(1);
	(void)close(child->ready_fd);
}

/* ---- the supervisor ---- */

static inline bool
make_directory(void)
{
	const char *parent = getenv("TMPDIR");

	(void)snprintf(directory, sizeof(directory), "%.40s/publisher-pool.XXXXXX",
		       parent != NULL && strlen(parent) <= 40 ? parent : "/tmp");
	if (mkdtemp(directory) == NULL)
		return false;
	(void)snprintf(ini_path, sizeof(ini_path), "%s/publisher.ini", directory);
	(void)snprintf(log_path, sizeof(log_path), "%s/log", directory);
	return true;
}

static inline void
remove_directory(void)
{
	(void)unlink(ini_path);
	(void)unlink(log_path);
	(void)rmdir(directory);
}

static inline void
write_settings(const char *behaviour, int concurrency, int drain_timeout_ms)
{
	FILE *out = fopen(ini_path, "we");

	assert_non_null(out);
	fprintf(out,
		"[storage]\npath_prefix = %s\n[publisher]\nconcurrency = %d\ndrain_timeout_ms = "
		"%d\n"
		"[log]\nlevel = debug\n[health]\nenabled = false\n"
		"[database]\nurl = postgresql://nobody@127.0.0.1:1/none\n"
		"[redis]\nurl = redis://127.0.0.1:1\n"
		"[deviantart]\nclient_id = 1\nclient_secret = s\n"
		"[storage]\nendpoint = http://127.0.0.1:1\naccess_key_id = a\n"
		"secret_access_key = b\nbucket = c\n",
		behaviour, concurrency, drain_timeout_ms);
	assert_int_equal(fclose(out), 0);
}

static inline _Noreturn void
supervise(rlim_t descriptors)
{
	struct config_errors errors = CONFIG_ERRORS_NONE;
	struct supervisor *supervisor;
	struct config *config;
	struct failure why;
	int log_fd = open(log_path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
	int status;

	(void)setsid();
	(void)clearenv(); /* the INI file alone is to count */
	for (const char *const *one = environment; one != NULL && *one != NULL; one += 2)
		(void)setenv(one[0], one[1], 1);
	(void)dup2(log_fd, STDOUT_FILENO);
	(void)dup2(log_fd, STDERR_FILENO);
	if (descriptors != 0)
		(void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){descriptors, descriptors});
	supervisor_hold_signals();
	config = config_load(ini_path, &errors);
	if (config == NULL) {
		config_errors_print(&errors, stderr);
		_exit(78);
	}
	log_setup(LOG_DEBUG);
	supervisor = supervisor_new(config, ini_path, &why);
	if (supervisor == NULL || !supervisor_open(supervisor, &why)) {
		fprintf(stderr, "%s\n", why.message);
		_exit(1);
	}
	status = supervisor_run(supervisor);
	supervisor_free(supervisor);
	_exit(status);
}

static inline void
start_with(const char *behaviour, int concurrency, int drain_timeout_ms, rlim_t descriptors)
{
	write_settings(behaviour, concurrency, drain_timeout_ms);
	(void)fflush(NULL);
	supervisor_pid = fork();
	assert_true(supervisor_pid >= 0);
	if (supervisor_pid == 0)
		supervise(descriptors);
}

static inline void
start(const char *behaviour, int concurrency, int drain_timeout_ms)
{
	start_with(behaviour, concurrency, drain_timeout_ms, 0);
}

static inline void
show_log(void)
{
	FILE *in = fopen(log_path, "re");
	char line[4200];

	if (in == NULL)
		return;
	while (fgets(line, sizeof(line), in) != NULL)
		print_message("# %s", line);
	(void)fclose(in);
}

static inline int
log_count(const char *text)
{
	FILE *in = fopen(log_path, "re");
	char line[4200];
	int count = 0;

	if (in == NULL)
		return 0;
	while (fgets(line, sizeof(line), in) != NULL)
		count += strstr(line, text) != NULL;
	(void)fclose(in);
	return count;
}

/* Until it is true, or the test has failed. */
#define wait_until(condition)                                                                      \
	do {                                                                                       \
		int64_t end_ms_ = clock_mono_ms() + DEADLINE_MS;                                   \
		while (!(condition)) {                                                             \
			if (clock_mono_ms() > end_ms_) {                                           \
				show_log();                                                        \
				fail_msg("in vain: %s", #condition);                               \
			}                                                                          \
			(void)poll(NULL, 0, 2);                                                    \
		}                                                                                  \
	} while (0)

static inline bool
has_exited(int *status)
{
	pid_t pid = waitpid(supervisor_pid, status, WNOHANG);

	if (pid != supervisor_pid)
		return false;
	supervisor_pid = 0;
	return true;
}

static inline void
assert_exits(int expected)
{
	int status = 0;

	wait_until(has_exited(&status));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
		show_log();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static inline void
send(int signo)
{
	assert_int_equal(kill(supervisor_pid, signo), 0);
}

/* After a test that may have failed. */
static inline void
end_supervisor(void)
{
	if (supervisor_pid > 0) {
		(void)kill(supervisor_pid, SIGKILL); /* its children follow */
		(void)waitpid(supervisor_pid, NULL, 0);
	}
	supervisor_pid = 0;
}

#endif
