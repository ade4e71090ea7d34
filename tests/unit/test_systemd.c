/*
 * test_systemd.c - what systemd hears in the life of a pool: the whole supervisor, real signals, a
 * real socket.
 *
 * Children are made up. A worker has a job in hand, which it finishes when the stage says so,
 * unless it "rests"; the dispatcher reports the queue that the stage has.
 */
#include "tests/unit/pool_under_test.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "tests/unit/notify_peer.h"

/* A sign of life every 200 ms. */
#define WATCHDOG_US "400000"
#define WATCHDOG_MS 400

struct stage {
	atomic_bool release;           /* jobs may end */
	_Atomic int64_t waiting;       /* in the queue */
	_Atomic int64_t oldest_age_ms; /* how long ago the first of them was due */
	_Atomic int64_t circuits_open;
};

static struct stage *stage;
static struct notify_peer systemd;
static char last_status[4096]; /* the last that came */
static char state_heard[4096]; /* every state that came, a letter each */

/* ---------------------------------------------------------------- the children */

bool
worker_prepare(const struct config *config, struct failure *why)
{
	(void)config;
	(void)why;
	return true;
}

_Noreturn void
worker_main(const struct child *child)
{
	bool has_job = strcmp(child->config->s3_path_prefix, "rests") != 0;
	bool leaving = false;
	int64_t end_ms = clock_mono_ms() + 600000;

	/* What was taken out of the environment is not in a child's either. */
	if (getenv("NOTIFY_SOCKET") != NULL || getenv("WATCHDOG_USEC") != NULL)
		_exit(1);
	if (has_job)
		(void)scoreboard_job_begin(child->board, child->slot, "job", "deviation", 1, end_ms,
					   end_ms);
	say_ready(child);
	while (has_job || !leaving) {
		int order = next_order(child, has_job ? 2 : 1000);

		leaving = leaving || order != 0;
		if (has_job && (order == CHILD_ORDER_STOP || atomic_load(&stage->release))) {
			scoreboard_job_end(child->board, child->slot);
			has_job = false;
		}
	}
	_exit(CHILD_EXIT_ASKED);
}

static void
report_queue(const struct child *child)
{
	int64_t counts[QUEUE_STATE_COUNT] = {[QUEUE_STATE_WAITING] = atomic_load(&stage->waiting)};
	int64_t circuits[CIRCUIT_STATE_COUNT] = {[CIRCUIT_OPEN] =
							 atomic_load(&stage->circuits_open)};
	int64_t age_ms = atomic_load(&stage->oldest_age_ms);

	for (int i = 0; i < DEPENDENCY_COUNT; i++)
		scoreboard_dependency(child->board, (enum dependency)i, true, NULL);
	scoreboard_queue(child->board, counts, false, age_ms > 0 ? clock_wall_ms() - age_ms : 0);
	scoreboard_circuits(child->board, circuits, 0);
}

_Noreturn void
dispatcher_main(const struct child *child)
{
	int order = 0;

	say_ready(child);
	while (order == 0 || order == CHILD_ORDER_LOOK) {
		scoreboard_activity(child->board, child->slot, ACTIVITY_RUNNING);
		report_queue(child);
		order = next_order(child, 20);
	}
	_exit(CHILD_EXIT_ASKED);
}

/* ---------------------------------------------------------------- systemd's ear */

static bool
is(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

/* Notes the next datagram; NULL: none came in time. */
static const char *
hear(int wait_ms)
{
	static const char *const states[] = {"READY=1",
					     "RELOADING=1\nMONOTONIC_USEC=", "STOPPING=1", NULL};
	const char *text = notify_peer_next(&systemd, wait_ms);
	size_t heard = strlen(state_heard);

	if (text == NULL)
		return NULL;
	if (is(text, "STATUS="))
		(void)snprintf(last_status, sizeof(last_status), "%s", text + strlen("STATUS="));
	for (int i = 0; states[i] != NULL; i++)
		if (is(text, states[i]) && heard + 1 < sizeof(state_heard))
			state_heard[heard] = "rls"[i];
	return text;
}

static bool
has_status(const char *expected)
{
	while (hear(0) != NULL)
		if (strcmp(last_status, expected) == 0)
			return true;
	return strcmp(last_status, expected) == 0;
}

/* Which states came so far: r READY, l RELOADING, s STOPPING. */
static bool
heard(const char *expected)
{
	while (hear(0) != NULL)
		continue;
	return strcmp(state_heard, expected) == 0;
}

static bool
heard_next(const char *head)
{
	const char *text;

	while ((text = hear(0)) != NULL)
		if (is(text, head))
			return true;
	return false;
}

static bool
is_stopped(void)
{
	int status;

	return waitpid(supervisor_pid, &status, WNOHANG | WUNTRACED) == supervisor_pid &&
	       WIFSTOPPED(status);
}

/* ---------------------------------------------------------------- tests */

static void
status_follows_the_pool(void **state)
{
	(void)state;
	start("works", 2, 30000);
	wait_until(has_status("2/2 busy, 0 waiting"));
	assert_true(heard("r"));
	atomic_store(&stage->waiting, 340);
	atomic_store(&stage->oldest_age_ms, 7200000);
	atomic_store(&stage->circuits_open, 1);
	wait_until(has_status("2/2 busy, 340 waiting, oldest due 2 h 0 min, 1 breaker open"));
	atomic_store(&stage->waiting, 0);
	atomic_store(&stage->oldest_age_ms, 0);
	atomic_store(&stage->circuits_open, 0);
	atomic_store(&stage->release, true);
	wait_until(has_status("0/2 busy, 0 waiting"));
	send(SIGTERM);
	assert_exits(0);
	assert_true(heard("rs"));
	assert_true(has_status("stopped"));
}

static void
a_reload_begins_and_ends_for_systemd_however_it_goes(void **state)
{
	(void)state;
	start("rests", 2, 30000);
	wait_until(heard("r"));
	write_settings("rests", 3, 30000);
	send(SIGHUP);
	wait_until(heard("rlr"));
	wait_until(has_status("0/3 busy, 0 waiting"));
	write_settings("rests", -1, 30000);
	send(SIGHUP);
	wait_until(heard("rlrlr"));
	send(SIGTERM);
	assert_exits(0);
	assert_true(heard("rlrlrs"));
}

/* Jobs in hand hold both up, for longer than systemd's own patience may last. */
static void
a_reload_and_a_drain_ask_for_the_time_they_take(void **state)
{
	(void)state;
	start("works", 1, 30000);
	wait_until(heard("r"));
	assert_false(heard_next("EXTEND_TIMEOUT_USEC="));
	write_settings("works", 2, 30000);
	send(SIGHUP);
	wait_until(heard_next("EXTEND_TIMEOUT_USEC="));
	send(SIGTERM);
	wait_until(heard_next("STATUS=draining: "));
	/* Again and again, as long as it lasts. */
	for (int i = 0; i < 2; i++)
		wait_until(heard_next("EXTEND_TIMEOUT_USEC=10000000"));
	atomic_store(&stage->release, true);
	assert_exits(0);
	assert_true(has_status("stopped"));
}

static void
the_watchdog_hears_at_half_its_interval(void **state)
{
	int64_t begun_ms, took_ms;

	(void)state;
	start("rests", 1, 30000);
	wait_until(heard_next("WATCHDOG=1"));
	begun_ms = clock_mono_ms();
	for (int i = 0; i < 5; i++)
		wait_until(heard_next("WATCHDOG=1"));
	took_ms = clock_mono_ms() - begun_ms;
	/* Not so rarely that systemd loses patience, and not at every turn. */
	if (took_ms < 5 * WATCHDOG_MS / 4 || took_ms > 5 * WATCHDOG_MS)
		fail_msg("five signs of life in %d ms", (int)took_ms);
	send(SIGTERM);
	assert_exits(0);
}

static void
a_supervisor_that_stands_still_gives_no_sign_of_life(void **state)
{
	(void)state;
	start("rests", 1, 30000);
	wait_until(heard_next("WATCHDOG=1"));
	send(SIGSTOP);
	wait_until(is_stopped());
	while (hear(0) != NULL)
		continue;
	/* Nothing, for longer than systemd would wait. */
	assert_null(hear(2 * WATCHDOG_MS));
	send(SIGCONT);
	wait_until(heard_next("WATCHDOG=1"));
	send(SIGTERM);
	assert_exits(0);
}

/* ---------------------------------------------------------------- running them */

static int
set_up(void **state)
{
	static const char *variables[] = {"NOTIFY_SOCKET", systemd.name, "WATCHDOG_USEC",
					  WATCHDOG_US, NULL};
	char path[sizeof(systemd.name)];

	(void)state;
	memset(stage, 0, sizeof(*stage));
	state_heard[0] = last_status[0] = '\0';
	memset(state_heard, 0, sizeof(state_heard));
	(void)snprintf(path, sizeof(path), "%s/notify", directory);
	notify_peer_open(&systemd, path);
	environment = variables;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	end_supervisor();
	notify_peer_close(&systemd);
	return 0;
}

static int
set_up_all(void **state)
{
	(void)state;
	if (!make_directory())
		return -1;
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	return stage != MAP_FAILED ? 0 : -1;
}

static int
tear_down_all(void **state)
{
	(void)state;
	remove_directory();
	return munmap(stage, sizeof(*stage));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(status_follows_the_pool),
		TEST(a_reload_begins_and_ends_for_systemd_however_it_goes),
		TEST(a_reload_and_a_drain_ask_for_the_time_they_take),
		TEST(the_watchdog_hears_at_half_its_interval),
		TEST(a_supervisor_that_stands_still_gives_no_sign_of_life),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
