#ifndef SANDBOX_TEXT_H
#define SANDBOX_TEXT_H
/*
 * text.h - small questions about texts, and the two clocks.            [sandbox]
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* "*" stands for any run of characters ("/" too), "?" for one. */
bool text_glob(const char *pattern, const char *text);

/*
 * Appends the decoded text. A "%" without two hex digits stays as it is and makes the result false;
 * with `plus_is_blank`, "+" becomes a blank (forms).
 */
bool text_percent_decode(struct buffer *out, const char *text, size_t length, bool plus_is_blank);

/* Appends with everything but A-Z a-z 0-9 - . _ ~ (and "/" if kept) as %XX, upper-case hex. */
void text_percent_encode(struct buffer *out, const char *text, size_t length, bool keep_slash);

/* The number of code points. False if the text is not well-formed UTF-8 (RFC 3629). */
bool text_utf8_length(const char *text, size_t *count);

/* A copy in which everything that is not UTF-8 became U+FFFD. Free with free(). */
char *text_clean(const char *text);

/* 8-4-4-4-12 hex digits, either case. */
bool text_is_uuid(const char *text);

/* Decimal digits only, with an optional "-", no blanks, no overflow. */
bool text_parse_integer(const char *text, int64_t *value);

/* true, false, 1, 0 (deviantart-api.md 4). */
bool text_parse_bool(const char *text, bool *value);

/* Lower-case hex of `size` bytes into out[2 * size + 1]. */
void text_hex(char *out, const unsigned char *bytes, size_t size);

/* "Sunset-over-the-sea": what a title becomes in a post's URL. Free with free(). */
char *text_slug(const char *title);

/* "1.4 MB": deviation/metadata tells sizes to people, not to programs. Free with free(). */
char *text_human_size(uint64_t size_bytes);

/* Random text: an upper-case UUID; an opaque token of 40 hex digits. Free with free(). */
char *text_new_uuid(void);
char *text_new_token(void);

/* Wall clock, ms since 1970: what the ledger tells. Monotonic: what windows and benchmarks are
 * measured by. */
int64_t text_now_ms(void);
int64_t text_monotonic_ms(void);
int64_t text_monotonic_us(void);

#endif
