/*
 * options.c - the command line.                                        [supervisor]
 *
 * Invariant: every argument is understood or refused; none is skipped.
 */
#include "supervisor/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/spelling.h"
#include "common/url.h"

/* What getopt_long() gives for an option: its letter, or past all letters. */
#define PAST_LETTERS 256

/* What is being read: what was named already, besides the options themselves. */
struct reading {
	struct options *options;
	bool has_command, has_help;
	unsigned int given; /* 1 << enum option_id for each */
	struct failure *why;
};

/* Does the command have no word, but an option that stands for it? */
static bool
is_option(const struct command_row *row)
{
	return row->letter != 0;
}

static bool
set_command(struct reading *reading, enum command command, const char *argument)
{
	if (reading->has_command && reading->options->command != command)
		return failure_set(reading->why, FAILURE_OPERATOR,
				   "%s does not go with another command", argument);
	reading->has_command = true;
	reading->options->command = command;
	return true;
}

static bool
set_config_path(struct reading *reading, const char *path)
{
	if (path[0] == '\0')
		return failure_set(reading->why, FAILURE_OPERATOR, "-c needs the name of a file");
	if (reading->options->config_path != NULL)
		return failure_set(reading->why, FAILURE_OPERATOR, "-c is given twice");
	reading->options->config_path = path;
	return true;
}

/* It has all tokens of the house in it: it is read from this machine, or not at all. */
static bool
set_ledger_url(struct reading *reading, const char *text)
{
	struct failure ignored;
	struct url url;

	if (reading->options->ledger_url != NULL)
		return failure_set(reading->why, FAILURE_OPERATOR, "--ledger is given twice");
	if (!url_split(text, &url, &ignored) || !url_scheme_is(&url, "http") ||
	    !url_host_is_loopback(url.host.at, url.host.size) || url.user.at != NULL ||
	    url.query.at != NULL || url.fragment.at != NULL)
		return failure_set(reading->why, FAILURE_OPERATOR,
				   "--ledger needs the http: address of a sandbox on this machine, "
				   "like http://127.0.0.1:8080");
	reading->options->ledger_url = text;
	return true;
}

/* ---------------------------------------------------------------- words */

static bool
refuse_word(struct reading *reading, const char *word)
{
	const char *nearest = NULL;

	for (size_t i = 0; !reading->has_command && i < command_row_count; i++) {
		const struct command_row *row = &command_rows[i];

		if (row->word == NULL || is_option(row))
			continue;
		if (nearest == NULL ||
		    spelling_distance(word, row->word) < spelling_distance(word, nearest))
			nearest = row->word;
	}
	if (nearest != NULL && spelling_is_like(word, nearest))
		return failure_set(reading->why, FAILURE_OPERATOR,
				   "\"%s\" is not a command; did you mean %s?", word, nearest);
	return failure_set(reading->why, FAILURE_OPERATOR, "\"%s\" is not a command", word);
}

static bool
take_word(struct reading *reading, char *word)
{
	struct options *options = reading->options;
	const struct command_row *row;

	for (size_t i = 0; !reading->has_command && i < command_row_count; i++) {
		row = &command_rows[i];
		if (row->word != NULL && !is_option(row) && strcmp(word, row->word) == 0)
			return set_command(reading, row->command, word);
	}
	row = command_row_of(options->command);
	if (row->takes == NULL)
		return refuse_word(reading, word);
	if (options->id_count >= row->ids_most)
		return failure_set(reading->why, FAILURE_OPERATOR, "%s; it takes no \"%s\"",
				   row->takes, word);
	if (word[0] == '\0')
		return failure_set(reading->why, FAILURE_OPERATOR, "an id is empty");
	options->ids[options->id_count++] = word;
	return true;
}

/* ---------------------------------------------------------------- options */

static bool
take_option(struct reading *reading, enum option_id option, const char *value)
{
	reading->given |= 1U << option;
	switch (option) {
	case OPTION_CONFIG:
		return set_config_path(reading, value);
	case OPTION_LEDGER:
		return set_ledger_url(reading, value);
	case OPTION_JSON:
		reading->options->json = true;
		return true;
	case OPTION_WATCH:
		reading->options->watch = true;
		return true;
	case OPTION_FAILED:
		reading->options->failed = true;
		return true;
	case OPTION_RESET:
		reading->options->reset = true;
		return true;
	case OPTION_COUNT:
		break;
	}
	return false;
}

static bool
take_command(struct reading *reading, const struct command_row *row)
{
	char said[3] = {'-', (char)row->letter, '\0'};

	/* Help goes with every word, before and behind it. */
	if (row->command == COMMAND_HELP) {
		reading->has_help = true;
		return true;
	}
	return set_command(reading, row->command, said);
}

/* found: what getopt_long() gave. word: what it stood in. */
static bool
take_found(struct reading *reading, int found, char *word)
{
	if (found == 1)
		return take_word(reading, optarg);
	if (found == ':')
		return failure_set(reading->why, FAILURE_OPERATOR, "%s needs a value", word);
	for (int i = 0; i < OPTION_COUNT; i++)
		if (found == PAST_LETTERS + i || found == option_rows[i].letter)
			return take_option(reading, (enum option_id)i, optarg);
	for (size_t i = 0; found != '?' && i < command_row_count; i++)
		if (found == command_rows[i].letter)
			return take_command(reading, &command_rows[i]);
	return failure_set(reading->why, FAILURE_OPERATOR, "unknown option \"%s\"", word);
}

/* All that getopt_long() has to know. */
struct grammar {
	char letters[2 + 3 * PAST_LETTERS];
	struct option longs[OPTION_COUNT + COMMAND_HELP + 2];
};

/* "-" in front: words come in their order, as option 1; ":": a missing value is told apart. */
static void
make_grammar(struct grammar *grammar)
{
	char *letter = grammar->letters;
	struct option *next = grammar->longs;

	*letter++ = '-';
	*letter++ = ':';
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		bool has_value = row->value != NULL;

		*next++ = (struct option){row->name, has_value ? required_argument : no_argument,
					  NULL, PAST_LETTERS + i};
		if (row->letter != 0)
			*letter++ = (char)row->letter;
		if (row->letter != 0 && has_value)
			*letter++ = ':';
	}
	for (size_t i = 0; i < command_row_count; i++) {
		const struct command_row *row = &command_rows[i];

		if (!is_option(row))
			continue;
		*next++ = (struct option){row->word, no_argument, NULL, row->letter};
		*letter++ = (char)row->letter;
	}
	*letter = '\0';
	*next = (struct option){.name = NULL};
}

/* ---------------------------------------------------------------- all of it */

static bool
take_all(struct reading *reading, int argc, char **argv)
{
	struct grammar grammar = {.letters = ""};
	int found, at = 1;

	make_grammar(&grammar);
	optind = 0; /* begin anew, also when called again */
	opterr = 0;
	while ((found = getopt_long(argc, argv, grammar.letters, grammar.longs, NULL)) != -1) {
		if (!take_found(reading, found, argv[at < argc ? at : argc - 1]))
			return false;
		at = optind;
	}
	for (at = optind; at < argc; at++) /* what follows "--" */
		if (!take_word(reading, argv[at]))
			return false;
	return true;
}

/* "--json goes with explain, verify, status only" */
static bool
refuse_option(enum option_id option, struct failure *why)
{
	failure_set(why, FAILURE_OPERATOR, "--%s goes with", option_rows[option].name);
	for (size_t i = 0, count = 0; i < command_row_count; i++)
		if ((command_rows[i].options & 1U << option) != 0)
			failure_set(why, FAILURE_OPERATOR, "%s%s %s", why->message,
				    count++ > 0 ? "," : "", command_rows[i].word);
	return failure_set(why, FAILURE_OPERATOR, "%s only", why->message);
}

/* What must be there with what is. */
static bool
check_company(const struct options *read, const struct command_row *row, struct failure *why)
{
	if (read->id_count < row->ids_least)
		return failure_set(why, FAILURE_OPERATOR, "%s", row->takes);
	if (read->command == COMMAND_RETRY && read->failed == (read->id_count > 0))
		return failure_set(why, FAILURE_OPERATOR,
				   "retry needs ids of deviations or jobs, or links, or else "
				   "--failed for all that have failed");
	if (read->reset && read->id_count == 0)
		return failure_set(why, FAILURE_OPERATOR,
				   "--reset needs to be told whose: ids of users, or "
				   "\"application\" for what holds for everybody");
	return true;
}

/* What must be there, and what may not, once all is read. What is not taken would be skipped. */
static bool
check(struct reading *reading)
{
	const struct command_row *row = command_row_of(reading->options->command);

	if (reading->has_help && is_option(row))
		return failure_set(reading->why, FAILURE_OPERATOR,
				   "-h does not go with another command that is an option");
	for (int i = OPTION_CONFIG + 1; i < OPTION_COUNT; i++)
		if ((reading->given & ~row->options & 1U << i) != 0)
			return refuse_option((enum option_id)i, reading->why);
	if (!reading->has_help)
		return check_company(reading->options, row, reading->why);
	reading->options->about = row->command;
	reading->options->command = COMMAND_HELP;
	return true;
}

bool
options_parse(int argc, char **argv, struct options *options, struct failure *why)
{
	struct options read = {.command = COMMAND_RUN};
	struct reading reading = {.options = &read, .why = why};

	if (argc < 1)
		return failure_set(why, FAILURE_OPERATOR, "there is no name of the program");
	read.ids = calloc((size_t)argc, sizeof(*read.ids));
	if (read.ids == NULL)
		return failure_set(why, FAILURE_UNKNOWN, "out of memory");
	if (!take_all(&reading, argc, argv) || !check(&reading)) {
		options_free(&read);
		return false;
	}
	*options = read;
	return true;
}

void
options_free(struct options *options)
{
	free(options->ids);
	options->ids = NULL;
	options->id_count = 0;
}
