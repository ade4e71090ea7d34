#ifndef SUPERVISOR_HELP_H
#define SUPERVISOR_HELP_H
/*
 * help.h - the words of the command line, for a terminal.              [supervisor]
 */
#include <stdio.h>

#include "supervisor/commands.h"

/* No line of help is longer than so many characters: a terminal of 80 columns wraps none. */
#define HELP_COLUMNS 79

/* What the command does, its options and exit statuses; about COMMAND_RUN: all there is. */
void help_print(FILE *out, enum command about);

/* "isekai-publisher explain [-c FILE] [--json] ID": into out (size bytes), cut if it is too long.
 */
void help_synopsis(char *out, size_t size, const struct command_row *row);

/* "--ledger URL", "-c, --config FILE"; "-t, --test", "explain ID": the same. */
void help_option_name(char *out, size_t size, const struct option_row *row);
void help_command_name(char *out, size_t size, const struct command_row *row);

#endif
