#ifndef TESTS_CHAOS_SIMULATOR_HISTORY_H
#define TESTS_CHAOS_SIMULATOR_HISTORY_H
/*
 * history.h - one history from its first job to the day when all is done.   [simulator]
 */
#include <stdbool.h>
#include <stdint.h>

struct config;

/* Plays the whole history of a seed; a violation does not come back. */
void history_play(uint64_t seed);

/* The settings of this history, with a concurrency of its own; config_free(). */
struct config *history_new_config(void);

/* A new pair of tokens has just left DeviantArt: the moment in which a server should go away. */
void history_at_refresh(const char *user_id);

/* Posts of one artist may bear the same title. */
bool history_has_twins(void);

#endif
