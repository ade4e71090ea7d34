/*
 * words.c - times, spans and texts of others, as people read them.     [explain command]
 */
#include "worker/explain/words.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#define ELLIPSIS "..."

const char *
words_span(int64_t ms, char out[WORDS_SPAN_SIZE])
{
	if (ms < 0)
		ms = ms == INT64_MIN ? INT64_MAX : -ms;
	if (ms < SECOND_MS)
		snprintf(out, WORDS_SPAN_SIZE, "%" PRId64 " ms", ms);
	else if (ms < MINUTE_MS)
		snprintf(out, WORDS_SPAN_SIZE, "%" PRId64 " s", ms / SECOND_MS);
	else if (ms < HOUR_MS)
		snprintf(out, WORDS_SPAN_SIZE, "%" PRId64 " min %" PRId64 " s", ms / MINUTE_MS,
			 ms % MINUTE_MS / SECOND_MS);
	else if (ms < DAY_MS)
		snprintf(out, WORDS_SPAN_SIZE, "%" PRId64 " h %" PRId64 " min", ms / HOUR_MS,
			 ms % HOUR_MS / MINUTE_MS);
	else
		snprintf(out, WORDS_SPAN_SIZE, "%" PRId64 " d %" PRId64 " h", ms / DAY_MS,
			 ms % DAY_MS / HOUR_MS);
	return out;
}

const char *
words_when(int64_t at_ms, int64_t now_ms, char out[WORDS_WHEN_SIZE])
{
	char iso[CLOCK_ISO_SIZE], span[WORDS_SPAN_SIZE];
	bool later = at_ms > now_ms;

	words_span(later ? at_ms - now_ms : now_ms - at_ms, span);
	snprintf(out, WORDS_WHEN_SIZE, "%s (%s%s%s)", clock_iso(at_ms, iso), later ? "in " : "",
		 span, later ? "" : " ago");
	return out;
}

/* ---- texts of others ---- */

/* Of a valid character. */
static unsigned
code_of(const char *bytes, size_t size)
{
	static const unsigned char first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	unsigned code = (unsigned char)bytes[0] & first_bits[size];

	for (size_t i = 1; i < size; i++)
		code = code << 6 | ((unsigned char)bytes[i] & 0x3F);
	return code;
}

/* Control characters, separators of lines, and what turns the writing direction of what follows. */
static bool
is_obeyed(unsigned code)
{
	return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x061C || code == 0x200E ||
	       code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

/* One character of text as it may stand; gives how many bytes of text it took. */
static size_t
clean_character(const char *text, char out[8])
{
	size_t size = text_utf8_size(text, strnlen(text, 4));

	if (size == 0) {
		snprintf(out, 8, "\xEF\xBF\xBD");
		return 1;
	}
	if (is_obeyed(code_of(text, size)))
		snprintf(out, 8, "\\u%04x", code_of(text, size) & 0xFFFFU);
	else
		snprintf(out, 8, "%.*s", (int)size, text);
	return size;
}

const char *
words_clean(char *out, size_t size, const char *text)
{
	size_t used = 0, room = size - sizeof(ELLIPSIS), end = 0;
	char one[8];

	out[0] = '\0';
	while (*text != '\0') {
		size_t taken = clean_character(text, one), length = strlen(one);

		/* Where the whole rest does not fit, it ends after the last that leaves room for
		 * the mark. */
		if (used + length >= size) {
			memcpy(out + end, ELLIPSIS, sizeof(ELLIPSIS));
			break;
		}
		memcpy(out + used, one, length + 1);
		used += length;
		if (used <= room)
			end = used;
		text += taken;
	}
	return out;
}
