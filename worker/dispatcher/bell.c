/*
 * bell.c - the dispatcher's ear at the queue: marker in, turns out.      [dispatcher]
 */
#include "worker/dispatcher/bell.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "common/scoreboard.h"
#include "worker/turn.h"

#define CONNECT_MS 1500
#define LISTEN_S                                                                                   \
	"5" /* a marker that a neighbour took and lost is made good by a look after this           \
	     */
#define LISTEN_DEAD_MS   13000
#define LOOK_EVERY_MS    5000
#define SHUT_LOOK_MS     1000 /* paused or at its concurrency: the slow timer beside the marker */
#define PATIENCE_MS      5
#define PATIENCE_MOST_MS 1000

void
bell_init(struct bell *bell)
{
	*bell = (struct bell){.look = true, .patience_ms = PATIENCE_MS};
}

void
bell_reset(struct bell *bell, struct desk *desk)
{
	redis_close(desk->marker);
	bell_init(bell);
}

int
bell_fd(const struct bell *bell, const struct desk *desk)
{
	return bell->listening ? redis_fd(desk->marker) : -1;
}

int64_t
bell_next_ms(const struct bell *bell)
{
	int64_t next_ms = bell->again_ms;

	if (bell->due_ms != 0 && bell->due_ms < next_ms)
		next_ms = bell->due_ms;
	if (bell->turns_out > 0 && bell->turns_at_ms + bell->patience_ms < next_ms)
		next_ms = bell->turns_at_ms + bell->patience_ms;
	if (bell->look)
		next_ms = 0; /* a marker was taken that nobody else hears any more */
	/* A limit that is shut lets nothing through, whatever is due. */
	return next_ms > bell->shut_until_ms ? next_ms : bell->shut_until_ms;
}

/* BZPOPMIN's answer: key, member, score. Member "1" tells when the earliest delayed job is due
 * (6.1), its score may have a fraction. */
static void
hear(struct bell *bell, const redisReply *reply)
{
	double due_wall_ms;
	int64_t due_ms;

	bell->look = true;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
	    reply->element[1]->type != REDIS_REPLY_STRING ||
	    reply->element[2]->type != REDIS_REPLY_STRING ||
	    strcmp(reply->element[1]->str, "1") != 0)
		return;
	due_wall_ms = strtod(reply->element[2]->str, NULL);
	if (!(due_wall_ms > 0 && due_wall_ms <= 1e14)) /* anybody may write a score, "inf" too */
		return;
	due_ms = clock_mono_ms() + (int64_t)due_wall_ms - clock_wall_ms();
	if (due_ms <= clock_mono_ms())
		return;
	/* Not due yet: remembered, and looked at once, since clocks may differ and the look tells
	 * it by Redis' own. */
	if (bell->due_ms == 0 || due_ms < bell->due_ms)
		bell->due_ms = due_ms;
}

static bool
listen(struct bell *bell, struct desk *desk, struct failure *why)
{
	const char *const argv[] = {"BZPOPMIN", queue_marker_key(desk->queue), LISTEN_S};

	if (!redis_connect(desk->marker, CONNECT_MS, why) ||
	    !redis_begin(desk->marker, why, 3, argv, NULL))
		return false;
	bell->listening = true;
	bell->listen_dead_ms = clock_mono_ms() + LISTEN_DEAD_MS;
	return true;
}

static bool
take_answer(struct bell *bell, struct desk *desk, struct failure *why)
{
	struct redisReply *reply = NULL;

	if (!bell->listening)
		return true;
	switch (redis_wait(desk->marker, 0, &reply, why)) {
	case REDIS_REPLY_READY:
		bell->listening = false;
		hear(bell, reply);
		redis_reply_free(reply);
		return true;
	case REDIS_FAILED:
		bell->listening = false;
		return false;
	case REDIS_WAITING:
	case REDIS_WOKEN:
	default:
		return true;
	}
}

/* Turns that were pushed a moment ago and whose workers have not claimed yet. */
static int
turns_under_way(struct bell *bell)
{
	if (clock_mono_ms() - bell->turns_at_ms >= bell->patience_ms)
		bell->turns_out = 0;
	return bell->turns_out;
}

static bool
push(struct bell *bell, struct desk *desk, int64_t backlog, int free_workers, struct failure *why)
{
	int turns = (int)(backlog < free_workers ? backlog : free_workers);

	if (turns > TURN_PUSH_MOST)
		turns = TURN_PUSH_MOST;
	if (turns > 0) {
		if (!turn_push(desk->redis, desk->queue, desk->child->instance, turns, why))
			return false;
		scoreboard_count(desk->board, SCOREBOARD_DISPATCHER, COUNTER_TURNS,
				 (uint64_t)turns);
		/* The same work still there: somebody claims it and cannot keep it; it is not
		 * offered at full speed. */
		bell->patience_ms =
			backlog >= bell->last_backlog && bell->last_backlog > 0
				? (bell->patience_ms * 2 < PATIENCE_MOST_MS ? bell->patience_ms * 2
									    : PATIENCE_MOST_MS)
				: PATIENCE_MS;
		bell->turns_out += turns;
		bell->turns_at_ms = clock_mono_ms();
	} else if (backlog == 0) {
		bell->patience_ms = PATIENCE_MS;
	}
	bell->last_backlog = backlog;
	/* More than our idle workers can take: neighbours have to hear of it. */
	return backlog <= turns || queue_leave_marker(desk->queue, why);
}

/* Looks at the queue; promotion of what is due comes with it. */
static bool
look(struct bell *bell, struct desk *desk, int idle, struct failure *why)
{
	struct queue_look seen;
	int64_t now_ms, backlog;
	int free_workers = idle - turns_under_way(bell);

	if (!queue_look(desk->queue, &seen, why))
		return false;
	now_ms = clock_mono_ms();
	bell->look = false;
	desk->queue_full = seen.maxed;
	desk->queue_limited_until_wall_ms =
		seen.limited_ms > 0 ? clock_wall_ms() + seen.limited_ms : 0;
	bell->due_ms = seen.next_due_ms > 0 ? now_ms + seen.next_due_ms - seen.now_ms : 0;
	if (bell->due_ms != 0 && bell->due_ms <= now_ms)
		bell->due_ms = now_ms + 1;
	bell->shut_until_ms = seen.limited_ms > 0 ? now_ms + seen.limited_ms : 0;
	bell->again_ms = now_ms + LOOK_EVERY_MS;
	if (seen.paused || seen.maxed || seen.limited_ms > 0) {
		if (seen.waiting + seen.prioritized > 0)
			bell->again_ms = now_ms + SHUT_LOOK_MS;
		bell->turns_out = 0;
		return true;
	}
	backlog = seen.waiting + seen.prioritized;
	if (seen.room >= 0 && backlog > seen.room)
		backlog = seen.room;
	return push(bell, desk, backlog, free_workers > 0 ? free_workers : 0, why);
}

bool
bell_tend(struct bell *bell, struct desk *desk, struct failure *why)
{
	int idle;

	if (!take_answer(bell, desk, why))
		return false;
	if (bell->listening && clock_mono_ms() >= bell->listen_dead_ms) {
		redis_close(desk->marker);
		bell->listening = false;
		bell->look = true;
	}
	idle = scoreboard_idle(desk->board, SCOREBOARD_SLOTS);
	scoreboard_dispatcher_parked(desk->board, idle == 0);
	/* A worker that became idle between the two lines above saw "not parked": the count is
	 * taken once more. */
	if (idle == 0)
		idle = scoreboard_idle(desk->board, SCOREBOARD_SLOTS);
	if (clock_mono_ms() >= bell_next_ms(bell))
		bell->look = true;
	if (bell->look && clock_mono_ms() >= bell->shut_until_ms && !look(bell, desk, idle, why))
		return false;
	if (!bell->listening && idle > turns_under_way(bell) &&
	    clock_mono_ms() >= bell->shut_until_ms)
		/* The wait of no time lets the command leave at once. */
		return listen(bell, desk, why) && take_answer(bell, desk, why);
	return true;
}
