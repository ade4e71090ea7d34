/*
 * scoreboard_held.c, render_held.c, status_held.c: who is held back, from the dispatcher's word to
 * what people read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/scoreboard_held.h"
#include "health/render_held.h"
#include "health/status_held.h"

#define WALL_MS INT64_C(1765238400000) /* 2025-12-09T00:00:00.000Z */

static char room[32768];
static struct health_view view;

/* What was put on a scoreboard, as a member of /status; without its comma. */
static const char *
rendered(const struct scoreboard_held *held)
{
	struct scoreboard *board = scoreboard_new();
	struct page page;

	assert_non_null(board);
	if (held != NULL)
		scoreboard_held_put(board, held);
	view.now_mono_ms = clock_mono_ms();
	view.now_wall_ms = WALL_MS;
	page_init(&page, room, sizeof(room));
	page_print(&page, "{\"status\":\"ready\"");
	render_held(&page, &view, board);
	page_print(&page, "}");
	assert_false(page.full);
	scoreboard_free(board);
	return room;
}

static struct scoreboard_held_user *
add(struct scoreboard_held *held, enum held_by by, const char *id, int64_t until_wall_ms)
{
	struct scoreboard_held_user *user = &held->by[by].users[held->by[by].count++];

	held->by[by].total++;
	snprintf(user->id, sizeof(user->id), "%.63s", id);
	user->until_wall_ms = until_wall_ms;
	return user;
}

static void
assert_text(const struct scoreboard_held *held, const char *expected)
{
	cJSON *json = cJSON_Parse(rendered(held));
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(json);
	assert_non_null(out);
	status_held_text(out, cJSON_GetObjectItem(json, "heldBack"));
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
	cJSON_Delete(json);
}

static void
nobody_is_held_back(void **state)
{
	const struct scoreboard_held held = {.counted_ms = 0};

	(void)state;
	assert_string_equal(rendered(NULL), "{\"status\":\"ready\",\"heldBack\":null}");
	assert_string_equal(
		rendered(&held),
		"{\"status\":\"ready\",\"heldBack\":{\"everybody\":{\"circuit\":\"closed\","
		"\"until\":null,\"forMs\":0,\"isPaused\":false,\"isFull\":false,\"limitedForMs\":0}"
		",\"circuits\":{\"total\":0,\"users\":[]},\"pace\":{\"total\":0,\"users\":[]},"
		"\"logins\":{\"total\":0,\"users\":[]}}}");
	assert_text(NULL, "");
	assert_text(&held, "");
}

static void
each_reason_is_told_with_its_end(void **state)
{
	struct scoreboard_held held = {.application_until_wall_ms = WALL_MS + 240000,
				       .limited_until_wall_ms = WALL_MS + 800,
				       .queue_full = true};

	(void)state;
	add(&held, HELD_BY_CIRCUIT, "u1", WALL_MS + 61000);
	add(&held, HELD_BY_CIRCUIT, "u2", WALL_MS - 1);
	add(&held, HELD_BY_PACE, "u3", WALL_MS + 5000)->posts = 12;
	add(&held, HELD_BY_PACE, "u4", WALL_MS + 600000);
	add(&held, HELD_BY_LOGIN, "u5", 0);
	add(&held, HELD_BY_LOGIN, "u6", WALL_MS + 20000);
	held.by[HELD_BY_PACE].total = 40;
	view.board.queue_paused = true;
	assert_text(&held, "held back  everybody: the application's circuit is open for 4 min 0 s\n"
			   "           everybody: the queue is paused, until it is resumed\n"
			   "           everybody: the queue's rate limit is used up for 0.8 s\n"
			   "           everybody: the queue is at its concurrency\n"
			   "           user u1: circuit open for 1 min 1 s\n"
			   "           user u2: circuit is tried by one post\n"
			   "           user u3: 12 in line for their pace, at most 5.0 s\n"
			   "           user u4: pace, or asked to wait, for 10 min 0 s\n"
			   "           and 38 more so\n"
			   "           user u5: login dead, until he connects again\n"
			   "           user u6: login is being refreshed\n");
	view.board.queue_paused = false;
	held = (struct scoreboard_held){.application_until_wall_ms = WALL_MS - 5};
	assert_text(&held,
		    "held back  everybody: the application's circuit is tried by one post\n");
}

static void
only_the_worst_are_named_and_their_ids_are_harmless(void **state)
{
	struct scoreboard_held held = {.counted_ms = 0};
	char *text;

	(void)state;
	for (int by = 0; by < HELD_BY_COUNT; by++)
		for (int i = 0; i < SCOREBOARD_HELD_MOST; i++)
			add(&held, (enum held_by)by,
			    "\x1b[2J\"\\ an id that is much longer than any id that people have, "
			    "and "
			    "longer still",
			    8999999999999999)
				->posts = INT64_MAX;
	held.by[HELD_BY_CIRCUIT].total = 100000;
	text = strdup(rendered(&held));
	assert_non_null(text);
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "\"total\":100000"));
	free(text);
}

/* A dispatcher that is gone for long does not tell any more who is held back. */
static void
an_old_word_is_not_told(void **state)
{
	const struct scoreboard_held held = {.queue_full = true};
	struct scoreboard *board = scoreboard_new();
	struct page page;

	(void)state;
	assert_non_null(board);
	scoreboard_held_put(board, &held);
	view.now_mono_ms = clock_mono_ms() + HEALTH_CIRCUITS_MAX_AGE_MS + 1000;
	page_init(&page, room, sizeof(room));
	render_held(&page, &view, board);
	assert_string_equal(room, ",\"heldBack\":null");
	scoreboard_free(board);
}

static void
of_another_version_nothing_is_expected(void **state)
{
	static const char *const odd[] = {
		"[]",
		"7",
		"{}",
		"{\"everybody\":[]}",
		"{\"circuits\":{\"users\":[7,null,{}]}}",
		"{\"pace\":{\"total\":-1,\"users\":{\"a\":1}},\"logins\":{\"total\":\"x\"}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		cJSON *json = cJSON_Parse(odd[i]);
		FILE *out = fopen("/dev/null", "w");

		assert_non_null(json);
		assert_non_null(out);
		status_held_text(out, json);
		assert_int_equal(fclose(out), 0);
		cJSON_Delete(json);
	}
	status_held_text(stdout, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_held_back),
		cmocka_unit_test(each_reason_is_told_with_its_end),
		cmocka_unit_test(only_the_worst_are_named_and_their_ids_are_harmless),
		cmocka_unit_test(an_old_word_is_not_told),
		cmocka_unit_test(of_another_version_nothing_is_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
