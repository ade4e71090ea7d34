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
	size_t begun = page->size;
	bool cut;

	page_print(page, "\"");
	if (page->full)
		return;
	page->size +=
		text_json_escape(page->data + page->size, page->capacity - page->size, text, &cut);
	if (!cut)
		page_print(page, "\"");
	page->full = page->full || cut;
	if (page->full) {
		page->size = begun;
		page->data[begun] = '\0';
	}
}
