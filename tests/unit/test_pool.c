/*
 * test_pool.c - the whole supervisor over children that are made up: real processes, real signals,
 * no servers.
 *
 * worker_main() and dispatcher_main() are defined here; QUEUE_NAME tells a worker what to do, so
 * that a reload can change it: idle      waits for an order busy      has a job; finishes it when
 * the stage says so; gives it back when ordered to stop deaf      has a job and obeys nobody
 *   overdue   the first generation has a job whose time is long over, and obeys nobody
 *   unborn    dies before it is ready
 *   unfit     is idle; the dispatcher leaves as misconfigured
 * What they do is noted on a stage in shared memory, which outlives them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "tests/unit/pool_under_test.h"

#define DEAF_JOB "deviation-deaf"

struct stage {
	atomic_bool release;               /* busy workers may finish */
	atomic_bool confirm_nothing;       /* the dispatcher sleeps over deaths */
	atomic_int started, ready;         /* workers, ever */
	atomic_int taking, most_taking;    /* workers that would take a job now */
	atomic_int finished, given_back;   /* jobs */
	atomic_int drains, retires, stops; /* orders that workers got */
	atomic_int confirmed;              /* deaths */
	atomic_int order;                  /* counts ends; who ended when: */
	atomic_int last_worker_end, dispatcher_end;
	atomic_int last_busy_pid, dispatcher_pid, dispatchers;
};

static struct stage *stage;

/* ---------------------------------------------------------------- the children */

bool
worker_prepare(const struct config *config, struct failure *why)
{
	(void)config;
	(void)why;
	return true;
}

static bool
is(const struct child *child, const char *behaviour)
{
	return strcmp(child->config->s3_path_prefix, behaviour) == 0;
}

static _Noreturn void
leave(void)
{
	atomic_store(&stage->last_worker_end, atomic_fetch_add(&stage->order, 1) + 1);
	_exit(CHILD_EXIT_ASKED);
}

static void
note_order(int order)
{
	if (order == CHILD_ORDER_DRAIN)
		atomic_fetch_add(&stage->drains, 1);
	else if (order == CHILD_ORDER_RETIRE)
		atomic_fetch_add(&stage->retires, 1);
	else if (order == CHILD_ORDER_STOP)
		atomic_fetch_add(&stage->stops, 1);
}

static void
begin_taking(void)
{
	int taking = atomic_fetch_add(&stage->taking, 1) + 1;
	int most = atomic_load(&stage->most_taking);

	while (taking > most && !atomic_compare_exchange_weak(&stage->most_taking, &most, taking))
		continue;
}

static _Noreturn void
play_deaf(const struct child *child, int64_t deadline_ms)
{
	(void)scoreboard_job_begin(child->board, child->slot, DEAF_JOB, "deaf", 1, deadline_ms,
				   deadline_ms);
	atomic_store(&stage->last_busy_pid, getpid());
	say_ready(child);
	for (;;)
		(void)poll(NULL, 0, 1000);
}

static _Noreturn void
play_worker(const struct child *child, bool has_job)
{
	bool leaving = false;

	if (has_job) {
		int64_t end_ms = clock_mono_ms() + 600000;

		(void)scoreboard_job_begin(child->board, child->slot, "deviation-busy", "busy", 1,
					   end_ms, end_ms);
		atomic_store(&stage->last_busy_pid, getpid());
	}
	begin_taking();
	atomic_fetch_add(&stage->ready,
			 1); /* first, so that nobody hears of it and finds it not counted */
	say_ready(child);
	for (;;) {
		int order = next_order(child, has_job ? 2 : 1000);

		note_order(order);
		if (order == -1)
			leave();
		if (order != 0 && !leaving) {
			leaving = true;
			atomic_fetch_sub(&stage->taking, 1);
		}
		if (has_job && (order == CHILD_ORDER_STOP || atomic_load(&stage->release))) {
			atomic_fetch_add(order == CHILD_ORDER_STOP ? &stage->given_back
								   : &stage->finished,
					 1);
			scoreboard_job_end(child->board, child->slot);
			has_job = false;
		}
		if (leaving && !has_job)
			leave();
	}
}

_Noreturn void
worker_main(const struct child *child)
{
	atomic_fetch_add(&stage->started, 1);
	if (is(child, "unborn"))
		_exit(1);
	if (is(child, "deaf"))
		play_deaf(child, clock_mono_ms() + 600000);
	if (is(child, "overdue") && child->generation == 1)
		play_deaf(child, clock_mono_ms() - 60000);
	play_worker(child, is(child, "busy"));
}

static void
confirm_deaths(const struct child *child)
{
	char token[SCOREBOARD_TOKEN_SIZE];
	uint64_t serial;
	size_t at = 0;

	if (atomic_load(&stage->confirm_nothing))
		return;
	while (scoreboard_death_next(child->board, &at, &serial, token)) {
		scoreboard_death_confirmed(child->board, serial);
		atomic_fetch_add(&stage->confirmed, 1);
	}
}

_Noreturn void
dispatcher_main(const struct child *child)
{
	if (is(child, "unfit"))
		_exit(CHILD_EXIT_MISCONFIGURED);
	atomic_store(&stage->dispatcher_pid, getpid());
	atomic_fetch_add(&stage->dispatchers, 1);
	say_ready(child);
	for (;;) {
		int order;

		scoreboard_activity(child->board, child->slot, ACTIVITY_RUNNING);
		order = next_order(child, 50);
		confirm_deaths(child);
		if (order != 0 && order != CHILD_ORDER_LOOK)
			break;
	}
	atomic_store(&stage->dispatcher_end, atomic_fetch_add(&stage->order, 1) + 1);
	_exit(CHILD_EXIT_ASKED);
}

/* Or dead and not buried: not every init does it. */
static bool
is_gone(pid_t pid)
{
	char path[64], text[512] = "";
	const char *state;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0'; /* it went just now */
	(void)close(fd);
	state = strrchr(text, ')');
	return state == NULL || state[2] == 'Z' || state[2] == 'X';
}

/* ---------------------------------------------------------------- tests: the end */

static void
drain_finishes_the_jobs_in_hand(void **state)
{
	(void)state;
	start("busy", 3, 30000);
	wait_until(atomic_load(&stage->ready) == 3);
	send(SIGTERM);
	wait_until(atomic_load(&stage->drains) == 3);
	assert_int_equal(atomic_load(&stage->finished), 0);
	assert_int_equal(atomic_load(&stage->dispatcher_end), 0);
	atomic_store(&stage->release, true);
	assert_exits(0);
	assert_int_equal(atomic_load(&stage->finished), 3);
	assert_int_equal(atomic_load(&stage->given_back), 0);
	assert_true(atomic_load(&stage->dispatcher_end) > atomic_load(&stage->last_worker_end));
}

static void
drain_deadline_gives_the_jobs_back_and_exits_0(void **state)
{
	(void)state;
	start("busy", 3, 200);
	wait_until(atomic_load(&stage->ready) == 3);
	send(SIGINT);
	assert_exits(0);
	assert_int_equal(atomic_load(&stage->given_back), 3);
	assert_int_equal(atomic_load(&stage->finished), 0);
	assert_int_equal(log_count("\"signal SIGKILL"), 0);
}

static void
a_second_term_gives_the_jobs_back_at_once_and_exits_143(void **state)
{
	(void)state;
	start("busy", 3, 60000);
	wait_until(atomic_load(&stage->ready) == 3);
	send(SIGTERM);
	wait_until(atomic_load(&stage->drains) == 3);
	send(SIGTERM);
	assert_exits(143);
	assert_int_equal(atomic_load(&stage->given_back), 3);
}

static void
quit_gives_the_jobs_back_and_exits_131(void **state)
{
	(void)state;
	start("busy", 3, 60000);
	wait_until(atomic_load(&stage->ready) == 3);
	send(SIGQUIT);
	assert_exits(131);
	assert_int_equal(atomic_load(&stage->given_back), 3);
}

static void
who_obeys_nobody_is_killed_and_its_job_handed_on(void **state)
{
	(void)state;
	start("deaf", 2, 100);
	wait_until(log_count("\"serving\"") == 1 && atomic_load(&stage->started) == 2);
	send(SIGTERM);
	assert_exits(0);
	assert_int_equal(log_count("by us"), 2);
	assert_int_equal(log_count("\"jobId\":\"" DEAF_JOB "\""), 2);
	assert_int_equal(atomic_load(&stage->confirmed), 2);
	assert_true(atomic_load(&stage->dispatcher_end) > 0);
}

static void
the_end_does_not_wait_for_ever_for_the_dispatcher(void **state)
{
	(void)state;
	atomic_store(&stage->confirm_nothing, true);
	start("deaf", 1, 100);
	wait_until(log_count("\"serving\"") == 1);
	send(SIGQUIT);
	assert_exits(131);
	assert_int_equal(log_count("were not handed back in time"), 1);
}

static void
a_dispatcher_that_dies_in_a_drain_is_still_needed(void **state)
{
	(void)state;
	start("busy", 1, 60000);
	wait_until(atomic_load(&stage->ready) == 1 && atomic_load(&stage->dispatchers) == 1);
	send(SIGTERM);
	wait_until(atomic_load(&stage->drains) == 1);
	assert_int_equal(kill(atomic_load(&stage->dispatcher_pid), SIGKILL), 0);
	wait_until(atomic_load(&stage->dispatchers) == 2);
	atomic_store(&stage->release, true);
	assert_exits(0);
}

static void
children_are_gone_within_five_seconds_of_their_supervisor(void **state)
{
	pid_t deaf;

	(void)state;
	start("deaf", 1, 60000);
	wait_until(log_count("\"serving\"") == 1);
	deaf = atomic_load(&stage->last_busy_pid);
	send(SIGKILL);
	assert_int_equal(waitpid(supervisor_pid, NULL, 0), supervisor_pid);
	supervisor_pid = 0;
	for (int64_t end_ms = clock_mono_ms() + 5000; !is_gone(deaf);) {
		assert_true(clock_mono_ms() < end_ms);
		(void)poll(NULL, 0, 5);
	}
}

/* ---------------------------------------------------------------- tests: deaths */

static void
a_dead_workers_token_reaches_the_dispatcher(void **state)
{
	(void)state;
	start("busy", 2, 60000);
	wait_until(atomic_load(&stage->ready) == 2);
	assert_int_equal(kill(atomic_load(&stage->last_busy_pid), SIGKILL), 0);
	wait_until(atomic_load(&stage->confirmed) == 1);
	wait_until(atomic_load(&stage->ready) == 3);
	assert_int_equal(log_count("\"jobId\":\"deviation-busy\""), 1);
	atomic_store(&stage->release, true);
	send(SIGTERM);
	assert_exits(0);
	/* Those who left in order were not declared dead. */
	assert_int_equal(atomic_load(&stage->confirmed), 1);
}

static void
an_overdue_job_costs_its_worker_and_is_handed_on(void **state)
{
	(void)state;
	start("overdue", 1, 60000);
	wait_until(atomic_load(&stage->confirmed) == 1);
	wait_until(atomic_load(&stage->ready) == 1);
	assert_int_equal(log_count("does not let go of a job"), 1);
	send(SIGTERM);
	assert_exits(0);
}

static void
those_that_die_before_they_are_ready_make_no_storm(void **state)
{
	int64_t begun_ms = clock_mono_ms();

	(void)state;
	start("unborn", 4, 60000);
	/* Pauses of 250, 500 and 1000 ms at least lie between the first four of each slot. */
	wait_until(atomic_load(&stage->started) >= 16);
	assert_true(clock_mono_ms() - begun_ms >= 1750);
	send(SIGTERM);
	assert_exits(0);
}

static void
a_start_with_an_unfit_configuration_exits_78(void **state)
{
	(void)state;
	start("unfit", 2, 60000);
	assert_exits(78);
	assert_int_equal(log_count("misconfigured"), 1);
}

static void
few_descriptors_mean_fewer_workers_not_none(void **state)
{
	(void)state;
	start_with("idle", 40, 60000, 24);
	wait_until(log_count("cannot start a process") == 1);
	wait_until(atomic_load(&stage->ready) > 0);
	assert_true(atomic_load(&stage->ready) < 40);
	send(SIGTERM);
	assert_exits(0);
}

static void
two_hundred_workers_come_and_go(void **state)
{
	(void)state;
	start("idle", 200, 60000);
	wait_until(atomic_load(&stage->ready) == 200);
	assert_int_equal(atomic_load(&stage->most_taking), 200);
	send(SIGTERM);
	assert_exits(0);
	assert_int_equal(log_count("child died"), 0);
}

/* ---------------------------------------------------------------- tests: reload */

static void
a_roll_over_busy_workers_interrupts_no_job(void **state)
{
	(void)state;
	start("busy", 3, 60000);
	wait_until(atomic_load(&stage->ready) == 3);
	write_settings("idle", 3, 60000);
	send(SIGHUP);
	wait_until(log_count("\"reload done\"") == 1);
	/* The new pool is complete while the old jobs go on. */
	assert_int_equal(atomic_load(&stage->ready), 6);
	wait_until(atomic_load(&stage->retires) == 3);
	assert_int_equal(atomic_load(&stage->finished), 0);
	assert_int_equal(atomic_load(&stage->dispatchers), 2);
	atomic_store(&stage->release, true);
	wait_until(atomic_load(&stage->finished) == 3);
	send(SIGTERM);
	assert_exits(0);
	assert_int_equal(atomic_load(&stage->given_back), 0);
	assert_int_equal(log_count("child died"), 0);
}

static void
a_reload_whose_first_worker_dies_is_refused(void **state)
{
	(void)state;
	start("busy", 3, 60000);
	wait_until(atomic_load(&stage->ready) == 3);
	write_settings("unborn", 5, 60000);
	send(SIGHUP);
	wait_until(log_count("\"reload refused") == 1);
	assert_int_equal(atomic_load(&stage->started), 4);
	assert_int_equal(atomic_load(&stage->retires), 0);
	/* A successor has the old configuration. */
	assert_int_equal(kill(atomic_load(&stage->last_busy_pid), SIGKILL), 0);
	wait_until(atomic_load(&stage->ready) == 4);
	assert_int_equal(log_count("\"configGeneration\":2"), 1);
	/* And a later reload is not spoilt by it. */
	write_settings("idle", 2, 60000);
	send(SIGHUP);
	wait_until(log_count("\"reload done\"") == 1);
	atomic_store(&stage->release, true);
	send(SIGTERM);
	assert_exits(0);
}

static void
a_reload_repairs_a_pool_that_cannot_start(void **state)
{
	(void)state;
	start("unborn", 3, 60000);
	wait_until(atomic_load(&stage->started) >= 6);
	write_settings("idle", 3, 60000);
	send(SIGHUP);
	wait_until(log_count("\"reload done\"") == 1);
	assert_int_equal(atomic_load(&stage->ready), 3);
	send(SIGTERM);
	assert_exits(0);
}

static void
term_while_a_probe_is_out_drains_everything(void **state)
{
	(void)state;
	start("busy", 3, 60000);
	wait_until(atomic_load(&stage->ready) == 3);
	write_settings("busy", 6, 60000);
	/* Held, so that both signals are there when the loop comes round. */
	send(SIGSTOP);
	send(SIGHUP);
	send(SIGTERM);
	send(SIGCONT);
	wait_until(atomic_load(&stage->drains) >= 3);
	atomic_store(&stage->release, true);
	assert_exits(0);
	assert_int_equal(atomic_load(&stage->given_back), 0);
}

/* ---------------------------------------------------------------- running them */

static int
set_up(void **state)
{
	(void)state;
	memset(stage, 0, sizeof(*stage));
	(void)unlink(log_path);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	end_supervisor();
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
		TEST(drain_finishes_the_jobs_in_hand),
		TEST(drain_deadline_gives_the_jobs_back_and_exits_0),
		TEST(a_second_term_gives_the_jobs_back_at_once_and_exits_143),
		TEST(quit_gives_the_jobs_back_and_exits_131),
		TEST(who_obeys_nobody_is_killed_and_its_job_handed_on),
		TEST(the_end_does_not_wait_for_ever_for_the_dispatcher),
		TEST(a_dispatcher_that_dies_in_a_drain_is_still_needed),
		TEST(children_are_gone_within_five_seconds_of_their_supervisor),
		TEST(a_dead_workers_token_reaches_the_dispatcher),
		TEST(an_overdue_job_costs_its_worker_and_is_handed_on),
		TEST(those_that_die_before_they_are_ready_make_no_storm),
		TEST(a_start_with_an_unfit_configuration_exits_78),
		TEST(few_descriptors_mean_fewer_workers_not_none),
		TEST(two_hundred_workers_come_and_go),
		TEST(a_roll_over_busy_workers_interrupts_no_job),
		TEST(a_reload_whose_first_worker_dies_is_refused),
		TEST(a_reload_repairs_a_pool_that_cannot_start),
		TEST(term_while_a_probe_is_out_drains_everything),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
