#ifndef TESTS_UNIT_FALSE_REDIS_H
#define TESTS_UNIT_FALSE_REDIS_H
/*
 * false_redis.h - a Redis whose scripts answer what a test wants.
 *
 * For a program that is linked with -Wl,--wrap=redis_eval; nothing else of Redis is played.
 */

/* Every script answers this from now on: a reply as it stands on the wire. Borrowed. */
void false_redis_answers(const char *wire);

#endif
