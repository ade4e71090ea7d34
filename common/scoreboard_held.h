#ifndef COMMON_SCOREBOARD_HELD_H
#define COMMON_SCOREBOARD_HELD_H
/*
 * scoreboard_held.h - who is held back, and until when (writer: the dispatcher). [dispatcher,
 * supervisor]
 *
 * Bounded: the users that are held back longest, and how many there are in all. Ids of users only.
 */
#include <stdbool.h>
#include <stdint.h>

struct scoreboard;

#define SCOREBOARD_HELD_MOST 8
#define SCOREBOARD_USER_SIZE 64 /* longer ids are cut for display */

enum held_by {
	HELD_BY_CIRCUIT, /* his circuit is not closed */
	HELD_BY_PACE,    /* posts wait for a place in his line, or because DeviantArt asked to */
	HELD_BY_LOGIN,   /* it is dead, or being refreshed */
	HELD_BY_COUNT
};

struct scoreboard_held_user {
	char id[SCOREBOARD_USER_SIZE];
	int64_t until_wall_ms; /* of a circuit that is tried: the past; of a dead login: 0 */
	int64_t posts;         /* HELD_BY_PACE: that have a place in line */
};

struct scoreboard_held {
	int64_t counted_ms;                /* clock_mono_ms(); 0 = never */
	int64_t application_until_wall_ms; /* everybody's circuit; 0: it is closed */
	int64_t limited_until_wall_ms;     /* the queue's rate limit is shut; 0: it is open */
	bool queue_full;                   /* it is at its concurrency */
	struct {
		int64_t total;
		int count;
		struct scoreboard_held_user users[SCOREBOARD_HELD_MOST];
	} by[HELD_BY_COUNT];
};

/* counted_ms is set to now. */
void scoreboard_held_put(struct scoreboard *board, const struct scoreboard_held *held);
/* All zero where nobody has counted yet, or the words kept changing. */
void scoreboard_held_read(const struct scoreboard *board, struct scoreboard_held *held);

#endif
