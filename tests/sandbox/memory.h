#ifndef SANDBOX_MEMORY_H
#define SANDBOX_MEMORY_H
/*
 * memory.h - memory that is there, or the sandbox ends.                [sandbox]
 *
 * A test instrument that goes on with half of its evidence is worse than none: every allocation
 * either succeeds or ends the program with a message (exit 71). cJSON and libevent are put on the
 * same footing by memory_install(), so their results need no check for lack of memory.
 */
#include <stdbool.h>
#include <stddef.h>

/* Makes cJSON and libevent allocate through this module. To be called first. */
void memory_install(void);

/* Never NULL. Zeroed. Free with free(). */
void *memory_alloc(size_t size);

/* As realloc(), never NULL. */
void *memory_grow(void *old, size_t size);

/* Copies; NULL stays NULL. */
char *memory_text(const char *text);
char *memory_text_n(const char *text, size_t length);

/* A printf-style text of its own. */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replaces *slot (freed) by a copy of text. */
void memory_replace(char **slot, const char *text);

/*
 * Bytes that grow up to a limit. `data` is always followed by a NUL that `length` does not count,
 * and is never NULL after buffer_init().
 */
struct buffer {
	char *data;
	size_t length;
	size_t capacity;
	size_t limit;
};

void buffer_init(struct buffer *buffer, size_t limit);
void buffer_free(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);

/* Appends. False, and nothing appended, if the limit would be passed. */
bool buffer_add(struct buffer *buffer, const void *data, size_t length);
bool buffer_add_text(struct buffer *buffer, const char *text);
bool buffer_add_format(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Hands the text over to the caller; the buffer is empty afterwards. Free with free(). */
char *buffer_take(struct buffer *buffer);

#endif
