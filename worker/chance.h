#ifndef WORKER_CHANCE_H
#define WORKER_CHANCE_H
/*
 * chance.h - jitter.                                                    [worker, dispatcher]
 *
 * getrandom(2), so that forked processes never share a sequence. Not for secrets that must be kept
 * for years, but good enough for them.
 */
#include <stdint.h>

/* 0 .. limit - 1; 0 for limit 0. */
uint32_t chance_below(uint32_t limit);

/* A wait of ours: ms +- 20 %, at least 1. */
int64_t chance_around(int64_t ms);

/* A wait that somebody asked for: ms to ms + 20 %, never less. */
int64_t chance_later(int64_t ms);

#endif
