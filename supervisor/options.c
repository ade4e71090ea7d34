/*
 * options.c - the command line.                                        [supervisor]
 *
 * Invariant: every argument is understood or refused; none is skipped.
 */
#include "supervisor/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/url.h"
#include "common/version.h"

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'}, {"test", no_argument, NULL, 't'},
	{"version", no_argument, NULL, 'V'},      {"help", no_argument, NULL, 'h'},
	{"ledger", required_argument, NULL, 'L'}, {"json", no_argument, NULL, 'J'},
	{"watch", no_argument, NULL, 'W'},        {NULL, 0, NULL, 0}};

/* What is being read: whether a command was named already, besides the options themselves. */
struct reading {
	struct options *options;
	bool has_command;
	struct failure *why;
};

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

/* What each command takes; what it does not take would be skipped. */
static const struct command_rule {
	const char *word;
	enum command command;
	int ids_least, ids_most;
	bool ledger, json, watch;
	const char *takes; /* said where it gets too few ids, or too many */
} rules[] = {
	{"enqueue", COMMAND_ENQUEUE, 1, INT_MAX, false, false, false,
	 "enqueue needs the id of at least one deviation"},
	{"verify", COMMAND_VERIFY, 0, 0, true, true, false, "verify looks at everything"},
	{"status", COMMAND_STATUS, 0, 0, false, true, true, "status looks at everything"},
	{"explain", COMMAND_EXPLAIN, 1, 1, false, true, false,
	 "explain needs the id of one deviation or job, or its link"},
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

/* NULL: a command that is an option takes nothing. */
static const struct command_rule *
rule_of(enum command command)
{
	for (size_t i = 0; i < RULE_COUNT; i++)
		if (rules[i].command == command)
			return &rules[i];
	return NULL;
}

static bool
take_word(struct reading *reading, char *word)
{
	struct options *options = reading->options;
	const struct command_rule *rule;

	for (size_t i = 0; !reading->has_command && i < RULE_COUNT; i++)
		if (strcmp(word, rules[i].word) == 0)
			return set_command(reading, rules[i].command, word);
	rule = rule_of(options->command);
	if (rule == NULL)
		return failure_set(reading->why, FAILURE_OPERATOR, "\"%s\" is not a command", word);
	if (options->id_count >= rule->ids_most)
		return failure_set(reading->why, FAILURE_OPERATOR, "%s; it takes no \"%s\"",
				   rule->takes, word);
	if (word[0] == '\0')
		return failure_set(reading->why, FAILURE_OPERATOR,
				   "the id of a deviation is empty");
	options->ids[options->id_count++] = word;
	return true;
}

static bool
take_option(struct reading *reading, int option, const char *argument)
{
	switch (option) {
	case 'c':
		return set_config_path(reading, optarg);
	case 't':
		return set_command(reading, COMMAND_TEST, "-t");
	case 'V':
		return set_command(reading, COMMAND_VERSION, "-V");
	case 'h':
		return set_command(reading, COMMAND_HELP, "-h");
	case 'L':
		return set_ledger_url(reading, optarg);
	case 'J':
		reading->options->json = true;
		return true;
	case 'W':
		reading->options->watch = true;
		return true;
	case ':':
		return failure_set(reading->why, FAILURE_OPERATOR, "%s needs a value", argument);
	default:
		return failure_set(reading->why, FAILURE_OPERATOR, "unknown option \"%s\"",
				   argument);
	}
}

/* "-" in front: words come in their order, as option 1; ":": a missing value is told apart. */
static bool
take_all(struct reading *reading, int argc, char **argv)
{
	int option, at = 1;

	optind = 0; /* begin anew, also when called again */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "-:c:tVh", long_options, NULL)) != -1) {
		if (option == 1 ? !take_word(reading, optarg)
				: !take_option(reading, option, argv[at < argc ? at : argc - 1]))
			return false;
		at = optind;
	}
	for (at = optind; at < argc; at++) /* what follows "--" */
		if (!take_word(reading, argv[at]))
			return false;
	return true;
}

/* What must be there, and what may not, once all is read. */
static bool
check(const struct options *read, struct failure *why)
{
	const struct command_rule *rule = rule_of(read->command);

	if (rule != NULL && read->id_count < rule->ids_least)
		return failure_set(why, FAILURE_OPERATOR, "%s", rule->takes);
	if (read->ledger_url != NULL && (rule == NULL || !rule->ledger))
		return failure_set(why, FAILURE_OPERATOR, "--ledger goes with verify only");
	if (read->json && (rule == NULL || !rule->json))
		return failure_set(why, FAILURE_OPERATOR,
				   "--json goes with verify, status and explain only");
	if (read->watch && (rule == NULL || !rule->watch))
		return failure_set(why, FAILURE_OPERATOR, "--watch goes with status only");
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
	if (!take_all(&reading, argc, argv) || !check(&read, why)) {
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

void
options_print_help(FILE *out)
{
	fputs("isekai-publisher " ISEKAI_VERSION " - publishes scheduled posts to DeviantArt\n"
	      "\n"
	      "  isekai-publisher [-c FILE]                run in the foreground\n"
	      "  isekai-publisher -t [-c FILE]             check the configuration\n"
	      "  isekai-publisher enqueue ID... [-c FILE]  put deviations in the queue\n"
	      "  isekai-publisher explain ID [-c FILE] [--json]\n"
	      "                    why is this post not out yet? Its life, in order; ID is\n"
	      "                    a deviation's, its job's, or its link on DeviantArt\n"
	      "  isekai-publisher verify [-c FILE] [--ledger URL] [--json]\n"
	      "                    compare PostgreSQL, Redis and, if given, a sandbox's\n"
	      "                    ledger: is anything lost, twice, stuck? Changes nothing\n"
	      "  isekai-publisher status [-c FILE] [--watch] [--json]\n"
	      "                    what the running publisher's slots do, queue, rates\n"
	      "  isekai-publisher -V | -h                  version | this help\n"
	      "\n"
	      "FILE is an INI file; config.example.ini documents every setting. The\n"
	      "environment wins over the file (.env.example has the names), and any\n"
	      "setting may be read from a file of its own: NAME_FILE=/run/secrets/name.\n"
	      "\n"
	      "Signals\n"
	      "  TERM, INT   finish the jobs in hand, at most PUBLISHER_DRAIN_TIMEOUT_MS,\n"
	      "              give back the rest, exit; a second one stops now\n"
	      "  QUIT        stop now; jobs in hand go back to the queue\n"
	      "  HUP         read FILE and the _FILEs again, replace workers one by one;\n"
	      "              the listener changes with the next start, and a reload that\n"
	      "              changes the queue's name, prefix or Redis is refused\n"
	      "\n"
	      "Exit status\n"
	      "  0           drained, or what was asked for is done\n"
	      "  1           something failed; the last lines of the log say what;\n"
	      "              verify: something is wrong, each in a line;\n"
	      "              explain: there is no such deviation\n"
	      "  64          wrong arguments\n"
	      "  69          verify, explain: a server is not reachable;\n"
	      "              status: no publisher answers\n"
	      "  78          wrong configuration; every wrong setting is named\n"
	      "  130, 143    INT or TERM came again and cut the drain short\n"
	      "  131         QUIT\n",
	      out);
}
