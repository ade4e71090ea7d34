#ifndef SUPERVISOR_COMMANDS_H
#define SUPERVISOR_COMMANDS_H
/*
 * commands.h - what can be said on the command line, in words.         [supervisor]
 *
 * One row a command, an option, an exit status, a signal. Reading the command line, --help,
 * isekai-publisher(8) and the completion of bash are made from them; nothing of it is written down
 * a second time, and a row without its words fails tests/unit/test_manual.c.
 *
 * Words are plain text. A `brief` is half a sentence that fits a line of --help; everything else is
 * whole sentences, wrapped by whoever prints them.
 */
#include <stdbool.h>
#include <stddef.h>

enum command {
	COMMAND_RUN,
	COMMAND_TEST,
	COMMAND_ENQUEUE,
	COMMAND_EXPLAIN,
	COMMAND_VERIFY,
	COMMAND_STATUS,
	COMMAND_RETRY,
	COMMAND_PAUSE,
	COMMAND_RESUME,
	COMMAND_BREAKER,
	COMMAND_LIMIT,
	COMMAND_VERSION,
	COMMAND_HELP
};

/* ---------------------------------------------------------------- options */

/* In the order in which they are shown. */
enum option_id {
	OPTION_CONFIG,
	OPTION_FAILED,
	OPTION_RESET,
	OPTION_WATCH,
	OPTION_JSON,
	OPTION_LEDGER,
	OPTION_COUNT
};

struct option_row {
	int letter;       /* 'c'; 0: it has none */
	const char *name; /* "config": --config */
	/* "FILE": what follows it; NULL: nothing does. A FILE is completed as one. */
	const char *value;
	const char *doc;
};

extern const struct option_row option_rows[OPTION_COUNT];

/* ---------------------------------------------------------------- commands */

#define COMMAND_EXITS_MOST 8

struct exit_row {
	int status;
	const char *when; /* NULL: no more rows */
};

struct command_row {
	enum command command;
	/* How it is said: by a word ("explain"); with a letter by an option, -t or --test; NULL: by
	 * nothing at all. */
	const char *word;
	int letter;
	const char *ids; /* "ID", "USER..."; NULL: it takes none */
	int ids_least, ids_most;
	unsigned int options; /* 1 << enum option_id for each that it takes */
	const char *takes;    /* said where it gets too few ids, or too many; NULL: takes none */
	const char *brief;
	const char *doc;
	struct exit_row exits[COMMAND_EXITS_MOST]; /* ascending */
};

/* In the order in which they are shown. */
extern const struct command_row command_rows[];
extern const size_t command_row_count;

const struct command_row *command_row_of(enum command command);

/* ---------------------------------------------------------------- the rest */

struct signal_row {
	const char *names; /* "TERM, INT" */
	const char *doc;
};

/* What each exit status means, whatever the command. Ends with .when NULL, .doc NULL. */
extern const struct exit_row exit_rows[];
extern const struct signal_row signal_rows[];

#endif
