#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H
/*
 * options.h - the command line.                                        [supervisor]
 *
 * contract.md "Program". Reading it touches nothing but argv; what it says is done in main.c.
 */
#include <stdbool.h>
#include <stdio.h>

#include "common/failure.h"

enum command {
	COMMAND_RUN,
	COMMAND_TEST,
	COMMAND_ENQUEUE,
	COMMAND_VERIFY,
	COMMAND_STATUS,
	COMMAND_EXPLAIN,
	COMMAND_VERSION,
	COMMAND_HELP
};

struct options {
	enum command command;
	const char *config_path; /* NULL: no INI file. Belongs to argv */
	int id_count;            /* COMMAND_ENQUEUE: at least one; COMMAND_EXPLAIN: one */
	char **ids;              /* free with options_free(); the texts belong to argv */
	const char *ledger_url;  /* COMMAND_VERIFY: a sandbox on this machine, or NULL. Belongs to
				    argv */
	bool json;               /* COMMAND_VERIFY, _STATUS, _EXPLAIN: told to machines */
	bool watch;              /* COMMAND_STATUS: again and again */
};

/* False: the arguments are wrong; why->message says how (exit 64). *options needs options_free()
 * only after true. */
bool options_parse(int argc, char **argv, struct options *options, struct failure *why);
void options_free(struct options *options);

/* Usage, signals and exit status, at most 80 columns wide. */
void options_print_help(FILE *out);

#endif
