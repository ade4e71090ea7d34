#ifndef HEALTH_PAGE_H
#define HEALTH_PAGE_H
/*
 * page.h - text of bounded size, composed piece by piece.              [supervisor]
 *
 * The room is the caller's. What does not fit sets `full` and nothing is appended any more: a page
 * that is full must not be sent. Everything shown comes from closed lists and cut texts, so it fits
 * by far; that it does is asserted by the tests.
 */
#include <stdbool.h>
#include <stddef.h>

struct page {
	char *data; /* always terminated */
	size_t size, capacity;
	bool full;
};

/* capacity: at least 1. */
void page_init(struct page *page, char *room, size_t capacity);

void page_print(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* text as a JSON string with its quotes, repaired (text_json_escape); whole or not at all. */
void page_json(struct page *page, const char *text);

#endif
