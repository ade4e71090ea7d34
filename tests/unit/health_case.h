#ifndef TESTS_UNIT_HEALTH_CASE_H
#define TESTS_UNIT_HEALTH_CASE_H
/*
 * health_case.h - a pool as its health listener sees it, and what is written of it.
 */
#include "health/answer.h"
#include "health/view.h"

#define NOW_MS  3605000
#define WALL_MS 1765238400000 /* 2025-12-09T00:00:00.000Z */

/* What a test changes before it looks; and where what is written stands, up to its zero. */
extern struct health_view view;
extern char room[ANSWER_BODY_SIZE];

/* A set-up: the view of a pool of five at work, as service.md's examples show it. */
int serving(void **state);

/* What a page writes of the view, which is judged first; in `room`. */
const char *rendered(void (*render)(struct page *page, const struct health_view *view));
/* Judges the view: it must not be ready, and say so. */
void assert_not_ready(const char *error);

#endif
