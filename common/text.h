#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H
/*
 * text.h - UTF-8 that may be broken, and JSON strings made from it.    [every process]
 *
 * Titles, answers of servers and file names come as they come. What leaves us is valid UTF-8 (RFC
 * 3629: no surrogates, nothing overlong, nothing above U+10FFFF): a byte that cannot stand becomes
 * U+FFFD. Nothing here reads further into a text than it writes out, so a text of a megabyte costs
 * no more than what is kept of it.
 */
#include <stdbool.h>
#include <stddef.h>

/* Length in bytes (1..4) of the character at text, of which at most size bytes may be read; 0 if
 * invalid. */
size_t text_utf8_size(const char *text, size_t size);

/* Is the whole terminated text valid UTF-8? */
bool text_utf8_valid(const char *text);

/* Frees a text that held a secret, overwritten first. NULL is fine. */
void text_free_secret(char *text);

/*
 * Copies text into out (size bytes, at least 1), repaired, cut between two characters if it is too
 * long, always terminated. The two must not overlap. Returns the length without the NUL.
 */
size_t text_copy(char *out, size_t size, const char *text);

/* Bytes of the longest prefix of text of at most `characters` code points (a broken byte counts as
 * one). */
size_t text_prefix_size(const char *text, size_t characters);

/*
 * Writes text into out (size bytes, at least 1) as the inside of a JSON string, without its quotes
 * (RFC 8259, 7), repaired and terminated. Besides what JSON asks for, U+007F to U+009F, U+2028 and
 * U+2029 are escaped, which terminals and JavaScript take for control characters. Cut between two
 * characters, never inside an escape, if it is too long; *cut (may be NULL) tells. Returns the
 * length without the NUL.
 */
size_t text_json_escape(char *out, size_t size, const char *text, bool *cut);

#endif
