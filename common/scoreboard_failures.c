/*
 * scoreboard_failures.c - the latest failures of jobs, for people.      [every process]
 *
 * The one part of the scoreboard with many writers: a place a process for so many texts would be a
 * megabyte. Each teller draws a number and writes into that number's place, without a lock that it
 * could die with. Where one is so slow that the ring has come round meanwhile, two write one place.
 * Invariant: what two have mixed, or one has begun, is not shown: the sum at its end does not
 * agree.
 */
#include "common/scoreboard_failures.h"

#include <limits.h>

#include "common/clock.h"
#include "common/scoreboard_layout.h"

/* Not against malice, only against mixed words: FNV-1a, a word at a time. */
static uint64_t
sum_of(const uint64_t *words)
{
	uint64_t sum = 0xCBF29CE484222325;

	for (size_t i = 0; i < TOLD_WORD_SUM; i++) {
		sum ^= words[i];
		sum *= 0x100000001B3;
		sum ^= sum >> 29;
	}
	return sum;
}

void
scoreboard_tell_failure(struct scoreboard *board, const struct scoreboard_news *news)
{
	uint64_t words[TOLD_WORDS], number;
	_Atomic uint64_t *place;

	if (news->outcome >= FAILURE_OUTCOME_COUNT)
		return;
	number = atomic_fetch_add_explicit(&board->failures_told[news->outcome], 1,
					   memory_order_relaxed) +
		 1;
	words[TOLD_WORD_NUMBER] = number;
	words[TOLD_WORD_AT] = (uint64_t)clock_wall_ms();
	words[TOLD_WORD_CATEGORY] = (uint64_t)news->category;
	words[TOLD_WORD_ATTEMPT] = (uint64_t)news->attempt;
	words[TOLD_WORD_MAX_ATTEMPTS] = (uint64_t)news->max_attempts;
	words[TOLD_WORD_WAIT] = (uint64_t)news->wait_ms;
	scoreboard_words_from_text(&words[TOLD_WORD_ID], ID_WORDS, news->id);
	scoreboard_words_from_text(&words[TOLD_WORD_DEVIATION], ID_WORDS, news->deviation_id);
	scoreboard_words_from_text(&words[TOLD_WORD_TITLE], TITLE_WORDS, news->title);
	scoreboard_words_from_text(&words[TOLD_WORD_USER], USER_WORDS, news->user);
	scoreboard_words_from_text(&words[TOLD_WORD_REASON], TEXT_WORDS, news->reason);
	words[TOLD_WORD_SUM] = sum_of(words);
	place = board->failures[news->outcome][number % SCOREBOARD_FAILURES];
	for (size_t i = 0; i < TOLD_WORDS; i++)
		scoreboard_put(&place[i], words[i]);
}

static int
count_of(uint64_t word)
{
	return word <= INT_MAX ? (int)word : 0;
}

/* False: the failure of that number is not there, or not whole. */
static bool
read_one(const _Atomic uint64_t *place, uint64_t number, struct scoreboard_failure *failure)
{
	uint64_t words[TOLD_WORDS];

	for (size_t i = 0; i < TOLD_WORDS; i++)
		words[i] = atomic_load_explicit(&place[i], memory_order_relaxed);
	if (words[TOLD_WORD_NUMBER] != number || words[TOLD_WORD_SUM] != sum_of(words))
		return false;
	failure->category = words[TOLD_WORD_CATEGORY] < FAILURE_CATEGORY_COUNT
				    ? (enum failure_category)words[TOLD_WORD_CATEGORY]
				    : FAILURE_UNKNOWN;
	failure->at_wall_ms = (int64_t)words[TOLD_WORD_AT];
	failure->attempt = count_of(words[TOLD_WORD_ATTEMPT]);
	failure->max_attempts = count_of(words[TOLD_WORD_MAX_ATTEMPTS]);
	failure->wait_ms = (int64_t)words[TOLD_WORD_WAIT];
	scoreboard_text_from_words(failure->id, SCOREBOARD_ID_SIZE, &words[TOLD_WORD_ID]);
	scoreboard_text_from_words(failure->deviation_id, SCOREBOARD_ID_SIZE,
				   &words[TOLD_WORD_DEVIATION]);
	scoreboard_text_from_words(failure->title, SCOREBOARD_TITLE_SIZE, &words[TOLD_WORD_TITLE]);
	scoreboard_text_from_words(failure->user, SCOREBOARD_NAME_SIZE, &words[TOLD_WORD_USER]);
	scoreboard_text_from_words(failure->reason, SCOREBOARD_TEXT_SIZE, &words[TOLD_WORD_REASON]);
	return true;
}

int
scoreboard_failures(const struct scoreboard *board, enum failure_outcome outcome,
		    struct scoreboard_failure out[SCOREBOARD_FAILURES])
{
	uint64_t told;
	int count = 0;

	if (outcome >= FAILURE_OUTCOME_COUNT)
		return 0;
	told = atomic_load_explicit(&board->failures_told[outcome], memory_order_relaxed);
	for (uint64_t i = 0; i < SCOREBOARD_FAILURES && i < told; i++) {
		uint64_t number = told - i;

		out[count].outcome = outcome;
		if (read_one(board->failures[outcome][number % SCOREBOARD_FAILURES], number,
			     &out[count]))
			count++;
	}
	return count;
}
