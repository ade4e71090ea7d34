/*
 * dispatcher.c - the one helper process of a pool: moves jobs, never works on them.   [dispatcher]
 *
 * Renews locks, hands back the jobs of the dead, runs BullMQ's stalled check, hears the queue and
 * pushes turns, counts, compares PostgreSQL with Redis. It may be killed at any instruction:
 * everything it does is one script or one statement, repeated by its successor, and workers look by
 * themselves.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "common/scoreboard.h"
#include "worker/dispatcher/bell.h"
#include "worker/dispatcher/census.h"
#include "worker/dispatcher/desk.h"
#include "worker/dispatcher/held.h"
#include "worker/dispatcher/recovery.h"
#include "worker/dispatcher/renewal.h"
#include "worker/dispatcher/sweep.h"
#include "worker/worker.h"

#define BEAT_MS     1000 /* heartbeat: the watchdog believes a dispatcher for 5 s */
#define PROBE_MS    1000 /* of our own connections: a dead one must not hold up a script */
#define ORPHANS_MS  5000
#define CENSUS_MS   1000
#define LOGINS_MS   5000
#define FAREWELL_MS 2000 /* to hand back what the last workers left */

struct dispatcher {
	struct desk desk;
	struct bell bell;
	struct sweep sweep;
	struct held held;
	int64_t renew_ms, probe_redis_ms, probe_postgres_ms, stalled_ms, census_ms, orphans_ms,
		logins_ms; /* next time, clock_mono_ms() */
};

static bool
is_time(int64_t *next_ms, int64_t interval_ms)
{
	int64_t now_ms = clock_mono_ms();

	if (now_ms < *next_ms)
		return false;
	*next_ms = now_ms + interval_ms;
	return true;
}

static bool
check_stalled(struct dispatcher *d, struct failure *why)
{
	struct queue_stalled stalled = {.ran = false};

	if (!queue_check_stalled(d->desk.queue, d->desk.config->stale_check_interval_ms, &stalled,
				 why))
		return false;
	/* The throttle began a moment after our own interval did: to ask when that is over would be
	 * a moment too early, and every other check would be left out. */
	d->stalled_ms = clock_mono_ms() + stalled.again_ms + 1;
	if (stalled.recovered + stalled.failed == 0)
		return true;
	scoreboard_count(d->desk.board, SCOREBOARD_DISPATCHER, COUNTER_STALLED,
			 (uint64_t)(stalled.recovered + stalled.failed));
	log_event(LOG_WARN, "Stalled jobs were recovered",
		  (struct log_field[]){LOG_INT("recovered", stalled.recovered),
				       LOG_INT("failed", stalled.failed), LOG_END});
	return true;
}

/* What needs Redis alone, the most urgent first. */
static bool
tend_queue(struct dispatcher *d, struct failure *why)
{
	struct desk *desk = &d->desk;

	if (is_time(&d->renew_ms, renewal_interval_ms(desk)) && !renewal_run(desk, why))
		return false;
	if (!recovery_of_recorded(desk, why))
		return false;
	if (is_time(&d->orphans_ms, ORPHANS_MS) && !recovery_of_orphans(desk, why))
		return false;
	if (is_time(&d->stalled_ms, desk->config->stale_check_interval_ms) &&
	    !check_stalled(d, why))
		return false;
	if (!desk->orders.drain && !bell_tend(&d->bell, desk, why))
		return false;
	return !is_time(&d->census_ms, CENSUS_MS) ||
	       (census_run(desk, why) && held_at_gates(&d->held, desk, why));
}

static void
redis_failed(struct dispatcher *d, const struct failure *why)
{
	desk_redis_failed(&d->desk, why);
	bell_reset(&d->bell, &d->desk);
	d->renew_ms = 0; /* what could not be renewed comes first when it is back */
}

static void
compare(struct dispatcher *d)
{
	struct failure why;
	bool redis;

	if (!d->desk.redis_up || !d->desk.postgres_up || d->desk.orders.drain ||
	    sweep_run(&d->sweep, &d->desk, &redis, &why))
		return;
	if (redis)
		redis_failed(d, &why);
	else
		desk_postgres_failed(&d->desk, &why);
}

static void
look_at_logins(struct dispatcher *d)
{
	struct failure why;

	if (is_time(&d->logins_ms, LOGINS_MS) && !held_by_logins(&d->held, &d->desk, &why))
		desk_postgres_failed(&d->desk, &why);
}

static void
tend(struct dispatcher *d)
{
	struct failure why;
	bool was_up = d->desk.redis_up;

	scoreboard_heartbeat(d->desk.board, SCOREBOARD_DISPATCHER);
	if (!d->desk.redis_up || is_time(&d->probe_redis_ms, PROBE_MS))
		desk_tend_redis(&d->desk);
	/* The marker's connection ended with it, and would be readable for ever. */
	if (was_up && !d->desk.redis_up)
		bell_reset(&d->bell, &d->desk);
	/* A Redis that went away may have come back empty: PostgreSQL is asked at once. */
	if (!was_up && d->desk.redis_up)
		d->sweep.next_ms = 0;
	if (d->desk.redis_up && !tend_queue(d, &why))
		redis_failed(d, &why);
	/* Each of the two may take its time; together they are no silence. */
	scoreboard_heartbeat(d->desk.board, SCOREBOARD_DISPATCHER);
	if (!d->desk.postgres_up || is_time(&d->probe_postgres_ms, PROBE_MS))
		desk_tend_postgres(&d->desk);
	if (d->desk.postgres_up)
		recovery_tell_postgres(&d->desk);
	if (d->desk.postgres_up)
		look_at_logins(d);
	compare(d);
}

static void
sooner(int64_t *at_ms, int64_t other_ms)
{
	if (other_ms < *at_ms)
		*at_ms = other_ms;
}

static int64_t
next_ms(const struct dispatcher *d)
{
	int64_t at_ms = clock_mono_ms() + BEAT_MS;

	if (d->desk.redis_up) {
		sooner(&at_ms, d->renew_ms);
		sooner(&at_ms, d->stalled_ms);
		sooner(&at_ms, d->census_ms);
		sooner(&at_ms, bell_next_ms(&d->bell));
	} else {
		sooner(&at_ms, d->desk.redis_again_ms);
	}
	if (!d->desk.postgres_up)
		sooner(&at_ms, d->desk.postgres_again_ms);
	else if (d->desk.redis_up)
		sooner(&at_ms, d->sweep.next_ms);
	return at_ms;
}

static void
wait(struct dispatcher *d)
{
	struct pollfd fds[3] = {{.fd = bell_fd(&d->bell, &d->desk), .events = POLLIN},
				{.fd = orders_fd(&d->desk.orders), .events = POLLIN},
				{.fd = d->desk.child->idle_fd, .events = POLLIN}};
	int64_t left_ms = next_ms(d) - clock_mono_ms();
	uint64_t count;

	if (poll(fds, 3, left_ms > 0 ? (int)left_ms : 0) < 0 && errno != EINTR)
		log_event(LOG_ERROR, "poll failed in the dispatcher",
			  (struct log_field[]){LOG_STR("error", strerror(errno)), LOG_END});
	if ((fds[2].revents & POLLIN) != 0 &&
	    read(d->desk.child->idle_fd, &count, sizeof(count)) > 0)
		d->bell.look = true;
	orders_read(&d->desk.orders);
	if (d->desk.orders.look) {
		d->desk.orders.look = false;
		d->bell.look = true;
	}
}

/* The supervisor stops the dispatcher last: what dying workers left is handed back before it goes.
 */
static void
farewell(struct dispatcher *d)
{
	int64_t end_ms = clock_mono_ms() + FAREWELL_MS;
	struct failure why;

	while (d->desk.redis_up && !recovery_of_recorded(&d->desk, &why) &&
	       clock_mono_ms() < end_ms)
		desk_tend_redis(&d->desk);
	if (d->desk.redis_up)
		redis_flush(d->desk.redis, 500, NULL);
}

void
dispatcher_main(const struct child *child)
{
	struct dispatcher d = {.renew_ms = 0};
	struct failure why;

	if (!desk_open(&d.desk, child, &why)) {
		log_failure(LOG_ERROR, "the dispatcher could not start", &why, NULL);
		_exit(CHILD_EXIT_SICK);
	}
	bell_init(&d.bell);
	scoreboard_activity(child->board, SCOREBOARD_DISPATCHER, ACTIVITY_RUNNING);
	scoreboard_dispatcher_parked(child->board, true);
	if (write(child->ready_fd, "r", 1) != 1)
		log_event(LOG_DEBUG, "nobody hears that the dispatcher is ready", NULL);
	close(child->ready_fd);
	while (!d.desk.orders.drain) {
		tend(&d);
		wait(&d);
	}
	farewell(&d);
	desk_close(&d.desk);
	_exit(CHILD_EXIT_ASKED);
}
