/*
 * help.c - the words of the command line, for a terminal.              [supervisor]
 */
#include "supervisor/help.h"

#include <stdarg.h>
#include <string.h>

#include "common/version.h"

#define PROGRAM   "isekai-publisher"
#define NAME_SIZE 80
/* More than there will be commands, options or exit statuses. */
#define ENTRIES_MOST 40
#define MARGIN       2 /* blanks before a term, and at least between it and its words */

/* ---------------------------------------------------------------- names */

/* "-c, --config FILE", without what is not there. */
static void
print_name(char *out, size_t size, int letter, const char *name, const char *value)
{
	char short_name[] = "-?, ";

	short_name[1] = (char)letter;
	snprintf(out, size, "%s--%s%s%s", letter != 0 ? short_name : "", name,
		 value != NULL ? " " : "", value != NULL ? value : "");
}

void
help_option_name(char *out, size_t size, const struct option_row *row)
{
	print_name(out, size, row->letter, row->name, row->value);
}

void
help_command_name(char *out, size_t size, const struct command_row *row)
{
	if (row->word == NULL)
		snprintf(out, size, "(no command)");
	else if (row->letter != 0)
		print_name(out, size, row->letter, row->word, NULL);
	else
		snprintf(out, size, "%s%s%s", row->word, row->ids != NULL ? " " : "",
			 row->ids != NULL ? row->ids : "");
}

__attribute__((format(printf, 3, 4))) static void
append(char *out, size_t size, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, size - used, format, args);
	va_end(args);
}

void
help_synopsis(char *out, size_t size, const struct command_row *row)
{
	snprintf(out, size, "%s", PROGRAM);
	if (row->letter != 0)
		append(out, size, " -%c", row->letter);
	else if (row->word != NULL)
		append(out, size, " %s", row->word);
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *option = &option_rows[i];

		if ((row->options & 1U << i) == 0)
			continue;
		if (option->letter != 0)
			append(out, size, " [-%c", option->letter);
		else
			append(out, size, " [--%s", option->name);
		if (option->value != NULL)
			append(out, size, " %s", option->value);
		append(out, size, "]");
	}
	if (row->ids != NULL)
		append(out, size, " %s", row->ids);
}

/* ---------------------------------------------------------------- lines */

/* Words, from column `at` on, which it is in already; every further line begins there, too. */
static void
print_words(FILE *out, size_t at, const char *words)
{
	size_t column = at;

	while (*words != '\0') {
		size_t size = strcspn(words, " ");

		if (column > at && column + 1 + size > HELP_COLUMNS) {
			fprintf(out, "\n%*s", (int)at, "");
			column = at;
		} else if (column > at) {
			fputc(' ', out);
			column++;
		}
		fwrite(words, 1, size, out);
		column += size;
		words += size + strspn(words + size, " ");
	}
	fputc('\n', out);
}

/* A term, and its words. */
struct entry {
	char term[NAME_SIZE];
	const char *words;
};

struct entries {
	struct entry all[ENTRIES_MOST];
	size_t count;
};

/* Gives room for its term; what does not fit is left out, which a test would see. */
static char *
add(struct entries *entries, const char *words)
{
	struct entry *entry = &entries->all[entries->count];

	if (entries->count < ENTRIES_MOST - 1)
		entries->count++;
	entry->words = words;
	return entry->term;
}

/* The words in a column of their own. */
static void
print_entries(FILE *out, const char *heading, const struct entries *entries)
{
	size_t width = 0;

	fprintf(out, "\n%s\n", heading);
	for (size_t i = 0; i < entries->count; i++)
		if (strlen(entries->all[i].term) > width)
			width = strlen(entries->all[i].term);
	for (size_t i = 0; i < entries->count; i++) {
		fprintf(out, "%*s%-*s", MARGIN, "", (int)width + MARGIN, entries->all[i].term);
		print_words(out, MARGIN + width + MARGIN, entries->all[i].words);
	}
}

/* ---------------------------------------------------------------- parts */

static void
print_exits(FILE *out, const struct exit_row *row)
{
	struct entries entries = {.count = 0};

	for (; row->when != NULL; row++)
		snprintf(add(&entries, row->when), NAME_SIZE, "%d", row->status);
	print_entries(out, "Exit status", &entries);
}

static void
print_signals(FILE *out)
{
	struct entries entries = {.count = 0};

	for (const struct signal_row *row = signal_rows; row->names != NULL; row++)
		snprintf(add(&entries, row->doc), NAME_SIZE, "%s", row->names);
	print_entries(out, "Signals", &entries);
}

static void
print_options(FILE *out, const struct command_row *of)
{
	const struct command_row *help = command_row_of(COMMAND_HELP);
	struct entries entries = {.count = 0};

	for (int i = 0; i < OPTION_COUNT; i++)
		if ((of->options & 1U << i) != 0)
			help_option_name(add(&entries, option_rows[i].doc), NAME_SIZE,
					 &option_rows[i]);
	if (of->command != COMMAND_RUN) /* there it is among the commands */
		help_command_name(add(&entries, "this help"), NAME_SIZE, help);
	print_entries(out, "Options", &entries);
}

static void
print_commands(FILE *out)
{
	struct entries entries = {.count = 0};

	for (size_t i = 0; i < command_row_count; i++)
		help_command_name(add(&entries, command_rows[i].brief), NAME_SIZE,
				  &command_rows[i]);
	print_entries(out, "Commands", &entries);
}

static void
print_settings(FILE *out)
{
	fprintf(out, "\nSettings\n%*s", MARGIN, "");
	print_words(out, MARGIN,
		    "Defaults, then FILE, then the environment: the later wins. Any setting may be "
		    "read from a file of its own, NAME_FILE=/run/secrets/name. What settings there "
		    "are: isekai-publisher.ini(5), config.example.ini, .env.example.");
}

static void
print_overview(FILE *out)
{
	fputs(PROGRAM " " ISEKAI_VERSION " - publishes scheduled posts to DeviantArt\n"
		      "\n"
		      "Usage: " PROGRAM " [COMMAND [ID...]] [OPTION...]\n",
	      out);
	print_commands(out);
	fputs("\n  " PROGRAM " COMMAND --help tells more of a command.\n", out);
	print_options(out, command_row_of(COMMAND_RUN));
	print_settings(out);
	print_signals(out);
	print_exits(out, exit_rows);
	fputs("\nManuals: isekai-publisher(8), isekai-publisher.ini(5)\n", out);
}

void
help_print(FILE *out, enum command about)
{
	const struct command_row *row = command_row_of(about);
	char synopsis[2 * NAME_SIZE];

	if (about == COMMAND_RUN) {
		print_overview(out);
		return;
	}
	help_synopsis(synopsis, sizeof(synopsis), row);
	fputs("Usage: ", out);
	print_words(out, strlen("Usage: "), synopsis);
	fputc('\n', out);
	print_words(out, 0, row->doc);
	print_options(out, row);
	print_exits(out, row->exits);
}
