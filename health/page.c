/*
 * page.c - text of bounded size, composed piece by piece.              [supervisor]
 */
#include "health/page.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/text.h"

void
page_init(struct page *page, char *room, size_t capacity)
{
	page->data = room;
	page->size = 0;
	page->capacity = capacity;
	page->full = false;
	room[0] = '\0';
}

void
page_print(struct page *page, const char *format, ...)
{
	size_t room = page->capacity - page->size;
	va_list args;
	int size;

	if (page->full)
		return;
	va_start(args, format);
	size = vsnprintf(page->data + page->size, room, format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= room) {
		page->data[page->size] = '\0';
		page->full = true;
		return;
	}
	page->size += (size_t)size;
}

void
page_json(struct page *page, const char *text)
{
	char escaped[1024];

	text_json_escape(escaped, sizeof(escaped), text, NULL);
	page_print(page, "\"%s\"", escaped);
}
