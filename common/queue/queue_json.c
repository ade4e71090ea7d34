/*
 * queue_json.c - is this text JSON?                                    [every process]
 *
 * A checker without recursion: one bit of memory per level says whether it is an object or an
 * array.
 */
#include <limits.h>
#include <string.h>

#include "common/queue/queue_internal.h"

/* Deeper values are refused: V8 takes more, but nobody means more. */
#define DEPTH_MAX 512

struct cursor {
	const char *at;
	int depth;
	unsigned char in_object[DEPTH_MAX / CHAR_BIT];
};

static void
skip_space(struct cursor *in)
{
	in->at += strspn(in->at, " \t\n\r");
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
skip_digits(struct cursor *in)
{
	if (!is_digit(*in->at))
		return false;
	while (is_digit(*in->at))
		in->at++;
	return true;
}

static bool
skip_number(struct cursor *in)
{
	if (*in->at == '-')
		in->at++;
	if (*in->at == '0')
		in->at++;
	else if (!skip_digits(in))
		return false;
	if (*in->at == '.') {
		in->at++;
		if (!skip_digits(in))
			return false;
	}
	if (*in->at == 'e' || *in->at == 'E') {
		in->at++;
		if (*in->at == '+' || *in->at == '-')
			in->at++;
		return skip_digits(in);
	}
	return true;
}

static bool
skip_escape(struct cursor *in)
{
	if (*in->at == 'u') {
		in->at++;
		if (strspn(in->at, "0123456789abcdefABCDEF") < 4)
			return false;
		in->at += 4;
		return true;
	}
	if (*in->at == '\0' || strchr("\"\\/bfnrt", *in->at) == NULL)
		return false;
	in->at++;
	return true;
}

static bool
skip_string(struct cursor *in)
{
	if (*in->at != '"')
		return false;
	for (in->at++; *in->at != '"';) {
		if ((unsigned char)*in->at < 0x20)
			return false;
		if (*in->at++ == '\\' && !skip_escape(in))
			return false;
	}
	in->at++;
	return true;
}

static bool
skip_word(struct cursor *in, const char *word)
{
	size_t size = strlen(word);

	if (strncmp(in->at, word, size) != 0)
		return false;
	in->at += size;
	return true;
}

static bool
skip_scalar(struct cursor *in)
{
	switch (*in->at) {
	case '"':
		return skip_string(in);
	case 't':
		return skip_word(in, "true");
	case 'f':
		return skip_word(in, "false");
	case 'n':
		return skip_word(in, "null");
	default:
		return skip_number(in);
	}
}

static bool
inside_object(const struct cursor *in)
{
	int level = in->depth - 1;

	return (in->in_object[level / CHAR_BIT] >> (level % CHAR_BIT) & 1) != 0;
}

static bool
enter(struct cursor *in, bool object)
{
	unsigned char *byte = &in->in_object[in->depth / CHAR_BIT];
	unsigned int bit = 1U << (in->depth % CHAR_BIT);

	if (in->depth >= DEPTH_MAX)
		return false;
	*byte = (unsigned char)(object ? *byte | bit : *byte & ~bit);
	in->depth++;
	in->at++;
	skip_space(in);
	return true;
}

/* The name and colon in front of an object's member. */
static bool
skip_name(struct cursor *in)
{
	if (!inside_object(in))
		return true;
	if (!skip_string(in))
		return false;
	skip_space(in);
	if (*in->at++ != ':')
		return false;
	skip_space(in);
	return true;
}

/* After a value: closes what ends here, and steps over a comma. *more: another value must follow.
 */
static bool
skip_end(struct cursor *in, bool *more)
{
	for (;;) {
		skip_space(in);
		*more = false;
		if (in->depth == 0)
			return true;
		if (*in->at == ',') {
			in->at++;
			skip_space(in);
			*more = true;
			return skip_name(in);
		}
		if (*in->at != (inside_object(in) ? '}' : ']'))
			return false;
		in->at++;
		in->depth--;
	}
}

bool
queue_json_is_valid(const char *text)
{
	struct cursor in = {.at = text};
	bool more = true;

	skip_space(&in);
	while (more) {
		if (*in.at == '{' || *in.at == '[') {
			char close = *in.at == '{' ? '}' : ']';

			if (in.depth >= DEPTH_MAX || !enter(&in, close == '}'))
				return false;
			if (*in.at != close) {
				if (!skip_name(&in))
					return false;
				continue;
			}
		} else if (!skip_scalar(&in)) {
			return false;
		}
		if (!skip_end(&in, &more))
			return false;
	}
	return *in.at == '\0';
}
