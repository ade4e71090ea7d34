/*
 * scoreboard_held.c - who is held back, in shared memory.              [dispatcher, supervisor]
 */
#include "common/scoreboard_held.h"

#include <string.h>

#include "common/clock.h"
#include "common/scoreboard_layout.h"
#include "common/seqlock.h"

_Static_assert(SCOREBOARD_HELD_USERS == HELD_BY_COUNT * SCOREBOARD_HELD_MOST &&
		       SCOREBOARD_HELD_KINDS == HELD_BY_COUNT &&
		       HELD_USER_ID_WORDS * 8 == SCOREBOARD_USER_SIZE,
	       "there is room for all of them");

static uint64_t *
user_words(uint64_t *words, int by, int user)
{
	return &words[HELD_WORD_USERS + (by * SCOREBOARD_HELD_MOST + user) * HELD_USER_WORDS];
}

void
scoreboard_held_put(struct scoreboard *board, const struct scoreboard_held *held)
{
	uint64_t words[HELD_WORDS] = {0};

	words[HELD_WORD_COUNTED] = (uint64_t)clock_mono_ms();
	words[HELD_WORD_APPLICATION] = (uint64_t)held->application_until_wall_ms;
	words[HELD_WORD_LIMITED] = (uint64_t)held->limited_until_wall_ms;
	words[HELD_WORD_FULL] = held->queue_full;
	for (int by = 0; by < HELD_BY_COUNT; by++) {
		words[HELD_WORD_TOTALS + 2 * by] = (uint64_t)held->by[by].total;
		words[HELD_WORD_TOTALS + 2 * by + 1] = (uint64_t)held->by[by].count;
		for (int i = 0; i < held->by[by].count && i < SCOREBOARD_HELD_MOST; i++) {
			const struct scoreboard_held_user *user = &held->by[by].users[i];
			uint64_t *to = user_words(words, by, i);

			to[HELD_USER_UNTIL] = (uint64_t)user->until_wall_ms;
			to[HELD_USER_POSTS] = (uint64_t)user->posts;
			scoreboard_words_from_text(&to[HELD_USER_ID], HELD_USER_ID_WORDS, user->id);
		}
	}
	seqlock_write(&board->held_seq, board->held, words, HELD_WORDS);
}

static int64_t
not_negative(uint64_t word)
{
	return word <= INT64_MAX ? (int64_t)word : 0;
}

void
scoreboard_held_read(const struct scoreboard *board, struct scoreboard_held *held)
{
	uint64_t words[HELD_WORDS];

	memset(held, 0, sizeof(*held));
	if (!seqlock_read(&board->held_seq, board->held, words, HELD_WORDS))
		return;
	held->counted_ms = not_negative(words[HELD_WORD_COUNTED]);
	held->application_until_wall_ms = not_negative(words[HELD_WORD_APPLICATION]);
	held->limited_until_wall_ms = not_negative(words[HELD_WORD_LIMITED]);
	held->queue_full = words[HELD_WORD_FULL] != 0;
	for (int by = 0; by < HELD_BY_COUNT; by++) {
		uint64_t count = words[HELD_WORD_TOTALS + 2 * by + 1];

		held->by[by].total = not_negative(words[HELD_WORD_TOTALS + 2 * by]);
		held->by[by].count =
			count <= SCOREBOARD_HELD_MOST ? (int)count : SCOREBOARD_HELD_MOST;
		for (int i = 0; i < held->by[by].count; i++) {
			const uint64_t *from = user_words(words, by, i);
			struct scoreboard_held_user *user = &held->by[by].users[i];

			user->until_wall_ms = not_negative(from[HELD_USER_UNTIL]);
			user->posts = not_negative(from[HELD_USER_POSTS]);
			scoreboard_text_from_words(user->id, sizeof(user->id), &from[HELD_USER_ID]);
		}
	}
}
