/*
 * commands.c, help.c, manual.c, config_manual.c: each command, option and setting has its words,
 * and help, manual pages and completion say them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_table.h"
#include "supervisor/commands.h"
#include "supervisor/help.h"
#include "supervisor/manual.h"

#define TERM_SIZE 160

/* ---------------------------------------------------------------- texts */

static char *
help_of(enum command command)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	help_print(out, command);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* A page as make writes it. The test is run from the root of the source. */
static char *
page_of(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *page = fopen(path, "r"), *out = open_memstream(&text, &size);
	struct failure why = {.message = ""};

	assert_non_null(page);
	assert_non_null(out);
	if (!manual_write(page, out, &why))
		fail_msg("%s: %s", path, why.message);
	fclose(page);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* In place: one blank for any white space, and what mdoc writes as an escape as it is read. */
static char *
flatten(char *text)
{
	char *to = text;

	for (const char *at = text; *at != '\0'; at++) {
		if (at[0] == '\\' && at[1] == '-')
			continue;
		if (at[0] == '\\' && at[1] != '\0' && strchr("&%:", at[1]) != NULL) {
			at++;
			continue;
		}
		if (!isspace((unsigned char)*at))
			*to++ = *at;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	*to = '\0';
	return text;
}

/* `flat` is a flattened text. */
static void
assert_says(const char *where, const char *flat, const char *words)
{
	char *wanted = strdup(words);

	assert_non_null(wanted);
	if (strstr(flat, flatten(wanted)) == NULL)
		fail_msg("%s does not say: %s", where, wanted);
	free(wanted);
}

static void
assert_says_exits(const char *where, const char *flat, const struct exit_row *row)
{
	char words[600];

	for (; row->when != NULL; row++) {
		snprintf(words, sizeof(words), " %d %s", row->status, row->when);
		assert_says(where, flat, words);
	}
}

/* ---------------------------------------------------------------- the tables */

static void
assert_sentences(const char *whose, const char *words)
{
	if (words == NULL || strlen(words) < 5 || words[strlen(words) - 1] != '.' ||
	    strchr(words, '\n') != NULL)
		fail_msg("%s: its words are no whole sentences", whose);
}

static void
check_exits(const char *whose, const struct exit_row *row)
{
	int before = -1, count = 0;

	for (; row->when != NULL; row++, count++) {
		const struct exit_row *known = exit_rows;

		assert_sentences(whose, row->when);
		assert_true(row->status > before); /* ascending, none twice */
		before = row->status;
		while (known->when != NULL && known->status != row->status)
			known++;
		if (known->when == NULL)
			fail_msg("%s: exit status %d is not among exit_rows", whose, row->status);
		assert_true(count < COMMAND_EXITS_MOST - 1);
	}
	if (count == 0)
		fail_msg("%s: it does not say its exit statuses", whose);
}

static void
check_command(const struct command_row *row)
{
	const char *whose = row->word != NULL ? row->word : "no command";

	if (row->brief == NULL || strlen(row->brief) < 5 ||
	    row->brief[strlen(row->brief) - 1] == '.')
		fail_msg("%s: its brief is no half sentence", whose);
	assert_sentences(whose, row->doc);
	check_exits(whose, row->exits);
	assert_int_equal(row->exits[0].status, EXIT_SUCCESS);
	assert_true(row->letter == 0 || row->word != NULL);
	assert_true((row->ids != NULL) == (row->ids_most > 0));
	assert_true(row->ids_least <= row->ids_most);
	if (row->word != NULL && row->letter == 0 && row->takes == NULL)
		fail_msg("%s: it does not say what it takes", whose);
	assert_int_equal(row->options >> OPTION_COUNT, 0);
}

static void
every_command_has_one_row_with_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_row_count; i++) {
		check_command(&command_rows[i]);
		assert_ptr_equal(command_row_of(command_rows[i].command), &command_rows[i]);
		for (size_t j = 1; j < i; j++)
			assert_string_not_equal(command_rows[i].word, command_rows[j].word);
	}
	for (int command = COMMAND_RUN; command <= COMMAND_HELP; command++)
		assert_int_equal(command_row_of((enum command)command)->command, command);
}

static void
every_option_has_its_words_and_a_command(void **state)
{
	(void)state;
	for (int i = 0; i < OPTION_COUNT; i++) {
		unsigned int taken = 0;

		assert_non_null(option_rows[i].name);
		assert_sentences(option_rows[i].name, option_rows[i].doc);
		for (size_t j = 0; j < command_row_count; j++)
			taken |= command_rows[j].options;
		if ((taken & 1U << i) == 0)
			fail_msg("--%s: no command takes it", option_rows[i].name);
	}
}

static void
every_exit_status_and_signal_has_its_words(void **state)
{
	(void)state;
	for (const struct exit_row *row = exit_rows; row->when != NULL; row++)
		assert_sentences("exit_rows", row->when);
	for (const struct signal_row *row = signal_rows; row->names != NULL; row++)
		assert_sentences(row->names, row->doc);
}

/* ---------------------------------------------------------------- --help */

static void
help_fits_a_terminal(void **state)
{
	(void)state;
	for (int command = COMMAND_RUN; command <= COMMAND_HELP; command++) {
		char *text = help_of((enum command)command);

		for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
			size_t size = strlen(line);

			if (size > HELP_COLUMNS || (size > 0 && line[size - 1] == ' '))
				fail_msg("%zu columns, or a blank at the end: \"%s\"", size, line);
		}
		free(text);
	}
}

static void
help_says_every_command_exit_status_and_signal(void **state)
{
	char *text = flatten(help_of(COMMAND_RUN)), term[TERM_SIZE], words[600];

	(void)state;
	for (size_t i = 0; i < command_row_count; i++) {
		help_command_name(term, sizeof(term), &command_rows[i]);
		snprintf(words, sizeof(words), "%s %s", term, command_rows[i].brief);
		assert_says("--help", text, words);
	}
	for (const struct signal_row *row = signal_rows; row->names != NULL; row++) {
		snprintf(words, sizeof(words), "%s %s", row->names, row->doc);
		assert_says("--help", text, words);
	}
	assert_says_exits("--help", text, exit_rows);
	free(text);
}

static void
help_of_a_command_says_its_options_and_exit_statuses(void **state)
{
	char term[TERM_SIZE], words[600];

	(void)state;
	for (size_t i = 1; i < command_row_count; i++) { /* 0: its help is all of it */
		const struct command_row *row = &command_rows[i];
		char *text = flatten(help_of(row->command));

		help_synopsis(term, sizeof(term), row);
		snprintf(words, sizeof(words), "Usage: %s %s", term, row->doc);
		assert_says(row->word, text, words);
		for (int j = 0; j < OPTION_COUNT; j++) {
			help_option_name(term, sizeof(term), &option_rows[j]);
			snprintf(words, sizeof(words), "%s %s", term, option_rows[j].doc);
			if ((row->options & 1U << j) != 0)
				assert_says(row->word, text, words);
			else
				assert_null(strstr(text, words));
		}
		assert_says_exits(row->word, text, row->exits);
		free(text);
	}
}

/* ---------------------------------------------------------------- manual pages */

/* From the heading to the next of its kind, for the caller to free. */
static char *
section_of(const char *page, const char *heading)
{
	const char *begin = strstr(page, heading), *end;

	if (begin == NULL)
		fail_msg("there is no %s", heading);
	begin += strlen(heading);
	end = strstr(begin, strncmp(heading, ".Sh", 3) == 0 ? ".Sh " : ".S");
	assert_non_null(end);
	return strndup(begin, (size_t)(end - begin));
}

static void
check_section(const char *page, const char *synopses, const struct command_row *row)
{
	char words[TERM_SIZE], *text;

	if (row->word == NULL)
		snprintf(words, sizeof(words), ".Ss Without a command ");
	else if (row->letter != 0)
		snprintf(words, sizeof(words), ".Ss Fl %c , Fl -%s ", row->letter, row->word);
	else
		snprintf(words, sizeof(words), ".Ss %s ", row->word);
	text = section_of(page, words);
	assert_says("its section", text, row->doc);
	for (const struct exit_row *exit = row->exits; exit->when != NULL; exit++) {
		snprintf(words, sizeof(words), ".It %d ", exit->status);
		assert_says("its section", text, words);
		assert_says("its section", text, exit->when);
	}
	for (int i = OPTION_CONFIG + 1; i < OPTION_COUNT; i++) {
		snprintf(words, sizeof(words), "Fl -%s ", option_rows[i].name);
		assert_int_equal(strstr(text, words) != NULL, (row->options & 1U << i) != 0);
		if ((row->options & 1U << i) != 0)
			assert_says("its section", text, option_rows[i].doc);
	}
	free(text);
	if (row->letter != 0)
		snprintf(words, sizeof(words), ".Nm .Fl %c ", row->letter);
	else
		snprintf(words, sizeof(words), ".Nm %s%s ", row->word != NULL ? ".Cm " : ".Op Fl c",
			 row->word != NULL ? row->word : "");
	assert_says("SYNOPSIS", synopses, words);
}

static void
manual_says_every_command(void **state)
{
	char *page = flatten(page_of("scripts/manuals/isekai-publisher.8"));
	char *synopses = section_of(page, ".Sh SYNOPSIS");

	(void)state;
	for (size_t i = 0; i < command_row_count; i++)
		check_section(page, synopses, &command_rows[i]);
	free(synopses);
	free(page);
}

static void
manual_says_every_option_exit_status_and_signal(void **state)
{
	char *text = flatten(page_of("scripts/manuals/isekai-publisher.8")), words[TERM_SIZE];

	(void)state;
	for (int i = 0; i < OPTION_COUNT; i++) {
		snprintf(words, sizeof(words), "Fl -%s ", option_rows[i].name);
		assert_says("isekai-publisher(8)", text, words);
		assert_says("isekai-publisher(8)", text, option_rows[i].doc);
	}
	for (const struct exit_row *row = exit_rows; row->when != NULL; row++)
		assert_says("isekai-publisher(8)", text, row->when);
	for (const struct signal_row *row = signal_rows; row->names != NULL; row++)
		assert_says("isekai-publisher(8)", text, row->doc);
	free(text);
}

static void
manual_says_every_setting(void **state)
{
	char *text = flatten(page_of("scripts/manuals/isekai-publisher.ini.5")), words[1000];

	(void)state;
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];
		const char *given = setting->default_text;

		snprintf(words, sizeof(words), ".Ss [%s]", setting->section);
		assert_says("isekai-publisher.ini(5)", text, words);
		snprintf(words, sizeof(words), ".It Ic %s Pq Ev %s %s", setting->key, setting->env,
			 setting->doc);
		assert_says("isekai-publisher.ini(5)", text, words);
		if (given != NULL && *given != '\0') {
			snprintf(words, sizeof(words), "Default: .Ql \"%s\" .", given);
			assert_says("isekai-publisher.ini(5)", text, words);
		}
	}
	free(text);
}

static void
a_part_that_there_is_not_is_refused(void **state)
{
	char page_text[] = ".Sh NAME\n@BOGUS@\n", out_text[200];
	FILE *page = fmemopen(page_text, strlen(page_text), "r");
	FILE *out = fmemopen(out_text, sizeof(out_text), "w");
	struct failure why;

	(void)state;
	assert_non_null(page);
	assert_non_null(out);
	assert_false(manual_write(page, out, &why));
	assert_non_null(strstr(why.message, "line 2"));
	fclose(page);
	fclose(out);
}

/* ---------------------------------------------------------------- completion */

/* Does the branch of the command hold the word? */
static bool
branch_has(const char *text, const char *command, const char *word)
{
	char begin[TERM_SIZE], wanted[TERM_SIZE];
	const char *branch, *found, *end;

	snprintf(begin, sizeof(begin), "\n\t%s) words='", command);
	snprintf(wanted, sizeof(wanted), " %s", word);
	branch = strstr(text, begin);
	if (branch == NULL)
		fail_msg("the completion knows no %s", command);
	branch += strlen(begin);
	end = strchr(branch, '\'');
	for (found = branch; (found = strstr(found, wanted)) != NULL && found < end; found++)
		if (strchr(" '", found[strlen(wanted)]) != NULL)
			return true;
	return false;
}

static void
completion_has_every_command_and_its_options(void **state)
{
	char *text = page_of("scripts/completion/isekai-publisher.bash"), word[TERM_SIZE];

	(void)state;
	for (size_t i = 1; i < command_row_count; i++) {
		const struct command_row *row = &command_rows[i];

		if (row->letter != 0)
			continue;
		assert_true(branch_has(text, "''", row->word));
		for (int j = 0; j < OPTION_COUNT; j++) {
			snprintf(word, sizeof(word), "--%s", option_rows[j].name);
			assert_int_equal(branch_has(text, row->word, word),
					 (row->options & 1U << j) != 0);
		}
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_has_one_row_with_its_words),
		cmocka_unit_test(every_option_has_its_words_and_a_command),
		cmocka_unit_test(every_exit_status_and_signal_has_its_words),
		cmocka_unit_test(help_fits_a_terminal),
		cmocka_unit_test(help_says_every_command_exit_status_and_signal),
		cmocka_unit_test(help_of_a_command_says_its_options_and_exit_statuses),
		cmocka_unit_test(manual_says_every_command),
		cmocka_unit_test(manual_says_every_option_exit_status_and_signal),
		cmocka_unit_test(manual_says_every_setting),
		cmocka_unit_test(a_part_that_there_is_not_is_refused),
		cmocka_unit_test(completion_has_every_command_and_its_options),
	};

	return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
