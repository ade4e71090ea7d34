/*
 * systemd.c - what systemd is told besides a change of state.          [supervisor]
 *
 * Invariant: all of it comes out of the turning loop. One that hangs says nothing, so that systemd
 * ends the service by its watchdog or its time limits.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "common/clock.h"
#include "health/view.h"
#include "supervisor/notify.h"
#include "supervisor/pool.h"
#include "supervisor/status_line.h"

/* Asked for once a second, so that one tick that is late costs nothing. */
#define EXTENSION_MS 10000

static void
on_watchdog(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
	notify_alive();
}

bool
systemd_open(struct pool *pool, struct failure *why)
{
	struct timeval interval;
	uint64_t interval_us;

	notify_setup();
	interval_us = notify_watchdog_us();
	if (interval_us == 0)
		return true;
	interval.tv_sec = (time_t)(interval_us / 1000000);
	interval.tv_usec = (suseconds_t)(interval_us % 1000000);
	pool->systemd.watchdog = event_new(pool->base, -1, EV_PERSIST, on_watchdog, NULL);
	return (pool->systemd.watchdog != NULL &&
		event_add(pool->systemd.watchdog, &interval) == 0) ||
	       failure_set(why, FAILURE_UNKNOWN, "no timer for systemd's watchdog: %s",
			   strerror(errno));
}

void
systemd_close(struct pool *pool)
{
	if (pool->systemd.watchdog != NULL)
		event_free(pool->systemd.watchdog);
}

static enum status_doing
doing(const struct pool *pool)
{
	switch (pool->phase) {
	case RUN_STARTING:
		return STATUS_STARTING;
	case RUN_SERVING:
		break;
	case RUN_DRAINING:
		return pool->stop.stage == STOP_FINISH ? STATUS_FINISHING : STATUS_STOPPING;
	case RUN_STOPPING:
		return STATUS_STOPPING;
	case RUN_GONE:
		return STATUS_STOPPED;
	}
	return reload_is_active(pool) ? STATUS_RELOADING : STATUS_SERVING;
}

/* Jobs in hand may hold up a reload or a drain for longer than systemd waits by itself. */
static bool
takes_its_time(enum status_doing doing)
{
	switch (doing) {
	case STATUS_RELOADING:
	case STATUS_FINISHING:
	case STATUS_STOPPING:
		return true;
	case STATUS_STARTING:
	case STATUS_SERVING:
	case STATUS_STOPPED:
		break;
	}
	return false;
}

static void
tell(struct pool *pool, enum status_doing now_doing)
{
	const struct health_load none = {.connections = 0};
	struct health_view view;
	char line[NOTIFY_STATUS_SIZE];

	pool->systemd.told = now_doing;
	if (takes_its_time(now_doing))
		notify_extend(EXTENSION_MS);
	health_view_read(&view, pool->board, &none);
	status_line(line, sizeof(line), &view, now_doing, pool->stop.deadline_ms - clock_mono_ms());
	notify_status(line);
}

void
systemd_step(struct pool *pool)
{
	enum status_doing now_doing = doing(pool);

	if (notify_is_on() && now_doing != pool->systemd.told)
		tell(pool, now_doing);
}

void
systemd_tick(struct pool *pool)
{
	if (!notify_is_on())
		return;
	notify_again();
	tell(pool, doing(pool));
}
