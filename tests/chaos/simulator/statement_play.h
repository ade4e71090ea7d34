#ifndef TESTS_CHAOS_SIMULATOR_STATEMENT_PLAY_H
#define TESTS_CHAOS_SIMULATOR_STATEMENT_PLAY_H
/*
 * statement_play.h - statements in any order, for the mirror.            [simulator]
 *
 * A history asks what the program asks. Here each statement of worker/sql/ comes at rows in states
 * that few histories or none bring about, and with every kind of value.
 */
#include <stdint.h>

void statement_play(uint64_t seed);

#endif
