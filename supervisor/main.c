/*
 * main.c - the order in which the program starts.                      [supervisor]
 *
 * options, configuration, log, signals, scoreboard, listener, what children share, pool. Invariant:
 * what is wrong up to there is said on standard error and in the exit status; from the pool on,
 * standard error stays silent.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "common/version.h"
#include "health/status.h"
#include "supervisor/guard.h"
#include "supervisor/help.h"
#include "supervisor/options.h"
#include "supervisor/supervisor.h"
#include "supervisor/title.h"
#include "worker/enqueue.h"
#include "worker/explain/explain.h"
#include "worker/hands/hands.h"
#include "worker/verify/verify.h"

/* A descriptor of ours with the number of a closed standard stream would receive what is meant for
 * that. */
static void
open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", O_RDWR); /* the lowest free number: this one */
}

/* What a command printed has to arrive. */
static int
end_output(int exit_status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return exit_status;
	fprintf(stderr, "isekai-publisher: standard output: %s\n", strerror(errno));
	return exit_status == EXIT_SUCCESS ? EXIT_FAILURE : exit_status;
}

static struct config *
load_config(const struct options *options)
{
	struct config_errors errors = CONFIG_ERRORS_NONE;
	struct config *config = config_load(options->config_path, &errors);

	if (config == NULL) {
		fprintf(stderr, "isekai-publisher: the configuration is wrong\n");
		config_errors_print(&errors, stderr);
	}
	config_errors_free(&errors);
	return config;
}

static int
test_command(const struct options *options)
{
	struct config *config = load_config(options);

	if (config == NULL)
		return EX_CONFIG;
	config_free(config);
	printf("the configuration is fine\n");
	return end_output(EXIT_SUCCESS);
}

static int
enqueue(const struct options *options)
{
	struct config *config = load_config(options);
	int exit_status;

	if (config == NULL)
		return EX_CONFIG;
	/* A server that goes away is an error of write(), no more. */
	(void)signal(SIGPIPE, SIG_IGN);
	exit_status = enqueue_command(config, options->id_count, options->ids);
	config_free(config);
	return end_output(exit_status);
}

static int
verify(const struct options *options)
{
	struct config *config = load_config(options);
	int exit_status;

	if (config == NULL)
		return EX_CONFIG;
	(void)signal(SIGPIPE, SIG_IGN);
	exit_status = verify_command(config, options->ledger_url, options->json);
	config_free(config);
	return end_output(exit_status);
}

static int
status(const struct options *options)
{
	struct config *config = load_config(options);
	int exit_status;

	if (config == NULL)
		return EX_CONFIG;
	exit_status = status_command(config, options->watch, options->json);
	config_free(config);
	return end_output(exit_status);
}

static int
explain(const struct options *options)
{
	struct config *config = load_config(options);
	int exit_status;

	if (config == NULL)
		return EX_CONFIG;
	(void)signal(SIGPIPE, SIG_IGN);
	exit_status = explain_command(config, options->ids[0], options->json);
	config_free(config);
	return end_output(exit_status);
}

/* The commands that change something by hand. */
static int
by_hand(const struct options *o, const struct config *config)
{
	if (o->command == COMMAND_RETRY)
		return retry_command(config, o->id_count, o->ids, o->failed, o->json);
	if (o->command == COMMAND_PAUSE || o->command == COMMAND_RESUME)
		return pause_command(config, o->command == COMMAND_PAUSE, o->json);
	return gate_command(config, o->command == COMMAND_BREAKER ? HANDS_BREAKER : HANDS_LIMIT,
			    o->id_count, o->ids, o->reset, o->json);
}

static int
hands(const struct options *options)
{
	struct config *config = load_config(options);
	int exit_status;

	if (config == NULL)
		return EX_CONFIG;
	(void)signal(SIGPIPE, SIG_IGN);
	exit_status = by_hand(options, config);
	config_free(config);
	return end_output(exit_status);
}

static int
run(const struct options *options)
{
	struct supervisor *supervisor;
	struct config *config;
	struct failure why;
	int exit_status;

	supervisor_hold_signals();
	config = load_config(options);
	if (config == NULL)
		return EX_CONFIG;
	log_setup(config->log_level);
	guard_follow(config->log_level);
	supervisor = supervisor_new(config, options->config_path, &why);
	if (supervisor == NULL || !supervisor_open(supervisor, &why)) {
		fprintf(stderr, "isekai-publisher: cannot start: %s\n", why.message);
		exit_status = why.category == FAILURE_OPERATOR ? EX_CONFIG : EXIT_FAILURE;
	} else {
		exit_status = supervisor_run(supervisor);
	}
	supervisor_free(supervisor);
	return exit_status;
}

static int
obey(const struct options *options)
{
	switch (options->command) {
	case COMMAND_RUN:
		return run(options);
	case COMMAND_TEST:
		return test_command(options);
	case COMMAND_ENQUEUE:
		return enqueue(options);
	case COMMAND_VERIFY:
		return verify(options);
	case COMMAND_STATUS:
		return status(options);
	case COMMAND_EXPLAIN:
		return explain(options);
	case COMMAND_RETRY:
	case COMMAND_PAUSE:
	case COMMAND_RESUME:
	case COMMAND_BREAKER:
	case COMMAND_LIMIT:
		return hands(options);
	case COMMAND_VERSION:
		printf("isekai-publisher %s\n", ISEKAI_VERSION);
		return end_output(EXIT_SUCCESS);
	case COMMAND_HELP:
		help_print(stdout, options->about);
		return end_output(EXIT_SUCCESS);
	}
	return EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct failure why;
	int exit_status;

	open_standard_streams();
	guard_memory();
	title_take_over(argc, argv);
	if (!options_parse(argc, argv, &options, &why)) {
		fprintf(stderr,
			"isekai-publisher: %s\n"
			"Try isekai-publisher -h.\n",
			why.message);
		return EX_USAGE;
	}
	exit_status = obey(&options);
	options_free(&options);
	return exit_status;
}
