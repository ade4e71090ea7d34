/*
 * config_ini.c - the settings in an INI file.                          [every process]
 *
 * inih does the parsing. It cuts a line that does not fit its buffer (200 bytes in Debian) and
 * takes the rest for another one, takes an indented line for more of the last value, and reports
 * only the first line that is wrong; hence it is fed line by line, by a reader that looks at each
 * line first and hands on good ones only.
 */
#include "common/config_ini.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "common/config_file.h"
#include "common/config_table.h"

#define FILE_LIMIT ((size_t)1024 * 1024)

struct reader {
	const char *path;
	const char *at, *end; /* what was not handed on yet */
	unsigned int line;
	char section[CONFIG_NAME_SIZE];
	unsigned int
		unknown_line; /* of the heading of an unknown section without a key so far; or 0 */
	config_ini_setting *take;
	void *context;
	struct config_errors *errors;
};

/* A line without blanks around it. */
struct piece {
	const char *at;
	size_t size;
};

static struct piece
trim(const char *from, const char *to)
{
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	return (struct piece){from, (size_t)(to - from)};
}

static void
report_unknown_section(struct reader *reader)
{
	const char *nearest;

	if (reader->unknown_line == 0)
		return;
	nearest = config_section_nearest(reader->section);
	if (nearest == NULL)
		config_errors_add(reader->errors, "[%s]: no such section (%s line %u)",
				  reader->section, reader->path, reader->unknown_line);
	else
		config_errors_add(reader->errors,
				  "[%s]: no such section; did you mean [%s]? (%s line %u)",
				  reader->section, nearest, reader->path, reader->unknown_line);
	reader->unknown_line = 0;
}

static bool
check_heading(struct reader *reader, struct piece line)
{
	const char *end = memchr(line.at, ']', line.size);

	if (end == NULL) {
		config_errors_add(reader->errors, "%s line %u: a [ without its ]", reader->path,
				  reader->line);
		return false;
	}
	report_unknown_section(reader);
	snprintf(reader->section, sizeof(reader->section), "%.*s", (int)(end - line.at - 1),
		 line.at + 1);
	if (!config_section_known(reader->section))
		reader->unknown_line = reader->line;
	return true;
}

/* The name before the first = or :, for a message. */
static struct piece
name_of(struct piece line)
{
	size_t size = 0;

	while (size < line.size && line.at[size] != '=' && line.at[size] != ':')
		size++;
	return trim(line.at, line.at + (size < line.size ? size : 0));
}

static void
refuse_long(struct reader *reader, const char *name, size_t longest)
{
	config_errors_add(
		reader->errors,
		"[%s] %s: the line is longer than the %zu bytes the parser takes; put the "
		"value in a file (%s_file = /path) or in the environment (%s line %u)",
		reader->section, name, longest, name, reader->path, reader->line);
	reader->unknown_line = 0; /* a key of its section, after all */
	reader->take(reader->context, reader->section, name, NULL, reader->line);
}

static bool
check_setting(struct reader *reader, struct piece line, size_t longest)
{
	struct piece piece = name_of(line);
	char name[CONFIG_NAME_SIZE];

	if (piece.size == 0) {
		config_errors_add(reader->errors,
				  "%s line %u: neither a comment, nor [section], nor key = value",
				  reader->path, reader->line);
		return false;
	}
	if (line.size <= longest)
		return true;
	snprintf(name, sizeof(name), "%.*s", (int)(piece.size < 60 ? piece.size : 60), piece.at);
	refuse_long(reader, name, longest);
	return false;
}

/* May the parser have this line? */
static bool
check_line(struct reader *reader, struct piece line, size_t longest)
{
	if (line.size == 0 || *line.at == ';' || *line.at == '#')
		return false;
	if (memchr(line.at, '\0', line.size) != NULL) {
		config_errors_add(reader->errors, "%s line %u: holds a NUL byte", reader->path,
				  reader->line);
		return false;
	}
	if (*line.at == '[') {
		if (line.size <= longest)
			return check_heading(reader, line);
		config_errors_add(reader->errors, "%s line %u: a heading of more than %zu bytes",
				  reader->path, reader->line, longest);
		return false;
	}
	return check_setting(reader, line, longest);
}

/* What inih calls instead of fgets(): one line a call; a line that it may not have becomes an empty
 * one. */
static char *
read_line(char *out, int out_size, void *stream)
{
	struct reader *reader = stream;
	const char *newline;
	struct piece line;

	if (reader->at >= reader->end || out_size < 4)
		return NULL;
	newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	line = trim(reader->at, newline == NULL ? reader->end : newline);
	reader->at = newline == NULL ? reader->end : newline + 1;
	reader->line++;
	if (!check_line(reader, line, (size_t)out_size - 3))
		line.size = 0;
	memcpy(out, line.at, line.size);
	memcpy(out + line.size, "\n", 2);
	return out;
}

static int
hand_on(void *user, const char *section, const char *key, const char *value)
{
	struct reader *reader = user;

	reader->unknown_line = 0;
	reader->take(reader->context, section, key, value, reader->line);
	return 1;
}

bool
config_ini_read(const char *path, config_ini_setting *take, void *context,
		struct config_errors *errors)
{
	static const char byte_order_mark[] = "\xEF\xBB\xBF";
	struct reader reader = {.path = path, .take = take, .context = context, .errors = errors};
	struct config_file file;
	struct failure why;
	size_t errors_before;
	int wrong_line;

	if (!config_file_read(path, FILE_LIMIT, &file, &why)) {
		config_errors_add(errors, "%s: %s", path, why.message);
		return false;
	}
	reader.at = file.text;
	reader.end = file.text + file.size;
	if (file.size >= 3 && memcmp(file.text, byte_order_mark, 3) == 0)
		reader.at += 3;
	errors_before = errors->count;
	/* ini_parse_stream() hands its stream to the reader and its user to the handler: both are
	 * ours. */
	wrong_line = ini_parse_stream(read_line, &reader, hand_on, &reader);
	report_unknown_section(&reader);
	if (wrong_line > 0 && errors->count == errors_before)
		config_errors_add(errors,
				  "%s line %d: neither a comment, nor [section], nor key = value",
				  path, wrong_line);
	if (wrong_line < 0)
		config_errors_add(errors, "%s: out of memory", path);
	config_file_free(&file);
	return true;
}
