#ifndef WORKER_HTTP_UTF8_H
#define WORKER_HTTP_UTF8_H
/*
 * utf8.h - text that others wrote, character by character.             [worker]
 *
 * Titles, file names and DeviantArt's own words come from outside: nothing here trusts them to be
 * UTF-8, and everything that leaves here is. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_BROKEN UINT32_MAX

/*
 * The character at text[0] (size > 0): returns its length in bytes (1..4) and its code point in
 * *code. A byte that begins no valid, shortest-form character (RFC 3629) counts as one of length 1
 * with the code UTF8_BROKEN.
 */
size_t utf8_next(const char *text, size_t size, uint32_t *code);

/* Writes a code point; returns how many bytes (1..4). Surrogates and what lies past U+10FFFF become
 * U+FFFD. */
size_t utf8_put(uint32_t code, char out[4]);

/* White space that nobody would miss at the ends of a title: ASCII, no-break, ideographic, the
 * U+2000 family. */
bool utf8_is_blank(uint32_t code);
bool utf8_is_control(uint32_t code);

/*
 * Text as one line for people: control characters and runs of blanks become one space, broken bytes
 * '?', ends trimmed, cut at a whole character to fit out_size (> 0) with its NUL.
 */
void utf8_line(char *out, size_t out_size, const char *text, size_t size);

#endif
