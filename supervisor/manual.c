/*
 * manual.c - what the manuals and the completion have from the tables. [manual pages]
 */
#include "supervisor/manual.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/mdoc.h"
#include "supervisor/commands.h"

/* ---------------------------------------------------------------- isekai-publisher(8) */

/* "Fl c Ar FILE" */
static void
print_flag(FILE *out, const struct option_row *option)
{
	if (option->letter != 0)
		fprintf(out, "Fl %c", option->letter);
	else
		fprintf(out, "Fl -%s", option->name);
	if (option->value != NULL)
		fprintf(out, " Ar %s", option->value);
}

static void
print_synopsis(FILE *out, const struct command_row *row)
{
	fputs(".Nm\n", out);
	if (row->letter != 0)
		fprintf(out, ".Fl %c\n", row->letter);
	else if (row->word != NULL)
		fprintf(out, ".Cm %s\n", row->word);
	for (int i = 0; i < OPTION_COUNT; i++) {
		if ((row->options & 1U << i) == 0)
			continue;
		fputs(".Op ", out);
		print_flag(out, &option_rows[i]);
		fputc('\n', out);
	}
	if (row->ids != NULL)
		fprintf(out, ".Ar %s\n", row->ids);
}

static void
print_synopses(FILE *out)
{
	for (size_t i = 0; i < command_row_count; i++)
		print_synopsis(out, &command_rows[i]);
}

/* "Fl c , Fl -config Ar FILE" */
static void
print_options(FILE *out, unsigned int options)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *option = &option_rows[i];

		if ((options & 1U << i) == 0)
			continue;
		fputs(".It ", out);
		if (option->letter != 0)
			fprintf(out, "Fl %c , ", option->letter);
		fprintf(out, "Fl -%s%s%s\n", option->name, option->value != NULL ? " Ar " : "",
			option->value != NULL ? option->value : "");
		mdoc_print_text(out, option->doc);
	}
	fputs(".El\n", out);
}

static void
print_exits(FILE *out, const struct exit_row *row)
{
	fputs(".Bl -tag -width 4n -offset indent -compact\n", out);
	for (; row->when != NULL; row++) {
		fprintf(out, ".It %d\n", row->status);
		mdoc_print_text(out, row->when);
	}
	fputs(".El\n", out);
}

static void
print_command(FILE *out, const struct command_row *row)
{
	/* What every command takes is told once, before them all. */
	unsigned int options = row->options & ~(1U << OPTION_CONFIG);

	if (row->word == NULL)
		fputs(".Ss Without a command\n", out);
	else if (row->letter != 0)
		fprintf(out, ".Ss Fl %c , Fl -%s\n", row->letter, row->word);
	else
		fprintf(out, ".Ss %s\n", row->word);
	print_synopsis(out, row);
	fputs(".Pp\n", out);
	mdoc_print_text(out, row->doc);
	if (options != 0)
		print_options(out, options);
	fputs(".Pp\nExit status:\n.Pp\n", out);
	print_exits(out, row->exits);
}

static void
print_commands(FILE *out)
{
	for (size_t i = 0; i < command_row_count; i++)
		print_command(out, &command_rows[i]);
}

static void
print_config_option(FILE *out)
{
	print_options(out, 1U << OPTION_CONFIG);
}

static void
print_exit_status(FILE *out)
{
	print_exits(out, exit_rows);
}

static void
print_signals(FILE *out)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (const struct signal_row *row = signal_rows; row->names != NULL; row++) {
		fputs(".It ", out);
		mdoc_print_argument(out, row->names);
		fputc('\n', out);
		mdoc_print_text(out, row->doc);
	}
	fputs(".El\n", out);
}

/* ---------------------------------------------------------------- isekai-publisher.ini(5) */

static void
print_settings(FILE *out)
{
	config_print_manual(out);
}

/* ---------------------------------------------------------------- the completion */

static void
print_option_words(FILE *out, const struct command_row *row)
{
	const struct command_row *help = command_row_of(COMMAND_HELP);

	for (int i = 0; i < OPTION_COUNT; i++) {
		if ((row->options & 1U << i) == 0)
			continue;
		if (option_rows[i].letter != 0)
			fprintf(out, " -%c", option_rows[i].letter);
		fprintf(out, " --%s", option_rows[i].name);
	}
	if (row->word != NULL && row->letter == 0)
		fprintf(out, " -%c --%s", help->letter, help->word);
}

/* What may follow a command: a branch of the shell's "case" each; the first is that of none. */
static void
print_branches(FILE *out)
{
	for (size_t i = 0; i < command_row_count; i++) {
		const struct command_row *row = &command_rows[i];

		if (row->word == NULL)
			fputs("\t'') words='", out);
		else if (row->letter != 0)
			fprintf(out, "\t-%c | --%s) words='", row->letter, row->word);
		else
			fprintf(out, "\t%s) words='", row->word);
		for (size_t j = 0; row->word == NULL && j < command_row_count; j++) {
			if (command_rows[j].letter != 0)
				fprintf(out, " -%c --%s", command_rows[j].letter,
					command_rows[j].word);
			else if (command_rows[j].word != NULL)
				fprintf(out, " %s", command_rows[j].word);
		}
		print_option_words(out, row);
		fputs("' ;;\n", out);
	}
}

/* What the options take, in the same form. */
static void
print_values(FILE *out)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->value == NULL)
			continue;
		fputc('\t', out);
		if (row->letter != 0)
			fprintf(out, "-%c | ", row->letter);
		fprintf(out, "--%s) takes='%s' ;;\n", row->name,
			strcmp(row->value, "FILE") == 0 ? "file" : "value");
	}
}

/* ---------------------------------------------------------------- a page */

static const struct part {
	const char *line;
	void (*print)(FILE *out);
} parts[] = {
	{"@SYNOPSIS@\n", print_synopses},       {"@OPTIONS@\n", print_config_option},
	{"@COMMANDS@\n", print_commands},       {"@SIGNALS@\n", print_signals},
	{"@EXIT_STATUS@\n", print_exit_status}, {"@SETTINGS@\n", print_settings},
	{"@WORDS@\n", print_branches},          {"@VALUES@\n", print_values},
};

static bool
write_line(const char *line, FILE *out)
{
	size_t size = strlen(line);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(line, parts[i].line) != 0)
			continue;
		parts[i].print(out);
		return true;
	}
	if (size > 2 && line[0] == '@' && line[size - 2] == '@')
		return false;
	fputs(line, out);
	return true;
}

bool
manual_write(FILE *page, FILE *out, struct failure *why)
{
	char *line = NULL;
	size_t size = 0;
	int number = 0;
	bool known = true;

	while (known && getline(&line, &size, page) >= 0) {
		number++;
		known = write_line(line, out);
	}
	free(line);
	if (!known)
		return failure_set(why, FAILURE_OPERATOR, "line %d names a part that there is not",
				   number);
	if (ferror(page) || fflush(out) != 0 || ferror(out))
		return failure_set(why, FAILURE_OPERATOR, "%s", strerror(errno));
	return true;
}
