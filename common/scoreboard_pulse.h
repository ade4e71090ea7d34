#ifndef COMMON_SCOREBOARD_PULSE_H
#define COMMON_SCOREBOARD_PULSE_H
/*
 * scoreboard_pulse.h - whether an answer can still come.                [worker, dispatcher]
 *
 * A connection that died without a word (half open) looks like a server that takes its time, and
 * who waits on it cannot tell the two apart. The dispatcher's pulse can give the hint: where it had
 * to connect anew and is answered again, connections from before may have died with its own. What
 * is silent on such a one while the pulse is answered is given up, once: the connection that
 * follows is not from before.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/scoreboard.h"

/* The dispatcher: a question that it asked at asked_ms was answered; renewed_ms: the first that
 * was, after one that was not (0: all were). Both clock_mono_ms(). */
void scoreboard_set_pulse(struct scoreboard *board, enum dependency which, int64_t renewed_ms,
			  int64_t asked_ms);

/* Who began to connect at begun_ms and has heard nothing since since_ms, though it waits for an
 * answer: whether it is to be given up. Both clock_mono_ms(). */
bool scoreboard_waits_in_vain(const struct scoreboard *board, enum dependency which,
			      int64_t begun_ms, int64_t since_ms);

#endif
