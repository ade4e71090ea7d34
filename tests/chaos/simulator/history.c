/*
 * history.c - one history: what is set, what goes wrong when, and the way to its end.   [simulator]
 */
#include "tests/chaos/simulator/history.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "tests/chaos/simulator/artist.h"
#include "tests/chaos/simulator/checks.h"
#include "tests/chaos/simulator/deviantart.h"
#include "tests/chaos/simulator/host.h"
#include "tests/chaos/simulator/mirror.h"
#include "tests/chaos/simulator/process.h"
#include "tests/chaos/simulator/server.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/store.h"
#include "tests/chaos/simulator/tables.h"

#define STEPS_MOST 400000
#define TURNS_MOST 20000 /* within one millisecond */
/* After the last misfortune all is done within this time: the longest way is a post whose outcome
 * is unknown, whose link is looked for, behind gates that were shut. */
#define END_WITHIN_MS (INT64_C(6) * 3600 * 1000)
#define DRAIN_MOST_MS (200 * 1000) /* a host may stand still for 100 s */
#define JUMP_LEAST_MS 100
#define JUMP_MOST_MS  (10 * 60 * 1000)
#define LOOK_AGAIN_MS 10000
#define CONFIGS_MOST  256

static struct config settings;
static struct config configs[CONFIGS_MOST]; /* those of children live as long as the history */
static int config_count;

/* ---- settings ---- */

static int64_t
one_of(const int64_t *values, uint32_t count)
{
	return values[sim_below(count)];
}
#define ONE_OF(...)                                                                                \
	one_of((const int64_t[]){__VA_ARGS__},                                                     \
	       (uint32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

static void
choose_settings(void)
{
	static char prefix[] = "bull", name[] = "deviation-publisher", secret[] = "secret",
		    nothing[] = "";

	settings = (struct config){
		.queue_prefix = prefix,
		.queue_name = name,
		.deviantart_client_secret = secret,
		.health_check_host = nothing,
		.max_attempts = 7,
		.job_timeout_ms = ONE_OF(600000, 600000, 60000),
		.lock_duration_ms = ONE_OF(30000, 30000, 10000),
		.stale_check_interval_ms = 30000,
		.max_stalled_count = 2,
		.drain_timeout_ms = ONE_OF(30000, 5000, 1000),
		.unknown_wait_ms = ONE_OF(120000, 120000, 20000),
		.reconcile_interval_ms = 60000,
		.rate_limiter_enabled = sim_chance(8500),
		.rate_limiter_base_delay_ms = ONE_OF(3000, 3000, 500),
		.rate_limiter_max_delay_ms = 300000,
		.rate_limiter_jitter_percent = 20,
		.rate_limiter_success_decrease_factor = 0.9,
		.rate_limiter_failure_increase_factor = 2.0,
		.circuit_breaker_enabled = sim_chance(8500),
		.circuit_breaker_threshold = (int)ONE_OF(3, 3, 1),
		.circuit_breaker_open_duration_ms = ONE_OF(300000, 20000),
	};
	config_count = 0;
}

struct config *
history_new_config(void)
{
	struct config *config;

	if (config_count == CONFIGS_MOST)
		abort();
	config = &configs[config_count++];
	*config = settings;
	config->concurrency = (int)sim_between(1, 4);
	return config;
}

void
config_free(struct config *config)
{
	(void)config; /* a child that was forked with it has a copy of its own */
}

bool
history_has_twins(void)
{
	return artists_share_titles();
}

/* ---- what goes wrong ---- */

static unsigned
some(unsigned most)
{
	return sim_chance(5000) ? 0 : sim_below(most + 1);
}

static void
choose_weather(int64_t calm_ms)
{
	weather = (struct weather){
		.calm_ms = calm_ms,
		.kill = some(80),
		.stop = some(30),
		.slow = some(300),
		.cut_redis = some(200),
		.cut_postgres = some(200),
		.lost = some(3000),
		.server_error = some(2000),
		.throttled = some(1500),
		.refused = some(1000),
		.unauthorized = some(800),
		.outage = some(1500),
		.late = some(5000),
		.never_shown = some(4000),
		.shows_late = some(6000),
		.repeats_accepted = sim_chance(3000),
		.item_gone = some(1000),
		.missing_object = some(300),
		.storage_away = some(1500),
		.bad_moment = some(4000),
	};
}

static struct host *
some_host(void)
{
	return &hosts[sim_below((uint32_t)host_count)];
}

static void
redis_up(void *argument)
{
	(void)argument;
	server_redis_up();
}

static void
redis_down(void *argument)
{
	uint32_t memory = sim_below(4);

	(void)argument;
	if (!redis_server.up)
		return;
	sim_count(SIM_OUTAGES);
	server_redis_down(memory == 3   ? REDIS_LOSES_ALL
			  : memory == 2 ? REDIS_LOSES_A_SECOND
					: REDIS_KEEPS);
	sim_plan(sim_now_ms() + sim_between(0, 15000), redis_up, NULL);
}

static void
postgres_up(void *argument)
{
	(void)argument;
	server_postgres_up();
}

static void
postgres_down(void *argument)
{
	(void)argument;
	if (!postgres_server.up)
		return;
	sim_count(SIM_OUTAGES);
	server_postgres_down();
	sim_plan(sim_now_ms() + sim_between(0, sim_chance(2000) ? 120000 : 15000), postgres_up,
		 NULL);
}

void
history_at_refresh(const char *user_id)
{
	if (sim_strikes(weather.bad_moment / 3))
		artist_connects(user_id,
				sim_now_ms() + sim_between(0, sim_chance(5000) ? 30 : 30000));
	if (sim_strikes(weather.bad_moment))
		sim_plan(sim_now_ms() + sim_between(0, 10), postgres_down, NULL);
	if (sim_strikes(weather.bad_moment))
		sim_plan(sim_now_ms() + sim_between(0, 10), redis_down, NULL);
}

/* What is started dies before it is ready, for a while. */
static void
bear_dead(void *argument)
{
	struct host *host = some_host();

	(void)argument;
	host->stillborn_until_ms = sim_now_ms() + sim_between(0, 20000);
	host_kill_all(host);
}

static void
deviantart_up(void *argument)
{
	(void)argument;
	sim_deviantart.is_down = false;
}

static void
deviantart_down(void *argument)
{
	(void)argument;
	sim_count(SIM_OUTAGES);
	sim_deviantart.is_down = true;
	sim_plan(sim_now_ms() + sim_between(0, 60000), deviantart_up, NULL);
}

static void
deviantart_throttles(void *argument)
{
	(void)argument;
	sim_deviantart.throttled_until_ms = sim_now_ms() + sim_between(0, 30000);
}

static void
start_host(void *argument)
{
	struct host *host = argument;

	if (!host->is_up)
		host_start(host);
}

/* As a service manager does. */
static void
start_when_gone(void *argument)
{
	struct host *host = argument;

	if (host->is_up && host->pool.phase >= RUN_DRAINING)
		sim_plan(sim_now_ms() + 1000, start_when_gone, host);
	else if (!host->is_up)
		host_start(host);
}

static void
kill_supervisor(void *argument)
{
	struct host *host = some_host();

	(void)argument;
	if (!host->is_up)
		return;
	host_kill_supervisor(host);
	sim_plan(sim_now_ms() + sim_between(0, 8000), start_host, host);
}

static void
drain(void *argument)
{
	struct host *host = some_host();

	(void)argument;
	if (!host->is_up || host->pool.phase >= RUN_DRAINING)
		return;
	host_drain(host, sim_chance(3000));
	if (sim_chance(3000)) /* a second signal */
		host_drain(host, true);
	sim_plan(sim_now_ms() + 1000, start_when_gone, host);
}

static void
reload(void *argument)
{
	(void)argument;
	host_reload(some_host());
}

static void
freeze(void *argument)
{
	(void)argument;
	host_freeze(some_host(), sim_now_ms() + sim_between(100, sim_chance(5000) ? 5000 : 100000));
}

static void
step_clock(void *argument)
{
	struct host *host = some_host();

	(void)argument;
	host->wall_skew_ms = sim_between(-120000, 120000);
	TRACE("- host %c's wall clock is %lld ms off", 'A' + host->number,
	      (long long)host->wall_skew_ms);
}

/* One that kills what it finds at work: a crash that the job itself causes. */
static void
kill_workers(void *argument)
{
	struct process *p;

	(void)argument;
	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (sim_chance(7000)) {
			sim_count(SIM_KILLS);
			process_kill(p, SIGKILL);
		}
	}
}

static void
plan_misfortunes(void)
{
	static const struct {
		void (*strike)(void *argument);
		uint32_t most;
	} kinds[] = {
		{redis_down, 3},      {postgres_down, 3},
		{deviantart_down, 3}, {deviantart_throttles, 2},
		{kill_supervisor, 2}, {drain, 2},
		{reload, 2},          {freeze, 2},
		{step_clock, 1},      {kill_workers, 4},
		{bear_dead, 2},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint32_t count = sim_chance(6500) ? 0 : 1 + sim_below(kinds[i].most);

		if (kinds[i].strike == redis_down)
			store_keep_snapshots(count > 0);
		while (count-- > 0)
			sim_plan(sim_between(sim_now_ms() + 500, weather.calm_ms), kinds[i].strike,
				 NULL);
	}
}

/* ---- the way ---- */

static bool
run_something(void)
{
	bool ran = sim_run_planned();

	for (int i = 0; !ran && i < host_count; i++)
		ran = host_run(&hosts[i]);
	return ran || process_run_one();
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When something happens again in a world where everybody waits: a job is due, or the artist comes.
 */
static int64_t
next_event_ms(void)
{
	const struct store_key *delayed = store_find("bull:deviation-publisher:delayed");
	int64_t next_ms = earlier(sim_next_planned_ms(), sim_now_ms() + JUMP_MOST_MS);

	if (store_find("bull:deviation-publisher:wait") != NULL ||
	    store_find("bull:deviation-publisher:prioritized") != NULL ||
	    store_find("bull:deviation-publisher:active") != NULL)
		return sim_now_ms();
	if (delayed != NULL)
		return earlier(next_ms, (int64_t)(delayed->items[0].score / 4096) - SIM_WALL_MS);
	/* What lacks a job is found by the sweep, who looks now and then. */
	return check_posts_have_ended() ? next_ms : earlier(next_ms, sim_now_ms() + LOOK_AGAIN_MS);
}

static bool
hosts_rest(void)
{
	for (int i = 0; i < host_count; i++) {
		if (!hosts[i].is_up || hosts[i].timer_ms != INT64_MAX ||
		    hosts[i].frozen_until_ms > sim_now_ms())
			return false;
	}
	return true;
}

static void
let_time_pass(void)
{
	bool all_rest;
	int64_t next_ms = process_next_ms(&all_rest);

	next_ms = earlier(next_ms, sim_next_planned_ms());
	for (int i = 0; i < host_count; i++)
		next_ms = earlier(next_ms, host_next_ms(&hosts[i]));
	if (all_rest && hosts_rest() && redis_server.up && postgres_server.up) {
		int64_t jump_ms = next_event_ms();

		if (jump_ms > sim_now_ms() + JUMP_LEAST_MS) {
			process_sleep_until(jump_ms);
			for (int i = 0; i < host_count; i++)
				host_sleep_until(&hosts[i], jump_ms);
			next_ms = jump_ms;
		}
	}
	if (next_ms == INT64_MAX)
		sim_violation("1 every history ends", "nobody will ever do anything");
	sim_advance(next_ms);
}

/* Until `is_over` or the time is up; false: the time is up. */
static bool
run_until(bool (*is_over)(void), int64_t end_ms)
{
	int64_t moment_ms = 0;
	int turns = 0;

	while (sim_now_ms() < end_ms) {
		turns = sim_now_ms() == moment_ms ? turns + 1 : 0;
		moment_ms = sim_now_ms();
		if (sim_step_number() > STEPS_MOST || turns > TURNS_MOST)
			sim_violation("nobody spins", "%d turns within a moment", turns);
		if (run_something())
			continue;
		if (is_over())
			return true;
		let_time_pass();
	}
	return is_over();
}

static bool
all_is_done(void)
{
	return sim_next_planned_ms() == INT64_MAX && check_is_done();
}

static bool
all_are_gone(void)
{
	int at = 0;

	for (int i = 0; i < host_count; i++) {
		if (hosts[i].is_up)
			return false;
	}
	return process_next(&at) == NULL;
}

static void
begin(uint64_t seed)
{
	sim_begin(seed);
	server_forget_all();
	mirror_forget_all();
	check_begin();
	choose_settings();
	choose_weather(sim_now_ms() + ONE_OF(10000, 30000, 60000, 120000, 400000));
	artists_begin(weather.calm_ms);
	host_count = sim_chance(7000) ? 1 : HOSTS_MOST;
	for (int i = 0; i < host_count; i++) {
		hosts[i] = (struct host){.number = i};
		sim_plan(sim_now_ms() + sim_between(0, 1000), start_host, &hosts[i]);
	}
	store_keep_snapshots(false);
	if (sim_chance(8500))
		plan_misfortunes();
}

void
history_play(uint64_t seed)
{
	int64_t begun_ms;

	begin(seed);
	begun_ms = sim_now_ms();
	if (!run_until(all_is_done, weather.calm_ms + END_WITHIN_MS))
		check_unfinished();
	check_end();
	for (int i = 0; i < host_count; i++)
		host_drain(&hosts[i], false);
	if (!run_until(all_are_gone, sim_now_ms() + DRAIN_MOST_MS))
		sim_violation("a drain ends", "somebody is left after %d ms", DRAIN_MOST_MS);
	sim_report->simulated_ms += sim_now_ms() - begun_ms;
	sim_report->histories++;
	artists_end();
	host_forget_all();
	process_forget_all();
	server_forget_all();
}
