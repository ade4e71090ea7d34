/*
 * memory.c - memory that is there, or the sandbox ends.                [sandbox]
 */
#include "tests/sandbox/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cjson/cJSON.h>
#include <event2/event.h>

static void
out_of_memory(void)
{
	fputs("deviantart-sandbox: out of memory\n", stderr);
	exit(EX_OSERR);
}

static void *
allocate(size_t size)
{
	void *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		out_of_memory();
	return memory;
}

static void
release(void *memory)
{
	free(memory);
}

void
memory_install(void)
{
	cJSON_Hooks hooks = {.malloc_fn = allocate, .free_fn = release};

	cJSON_InitHooks(&hooks);
	event_set_mem_functions(allocate, memory_grow, release);
}

void *
memory_alloc(size_t size)
{
	void *memory = allocate(size);

	memset(memory, 0, size);
	return memory;
}

void *
memory_grow(void *old, size_t size)
{
	void *memory = realloc(old, size > 0 ? size : 1);

	if (memory == NULL)
		out_of_memory();
	return memory;
}

char *
memory_text(const char *text)
{
	return text != NULL ? memory_text_n(text, strlen(text)) : NULL;
}

char *
memory_text_n(const char *text, size_t length)
{
	char *copy = allocate(length + 1);

	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

__attribute__((format(printf, 1, 0))) static char *
format_text(const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		out_of_memory();
	return text;
}

char *
memory_format(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = format_text(format, arguments);
	va_end(arguments);
	return text;
}

void
memory_replace(char **slot, const char *text)
{
	char *copy = memory_text(text);

	free(*slot);
	*slot = copy;
}

void
buffer_init(struct buffer *buffer, size_t limit)
{
	buffer->length = 0;
	buffer->limit = limit;
	buffer->capacity = 64;
	buffer->data = memory_alloc(buffer->capacity);
}

void
buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}

void
buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->data[0] = '\0';
}

bool
buffer_add(struct buffer *buffer, const void *data, size_t length)
{
	size_t capacity = buffer->capacity;

	if (length > buffer->limit || buffer->length > buffer->limit - length)
		return false;
	while (capacity < buffer->length + length + 1)
		capacity *= 2;
	if (capacity != buffer->capacity) {
		buffer->data = memory_grow(buffer->data, capacity);
		buffer->capacity = capacity;
	}
	if (length > 0)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
	return true;
}

bool
buffer_add_text(struct buffer *buffer, const char *text)
{
	return buffer_add(buffer, text, strlen(text));
}

bool
buffer_add_format(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	char *text;
	bool fits;

	va_start(arguments, format);
	text = format_text(format, arguments);
	va_end(arguments);
	fits = buffer_add_text(buffer, text);
	free(text);
	return fits;
}

char *
buffer_take(struct buffer *buffer)
{
	char *text = buffer->data;
	size_t limit = buffer->limit;

	buffer_init(buffer, limit);
	return text;
}
