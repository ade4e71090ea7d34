#ifndef WORKER_EXPLAIN_WORDS_H
#define WORKER_EXPLAIN_WORDS_H
/*
 * words.h - times, spans and texts of others, as people read them.     [explain command]
 *
 * Pure.
 */
#include <stddef.h>
#include <stdint.h>

#define WORDS_SPAN_SIZE 32
#define WORDS_WHEN_SIZE 96

/* "340 ms", "12 s", "3 min 12 s", "2 h 5 min", "3 d 4 h"; without its sign. Returns out. */
const char *words_span(int64_t ms, char out[WORDS_SPAN_SIZE]);

/* "2026-11-30T20:15:00.000Z (in 3 min 12 s)", "... (2 min 0 s ago)". Returns out. */
const char *words_when(int64_t at_ms, int64_t now_ms, char out[WORDS_WHEN_SIZE]);

/*
 * A text of others made harmless: valid UTF-8 in one line, without anything that a terminal or a
 * page obeys (control characters, marks of writing direction), which stands as \uXXXX. Cut with
 * "..." if it is too long. Returns out.
 */
const char *words_clean(char *out, size_t size, const char *text);

#endif
