/*
 * probe.c - isekai-healthcheck: asks a running publisher's /health.    [a program of its own]
 *
 *   isekai-healthcheck [-c FILE] | -V | -h
 *
 * For a container's HEALTHCHECK, where there is neither shell nor curl. It finds the listener by
 * the publisher's own settings (HEALTH_CHECK_*, and the INI file if it is given one) and prints why
 * it is not content. Invariant: it ends within PROBE_S seconds, with 0 or 1 (Docker keeps the rest
 * for itself), whatever the resolver and the other side do.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/config_sources.h"
#include "common/config_table.h"
#include "common/config_value.h"
#include "common/failure.h"
#include "common/version.h"
#include "health/ask.h"

/* Less than the Dockerfile gives it, so that the reason is told. */
#define PROBE_S    4
#define BODY_LIMIT 65536

/* ---- when time is up ---- */

static void
on_alarm(int signal_number)
{
	static const char words[] = "isekai-healthcheck: no answer in time\n";
	ssize_t written = write(STDERR_FILENO, words, sizeof(words) - 1);

	(void)signal_number;
	(void)written; /* nobody else to tell */
	_exit(EXIT_FAILURE);
}

/* One deadline over all: the resolver knows none of its own. */
static void
set_deadline(void)
{
	const struct sigaction action = {.sa_handler = on_alarm};

	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(PROBE_S);
}

/* ---- where to ask ---- */

static bool
take_setting(struct config *config, const struct config_setting *setting,
	     const struct config_source *source, struct failure *why)
{
	if (source->wrong || source->text == NULL)
		return failure_set(why, FAILURE_OPERATOR, "%s: cannot be read", setting->env);
	return config_value_set(config, setting, source->text, why) ||
	       failure_prefix(why, "%s: ", setting->env);
}

/* Of all settings the listener's only: what is wrong with the others is not our business. */
static bool
read_settings(const char *ini_path, struct config *config, struct failure *why)
{
	struct config_source *sources = calloc(config_setting_count, sizeof(*sources));
	struct config_errors errors = CONFIG_ERRORS_NONE;
	bool ok = true;

	if (sources == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	config_sources_read(ini_path, sources, &errors);
	for (size_t i = 0; i < config_setting_count && ok; i++)
		if (strcmp(config_settings[i].section, "health") == 0)
			ok = take_setting(config, &config_settings[i], &sources[i], why);
	config_sources_free(sources);
	free(sources);
	config_errors_free(&errors);
	return ok;
}

/* ---- asking ---- */

static bool
is_content(const struct config *config, struct failure *why)
{
	struct ask_reply reply;
	bool ok;

	if (!ask(config->health_check_host, config->health_check_port, "/health", PROBE_S * 1000,
		 BODY_LIMIT, &reply, why))
		return false;
	ok = reply.status == 200 ||
	     failure_set(why, FAILURE_SERVER_ERROR, "/health answers \"%s\"", reply.status_line);
	ask_free(&reply);
	return ok;
}

static bool
probe(const char *ini_path, struct failure *why)
{
	struct config config = {.health_check_host = NULL};
	bool ok;

	if (ini_path != NULL && access(ini_path, R_OK) != 0)
		return failure_set(why, FAILURE_OPERATOR, "%s: %s", ini_path, strerror(errno));
	ok = read_settings(ini_path, &config, why);
	if (ok && !config.health_check_enabled)
		puts("HEALTH_CHECK_ENABLED is off: there is nothing to ask");
	else if (ok)
		ok = is_content(&config, why);
	free(config.health_check_host);
	return ok;
}

static const char usage[] =
	"usage: isekai-healthcheck [-c FILE] | -V | -h\n"
	"\n"
	"Asks /health of the publisher on this machine; exit status 0 or 1. FILE is the\n"
	"publisher's: isekai-publisher.ini(5). Manual: isekai-healthcheck(8).\n";

static bool
is_either(const char *argument, const char *letter, const char *word)
{
	return strcmp(argument, letter) == 0 || strcmp(argument, word) == 0;
}

int
main(int argc, char **argv)
{
	const char *ini_path = argc == 3 && is_either(argv[1], "-c", "--config") ? argv[2] : NULL;
	struct failure why;

	if (argc == 2 && is_either(argv[1], "-h", "--help"))
		return fputs(usage, stdout) < 0 || fflush(stdout) != 0;
	if (argc == 2 && is_either(argv[1], "-V", "--version"))
		return puts("isekai-healthcheck " ISEKAI_VERSION) < 0 || fflush(stdout) != 0;
	if (argc != 1 && ini_path == NULL) {
		fputs(usage, stderr);
		return EXIT_FAILURE;
	}
	(void)prctl(PR_SET_DUMPABLE, 0); /* the file that is read holds secrets */
	set_deadline();
	if (probe(ini_path, &why))
		return EXIT_SUCCESS;
	fprintf(stderr, "isekai-healthcheck: %s\n", why.message);
	return EXIT_FAILURE;
}
