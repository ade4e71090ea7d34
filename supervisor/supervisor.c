/*
 * supervisor.c - the event loop: signals, deaths, timers.              [supervisor]
 *
 * Invariant: no callback waits for anything; each changes the state a little and lets pool_step()
 * decide.
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/version.h"
#include "health/health.h"
#include "supervisor/pool.h"

/* A descriptor or two a child, the listener's connections, and room. */
#define DESCRIPTORS_WANTED 65536
#define TICK_S             1

static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD};
#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

struct supervisor {
	struct pool pool;
	struct event *signal_events[SIGNAL_COUNT];
	struct event *tick;
};

static void
step(struct pool *pool)
{
	pool_step(pool);
	systemd_step(pool);
}

/* ---------------------------------------------------------------- signals */

void
supervisor_hold_signals(void)
{
	static const int ignored[] = {SIGPIPE, SIGUSR1, SIGUSR2};
	sigset_t held;

	/* Inherited: an ignored CHLD would hide every death, an ignored INT every Ctrl-C. */
	for (int signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&held);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		(void)sigaddset(&held, signals[i]);
	(void)sigprocmask(SIG_SETMASK, &held, NULL);
}

static void
release_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
on_signal(evutil_socket_t signo, short what, void *argument)
{
	struct pool *pool = argument;
	const char *name = sigabbrev_np((int)signo);
	int exit_status = 0;

	(void)what;
	switch (policy_signal((int)signo, pool->phase, &exit_status)) {
	case SIGNAL_DRAIN:
		stop_drain(pool, exit_status, name);
		break;
	case SIGNAL_STOP:
		stop_now(pool, exit_status, name);
		break;
	case SIGNAL_RELOAD:
		reload_request(pool);
		break;
	case SIGNAL_NOTHING:
		log_event(LOG_INFO, "signal ignored: the end has begun",
			  (struct log_field[]){LOG_STR("signal", name), LOG_END});
		return;
	}
	step(pool);
}

static void
on_child(evutil_socket_t signo, short what, void *argument)
{
	struct pool *pool = argument;

	(void)signo;
	(void)what;
	pool_bury(pool);
	step(pool);
}

/* ---------------------------------------------------------------- other events */

static void
on_ready(void *argument, int slot)
{
	struct pool *pool = argument;

	/* Deaths may have been recorded while there was no dispatcher. */
	if (slot == SCOREBOARD_DISPATCHER)
		pool_look(pool);
	step(pool);
}

static bool
at_start(void *argument)
{
	return pool_at_start(argument);
}

static void
on_timer(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	step(argument);
}

/* Also finds what an event should have told: a SIGCHLD that came while libevent had no memory for
 * it. */
static void
on_tick(evutil_socket_t fd, short what, void *argument)
{
	struct pool *pool = argument;

	(void)fd;
	(void)what;
	watchdog_tick(pool);
	pool_bury(pool);
	child_hear_ready(pool->children);
	step(pool);
	systemd_tick(pool);
}

/* Nothing goes to standard error once we run, libevent's words included. */
static void
on_libevent_log(int severity, const char *text)
{
	enum log_level level = severity == EVENT_LOG_ERR    ? LOG_ERROR
			       : severity == EVENT_LOG_WARN ? LOG_WARN
							    : LOG_DEBUG;

	log_event(level, "libevent", (struct log_field[]){LOG_STR("error", text), LOG_END});
}

/* ---------------------------------------------------------------- beginning */

static bool
open_loop(struct supervisor *supervisor)
{
	struct pool *pool = &supervisor->pool;
	const struct timeval second = {.tv_sec = TICK_S};

	event_set_log_callback(on_libevent_log);
	pool->base = event_base_new();
	if (pool->base == NULL)
		return false;
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		supervisor->signal_events[i] = evsignal_new(
			pool->base, signals[i], signals[i] == SIGCHLD ? on_child : on_signal, pool);
		if (supervisor->signal_events[i] == NULL ||
		    evsignal_add(supervisor->signal_events[i], NULL) < 0)
			return false;
	}
	pool->timer = evtimer_new(pool->base, on_timer, pool);
	supervisor->tick = event_new(pool->base, -1, EV_PERSIST, on_tick, pool);
	return pool->timer != NULL && supervisor->tick != NULL &&
	       event_add(supervisor->tick, &second) == 0;
}

struct supervisor *
supervisor_new(struct config *config, const char *config_path, struct failure *why)
{
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));

	if (supervisor == NULL) {
		config_free(config);
		failure_set(why, FAILURE_UNKNOWN, "out of memory");
		return NULL;
	}
	supervisor->pool.config = config;
	supervisor->pool.config_path = config_path;
	supervisor->pool.config_generation = 1;
	if (!open_loop(supervisor)) {
		failure_set(why, FAILURE_UNKNOWN, "the event loop cannot be made: %s",
			    strerror(errno));
		supervisor_free(supervisor);
		return NULL;
	}
	release_signals();
	return supervisor;
}

/* 1024 workers and as many probes need more than the usual 1024. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool
open_health(struct pool *pool, struct failure *why)
{
	const struct config *config = pool->config;

	if (!config->health_check_enabled)
		return true;
	pool->health = health_listen(config->health_check_host, config->health_check_port, why);
	return pool->health != NULL && health_attach(pool->health, pool->base, pool->board, why);
}

static bool
open_children(struct pool *pool, struct failure *why)
{
	const struct child_world world = {
		.base = pool->base,
		.board = pool->board,
		.instance = pool->instance,
		.health = pool->health,
		.on_ready = on_ready,
		.at_start = at_start,
		.argument = pool,
	};

	pool->children = child_table_new(&world, why);
	return pool->children != NULL;
}

bool
supervisor_open(struct supervisor *supervisor, struct failure *why)
{
	struct pool *pool = &supervisor->pool;

	raise_descriptor_limit();
	if (!systemd_open(pool, why))
		return false;
	if (!identity_instance(pool->instance))
		return failure_set(why, FAILURE_UNKNOWN, "/proc cannot be read: %s",
				   strerror(errno));
	pool->board = scoreboard_new();
	if (pool->board == NULL)
		return failure_set(why, FAILURE_UNKNOWN, "no shared memory: %s", strerror(errno));
	pool->report.concurrency = pool->config->concurrency;
	pool->report.config_generation = pool->config_generation;
	pool->report.shows_details = pool->config->health_check_details;
	pool->report.started_wall_ms = clock_wall_ms();
	pool->report.started_mono_ms = clock_mono_ms();
	scoreboard_pool_set(pool->board, &pool->report);
	return open_health(pool, why) && worker_prepare(pool->config, why) &&
	       open_children(pool, why);
}

/* ---------------------------------------------------------------- running */

static void
log_start(const struct pool *pool)
{
	log_event(
		LOG_INFO, "publisher started",
		(struct log_field[]){
			LOG_STR("version", ISEKAI_VERSION), LOG_STR("instance", pool->instance),
			LOG_INT("concurrency", pool->config->concurrency),
			LOG_INT("drainTimeoutMs", pool->config->drain_timeout_ms),
			LOG_INT("healthPort", pool->health != NULL ? health_port(pool->health) : 0),
			LOG_END});
}

int
supervisor_run(struct supervisor *supervisor)
{
	struct pool *pool = &supervisor->pool;

	log_start(pool);
	/* What was asked for during start-up comes before the first fork. */
	if (event_base_loop(pool->base, EVLOOP_NONBLOCK) >= 0)
		step(pool);
	while (pool->phase != RUN_GONE) {
		if (event_base_loop(pool->base, 0) < 0) {
			/* Children see their pipes closed and end by themselves. */
			log_event(LOG_ERROR, "the event loop failed",
				  (struct log_field[]){LOG_STR("error", strerror(errno)), LOG_END});
			pool->exit_status = EXIT_FAILURE;
			break;
		}
	}
	log_event(LOG_INFO, "publisher stopped",
		  (struct log_field[]){
			  LOG_INT("exitStatus", pool->exit_status),
			  LOG_INT("uptimeMs", clock_mono_ms() - pool->report.started_mono_ms),
			  LOG_END});
	return pool->exit_status;
}

static void
free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void
supervisor_free(struct supervisor *supervisor)
{
	struct pool *pool;

	if (supervisor == NULL)
		return;
	pool = &supervisor->pool;
	if (pool->health != NULL)
		health_free(pool->health);
	child_table_free(pool->children);
	systemd_close(pool);
	free_event(pool->timer);
	free_event(supervisor->tick);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		free_event(supervisor->signal_events[i]);
	if (pool->base != NULL)
		event_base_free(pool->base);
	scoreboard_free(pool->board);
	config_free(pool->reload.next);
	config_free(pool->config);
	free(supervisor);
}
