/*
 * multipart.c - multipart/form-data, read piece by piece.              [sandbox]
 *
 * The delimiter is CR LF "--" boundary. CR occurs nowhere in it but at its start, so a mismatch
 * never hides the start of another: what matched so far is content, and the byte at hand is looked
 * at anew.
 */
#include "tests/sandbox/multipart.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/memory.h"

#define BOUNDARY_MAX    70
#define PART_HEADER_MAX 8192

enum multipart_state {
	IN_PREAMBLE,
	AFTER_DELIMITER, /* its line: "--" or blanks, up to LF */
	IN_PART_HEADERS,
	IN_CONTENT,
	IN_EPILOGUE,
	IN_ERROR,
};

struct multipart {
	struct multipart_sink sink;
	enum multipart_state state;
	char delimiter[BOUNDARY_MAX + 5]; /* CR LF - - boundary */
	size_t delimiter_length;
	size_t matched;     /* bytes of the delimiter that the input ended with */
	struct buffer line; /* of the delimiter's line and the part's headers */
	char *name;
	char *filename;
	char *content_type;
	const char *error;
};

/*
 * The value of `;parameter=` in a header, unquoted, or NULL. Free with free(). Backslash escapes "
 * and \ only: browsers send file names like C:\a.png with the backslash as it is.
 */
static char *
header_parameter(const char *header, const char *parameter)
{
	size_t wanted = strlen(parameter);
	const char *at = strchr(header, ';');

	while (at != NULL) {
		struct buffer value;
		bool found, quoted;
		char *text;

		at += 1 + strspn(at + 1, " \t");
		found = strncasecmp(at, parameter, wanted) == 0 && at[wanted] == '=';
		at += strcspn(at, "=;");
		if (*at == '\0')
			return NULL;
		if (*at == ';')
			continue;
		quoted = *++at == '"';
		at += quoted;
		buffer_init(&value, PART_HEADER_MAX);
		while (*at != '\0' && (quoted ? *at != '"' : *at != ';')) {
			if (quoted && at[0] == '\\' && (at[1] == '"' || at[1] == '\\'))
				at++;
			(void)buffer_add(&value, at++, 1);
		}
		while (!quoted && value.length > 0 && isblank(value.data[value.length - 1]))
			value.data[--value.length] = '\0';
		text = buffer_take(&value);
		buffer_free(&value);
		if (found)
			return text;
		free(text);
		at = strchr(at, ';');
	}
	return NULL;
}

struct multipart *
multipart_new(const char *content_type, const struct multipart_sink *sink)
{
	static const char type[] = "multipart/form-data";
	struct multipart *multipart = NULL;
	char *boundary = NULL;
	size_t length;

	if (content_type == NULL || strncasecmp(content_type, type, strlen(type)) != 0)
		return NULL;
	boundary = header_parameter(content_type, "boundary");
	length = boundary != NULL ? strlen(boundary) : 0;
	if (length > 0 && length <= BOUNDARY_MAX) {
		multipart = memory_alloc(sizeof(*multipart));
		multipart->sink = *sink;
		memcpy(multipart->delimiter, "\r\n--", 4);
		memcpy(multipart->delimiter + 4, boundary, length);
		multipart->delimiter_length = length + 4;
		multipart->matched = 2; /* the first one needs no line before it */
		buffer_init(&multipart->line, PART_HEADER_MAX);
	}
	free(boundary);
	return multipart;
}

static void
forget_part(struct multipart *multipart)
{
	free(multipart->name);
	free(multipart->filename);
	free(multipart->content_type);
	multipart->name = multipart->filename = multipart->content_type = NULL;
}

void
multipart_free(struct multipart *multipart)
{
	if (multipart == NULL)
		return;
	forget_part(multipart);
	buffer_free(&multipart->line);
	free(multipart);
}

static void
check(struct multipart *multipart, const char *error)
{
	if (error == NULL)
		return;
	multipart->error = error;
	multipart->state = IN_ERROR;
}

static void
content(struct multipart *multipart, const char *data, size_t length)
{
	if (multipart->state == IN_CONTENT && length > 0)
		check(multipart, multipart->sink.data(multipart->sink.context, data, length));
}

static void
delimiter_found(struct multipart *multipart)
{
	multipart->matched = 0;
	if (multipart->state == IN_CONTENT)
		check(multipart, multipart->sink.end(multipart->sink.context));
	forget_part(multipart);
	buffer_clear(&multipart->line);
	if (multipart->state != IN_ERROR)
		multipart->state = AFTER_DELIMITER;
}

/* Content (or preamble) up to the next delimiter or the end of the data. */
static size_t
scan_content(struct multipart *multipart, const char *data, size_t length)
{
	const char *cr;
	size_t run;

	if (multipart->matched == 0) {
		cr = memchr(data, '\r', length);
		run = cr != NULL ? (size_t)(cr - data) : length;
		content(multipart, data, run);
		multipart->matched = cr != NULL;
		return cr != NULL ? run + 1 : run;
	}
	if (data[0] != multipart->delimiter[multipart->matched]) {
		content(multipart, multipart->delimiter, multipart->matched);
		multipart->matched = 0;
		return 0; /* the byte itself may begin a delimiter */
	}
	if (++multipart->matched == multipart->delimiter_length)
		delimiter_found(multipart);
	return 1;
}

static void
delimiter_line(struct multipart *multipart, const char *line)
{
	if (strncmp(line, "--", 2) == 0)
		multipart->state = IN_EPILOGUE;
	else if (line[strspn(line, " \t\r")] != '\0')
		check(multipart, "a multipart boundary is followed by something else");
	else
		multipart->state = IN_PART_HEADERS;
}

static void
part_header_line(struct multipart *multipart, char *line)
{
	char *colon = strchr(line, ':');
	struct multipart_part part;

	if (line[0] == '\0') {
		part.name = multipart->name != NULL ? multipart->name : "";
		part.filename = multipart->filename;
		part.content_type = multipart->content_type;
		multipart->state = IN_CONTENT;
		check(multipart, multipart->sink.begin(multipart->sink.context, &part));
		return;
	}
	if (colon == NULL) {
		check(multipart, "a part's header has no colon");
		return;
	}
	*colon++ = '\0';
	colon += strspn(colon, " \t");
	if (strcasecmp(line, "Content-Disposition") == 0) {
		free(multipart->name);
		free(multipart->filename);
		multipart->name = header_parameter(colon, "name");
		multipart->filename = header_parameter(colon, "filename");
	} else if (strcasecmp(line, "Content-Type") == 0) {
		memory_replace(&multipart->content_type, colon);
	}
}

static size_t
scan_line(struct multipart *multipart, const char *data, size_t length)
{
	const char *newline = memchr(data, '\n', length);
	size_t used = newline != NULL ? (size_t)(newline - data) + 1 : length;
	struct buffer *line = &multipart->line;
	bool last;

	if (!buffer_add(line, data, used)) {
		check(multipart, "a part's headers are too long");
		return used;
	}
	/* "--" after the last boundary needs no line end, and no client owes one. */
	last = multipart->state == AFTER_DELIMITER && line->length >= 2 &&
	       strncmp(line->data, "--", 2) == 0;
	if (newline == NULL && !last)
		return used;
	while (line->length > 0 && strchr("\r\n", line->data[line->length - 1]) != NULL)
		line->data[--line->length] = '\0';
	if (multipart->state == AFTER_DELIMITER)
		delimiter_line(multipart, line->data);
	else
		part_header_line(multipart, line->data);
	buffer_clear(line);
	return used;
}

bool
multipart_feed(struct multipart *multipart, const char *data, size_t length)
{
	while (length > 0 && multipart->state != IN_ERROR && multipart->state != IN_EPILOGUE) {
		bool scanning = multipart->state == IN_PREAMBLE || multipart->state == IN_CONTENT;
		size_t used = scanning ? scan_content(multipart, data, length)
				       : scan_line(multipart, data, length);

		data += used;
		length -= used;
	}
	return multipart->state != IN_ERROR;
}

bool
multipart_finish(struct multipart *multipart)
{
	if (multipart->state != IN_EPILOGUE)
		check(multipart, multipart->error != NULL
					 ? multipart->error
					 : "the body ends before its last boundary");
	return multipart->state == IN_EPILOGUE;
}

const char *
multipart_error(const struct multipart *multipart)
{
	return multipart->error != NULL ? multipart->error : "";
}
