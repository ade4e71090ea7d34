#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H
/*
 * options.h - the command line.                                        [supervisor]
 *
 * contract.md "Program". What can be said is in commands.h. Reading it touches nothing but argv;
 * what it says is done in main.c.
 */
#include <stdbool.h>

#include "common/failure.h"
#include "supervisor/commands.h"

struct options {
	enum command command;
	enum command about;      /* COMMAND_HELP: what is asked about; COMMAND_RUN: all of it */
	const char *config_path; /* NULL: no INI file. Belongs to argv */
	int id_count; /* COMMAND_ENQUEUE: at least one; COMMAND_EXPLAIN: one; COMMAND_RETRY: none
			 with `failed` only; COMMAND_BREAKER, _LIMIT: some with `reset` */
	char **ids;   /* free with options_free(); the texts belong to argv */
	const char *ledger_url; /* COMMAND_VERIFY: a sandbox on this machine, or NULL. Belongs to
				   argv */
	bool json;              /* told to machines: all commands but COMMAND_ENQUEUE */
	bool watch;             /* COMMAND_STATUS: again and again */
	bool failed;            /* COMMAND_RETRY: all that have failed */
	bool reset;             /* COMMAND_BREAKER, _LIMIT */
};

/* False: the arguments are wrong; why->message says how (exit 64). *options needs options_free()
 * only after true. */
bool options_parse(int argc, char **argv, struct options *options, struct failure *why);
void options_free(struct options *options);

#endif
