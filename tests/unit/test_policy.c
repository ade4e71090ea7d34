/*
 * test_policy.c - what the supervisor decides, with made-up times and processes.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/policy.h"
#include "worker/worker.h"

#define EXITED(status)   ((status) << 8) /* as waitpid(2) has it on Linux */
#define SIGNALLED(signo) (signo)

/* ---- phases and signals ---- */

static void
phases_only_move_forward(void **state)
{
	enum run_phase phase = RUN_STARTING;

	(void)state;
	assert_true(policy_advance(&phase, RUN_DRAINING));
	assert_false(policy_advance(&phase, RUN_SERVING));
	assert_false(policy_advance(&phase, RUN_DRAINING));
	assert_int_equal(phase, RUN_DRAINING);
	assert_true(policy_advance(&phase, RUN_STOPPING));
	assert_true(policy_advance(&phase, RUN_GONE));
	assert_false(policy_advance(&phase, RUN_STOPPING));
}

static void
signals_do_what_the_contract_says(void **state)
{
	static const struct {
		int signo;
		enum run_phase phase;
		enum signal_effect effect;
		int exit_status;
	} cases[] = {
		{SIGTERM, RUN_STARTING, SIGNAL_DRAIN, 0},
		{SIGTERM, RUN_SERVING, SIGNAL_DRAIN, 0},
		{SIGINT, RUN_SERVING, SIGNAL_DRAIN, 0},
		{SIGTERM, RUN_DRAINING, SIGNAL_STOP, 143},
		{SIGINT, RUN_DRAINING, SIGNAL_STOP, 130},
		{SIGQUIT, RUN_STARTING, SIGNAL_STOP, 131},
		{SIGQUIT, RUN_SERVING, SIGNAL_STOP, 131},
		{SIGQUIT, RUN_DRAINING, SIGNAL_STOP, 131},
		{SIGTERM, RUN_STOPPING, SIGNAL_NOTHING, -1},
		{SIGQUIT, RUN_STOPPING, SIGNAL_NOTHING, -1},
		{SIGHUP, RUN_STARTING, SIGNAL_RELOAD, -1},
		{SIGHUP, RUN_SERVING, SIGNAL_RELOAD, -1},
		{SIGHUP, RUN_DRAINING, SIGNAL_NOTHING, -1},
		{SIGUSR1, RUN_SERVING, SIGNAL_NOTHING, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int exit_status = -1;

		assert_int_equal(policy_signal(cases[i].signo, cases[i].phase, &exit_status),
				 cases[i].effect);
		assert_int_equal(exit_status, cases[i].exit_status);
	}
}

/* ---- ends ---- */

static void
ends_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(policy_child_end(EXITED(CHILD_EXIT_ASKED), true), END_ASKED);
	assert_int_equal(policy_child_end(EXITED(CHILD_EXIT_ASKED), false), END_CRASHED);
	assert_int_equal(policy_child_end(EXITED(CHILD_EXIT_DECLARED_DEAD), false),
			 END_DECLARED_DEAD);
	assert_int_equal(policy_child_end(EXITED(CHILD_EXIT_SICK), true), END_SICK);
	assert_int_equal(policy_child_end(EXITED(CHILD_EXIT_OVERWHELMED), false), END_OVERWHELMED);
	assert_int_equal(policy_child_end(EXITED(CHILD_EXIT_MISCONFIGURED), false),
			 END_MISCONFIGURED);
	assert_int_equal(policy_child_end(EXITED(1), true), END_CRASHED);
	assert_int_equal(policy_child_end(SIGNALLED(SIGKILL), true), END_CRASHED);
	assert_int_equal(policy_child_end(SIGNALLED(SIGSEGV) | 0x80, false), END_CRASHED);
}

static void
only_a_clean_end_with_empty_hands_is_off_the_record(void **state)
{
	(void)state;
	assert_false(policy_death_is_recorded(END_ASKED, false));
	assert_true(policy_death_is_recorded(END_ASKED, true));
	for (int end = END_DECLARED_DEAD; end <= END_CRASHED; end++)
		assert_true(policy_death_is_recorded((enum child_end)end, false));
}

static void
a_death_for_want_of_memory_blames_the_job_only_if_it_was_the_first(void **state)
{
	(void)state;
	assert_false(policy_death_blames_job(END_SICK));
	assert_true(policy_death_blames_job(END_OVERWHELMED));
	assert_true(policy_death_blames_job(END_CRASHED));
	assert_true(policy_death_blames_job(END_DECLARED_DEAD));
}

/* ---- restarts ---- */

static void
who_was_ready_is_replaced_at_once(void **state)
{
	struct restart_history history = {.streak = 5};

	(void)state;
	assert_int_equal(policy_restart_delay(&history, END_CRASHED, true, 61000, 9), 0);
	assert_int_equal(history.streak, 0);
	history.streak = 5;
	assert_int_equal(policy_restart_delay(&history, END_DECLARED_DEAD, true, 200, 9), 0);
	assert_int_equal(history.streak, 0);
}

static void
a_slot_forks_at_most_once_in_its_spacing(void **state)
{
	struct restart_history history = {.streak = 0};

	(void)state;
	assert_int_equal(policy_restart_delay(&history, END_CRASHED, true, 0, 9),
			 RESTART_SPACING_MS);
	assert_int_equal(policy_restart_delay(&history, END_CRASHED, true, 30, 9),
			 RESTART_SPACING_MS - 30);
	assert_int_equal(policy_restart_delay(&history, END_CRASHED, true, RESTART_SPACING_MS, 9),
			 0);
}

static void
the_pause_grows_where_they_die_before_they_are_ready(void **state)
{
	struct restart_history history = {.streak = 0};
	int64_t last_ms = 0, pause_ms;

	(void)state;
	for (int i = 0; i < 7; i++) {
		pause_ms = policy_restart_delay(&history, END_CRASHED, false, 5, 0);
		assert_int_equal(pause_ms, (int64_t)RESTART_MIN_MS << i);
		assert_true(pause_ms > last_ms);
		last_ms = pause_ms;
	}
	for (unsigned i = 0; i < 100; i++) {
		pause_ms =
			policy_restart_delay(&history, END_NOT_STARTED, false, 0, i * 2654435761U);
		assert_in_range(pause_ms, RESTART_MAX_MS * 4 / 5, RESTART_MAX_MS);
	}
	(void)policy_restart_delay(&history, END_CRASHED, true, 1000, 0);
	assert_int_equal(policy_restart_delay(&history, END_CRASHED, false, 5, 0), RESTART_MIN_MS);
}

static void
jitter_stays_within_its_bounds(void **state)
{
	(void)state;
	for (uint32_t chance = 0; chance < 1000; chance++) {
		struct restart_history history = {.streak = 0};
		int64_t pause_ms =
			policy_restart_delay(&history, END_SICK, false, 0, chance * 7919);

		assert_in_range(pause_ms, RESTART_MIN_MS, RESTART_MIN_MS * 5 / 4);
	}
}

static void
the_misconfigured_wait_longest(void **state)
{
	struct restart_history history = {.streak = 0};

	(void)state;
	assert_int_equal(policy_restart_delay(&history, END_MISCONFIGURED, true, 9999, 3),
			 RESTART_MAX_MS);
	assert_int_equal(policy_restart_delay(&history, END_MISCONFIGURED, false, 0, 3),
			 RESTART_MAX_MS);
}

/* ---- the pool, played through ---- */

/* Every old worker is busy for ever, or leaves at once when retired. */
struct play {
	struct pool_counts counts;
	bool old_stay;
	int most_taking, least_ready;
	int retired;
};

static void
play_move(struct play *play, enum pool_move move)
{
	struct pool_counts *counts = &play->counts;

	if (move == POOL_START) {
		assert_true(counts->free_slots > 0);
		counts->new_starting++;
		counts->alive++;
		counts->free_slots--;
	} else {
		assert_true(counts->old > 0);
		counts->old--;
		play->retired++;
		if (!play->old_stay) {
			counts->alive--;
			counts->free_slots++;
		}
	}
}

static void
play_note(struct play *play)
{
	const struct pool_counts *counts = &play->counts;
	int taking = counts->old + counts->new_starting + counts->new_ready;
	int ready = counts->old + counts->new_ready;

	if (taking > play->most_taking)
		play->most_taking = taking;
	if (ready < play->least_ready)
		play->least_ready = ready;
}

/* Until nothing moves any more: all possible moves, then one of the starting gets ready. */
static void
play_through(struct play *play)
{
	play->most_taking = 0;
	play->least_ready = play->counts.old + play->counts.new_ready;
	for (int round = 0; round < 5000; round++) {
		enum pool_move move = policy_pool(&play->counts);

		if (move != POOL_NO_MOVE) {
			play_move(play, move);
		} else if (play->counts.new_starting > 0) {
			play->counts.new_starting--;
			play->counts.new_ready++;
		} else {
			return;
		}
		play_note(play);
	}
	fail_msg("the pool never comes to rest");
}

static struct play
pool_of(int wanted, int old, int new_ready, int slots)
{
	struct play play = {.counts = {.wanted = wanted,
				       .old = old,
				       .new_ready = new_ready,
				       .alive = old + new_ready,
				       .alive_limit = 2 * wanted + 1,
				       .free_slots = slots - old - new_ready}};

	return play;
}

static void
an_empty_pool_fills_up(void **state)
{
	struct play play = pool_of(5, 0, 0, 1025);

	(void)state;
	play_through(&play);
	assert_int_equal(play.counts.new_ready, 5);
	assert_int_equal(play.most_taking, 5);
}

static void
a_roll_replaces_all_and_never_has_two_too_many(void **state)
{
	struct play play = pool_of(5, 5, 1, 1025); /* a proven probe beside five old ones */

	(void)state;
	play_through(&play);
	assert_int_equal(play.counts.new_ready, 5);
	assert_int_equal(play.counts.old, 0);
	assert_int_equal(play.retired, 5);
	assert_int_equal(play.most_taking, 6);
	assert_true(play.least_ready >= 5);
}

static void
a_roll_does_not_wait_for_long_jobs(void **state)
{
	struct play play = pool_of(5, 5, 1, 1025);

	(void)state;
	play.old_stay = true;
	play_through(&play);
	assert_int_equal(play.counts.new_ready, 5);
	assert_int_equal(play.counts.alive, 10);
}

static void
the_largest_pool_rolls_through_its_one_spare_slot(void **state)
{
	struct play play = pool_of(1024, 1024, 1, 1025);

	(void)state;
	play_through(&play);
	assert_int_equal(play.counts.new_ready, 1024);
	assert_int_equal(play.counts.old, 0);
	/* With busy old ones it stands still rather than go without a slot. */
	play = pool_of(1024, 1024, 1, 1025);
	play.old_stay = true;
	play_through(&play);
	assert_int_equal(play.counts.old, 1023);
	assert_true(play.least_ready >= 1024);
}

static void
reload_after_reload_does_not_fill_the_machine(void **state)
{
	struct play play = pool_of(5, 5, 1, 1025);

	(void)state;
	play.old_stay = true;
	play.counts.alive += 20; /* the busy ones of earlier rolls */
	play.counts.free_slots -= 20;
	play_through(&play);
	assert_int_equal(play.counts.new_ready, 1);
	assert_int_equal(play.counts.old, 4);
	assert_true(play.least_ready >= 5);
}

static void
a_pool_shrinks_and_grows(void **state)
{
	struct play play = pool_of(2, 7, 1, 1025);

	(void)state;
	play_through(&play);
	assert_int_equal(play.counts.new_ready, 2);
	assert_int_equal(play.counts.old, 0);
	assert_true(play.least_ready >= 2);
	play = pool_of(7, 2, 1, 1025);
	play_through(&play);
	assert_int_equal(play.counts.new_ready, 7);
	assert_int_equal(play.counts.old, 0);
	assert_true(play.least_ready >= 2);
	assert_int_equal(play.most_taking, 8);
}

static void
a_pausing_slot_counts_as_filled(void **state)
{
	struct play play = pool_of(3, 0, 2, 1025);

	(void)state;
	play.counts.waiting = 1;
	play_through(&play);
	assert_int_equal(play.counts.new_ready, 2);
	/* And while one pauses, no old one is given up. */
	play = pool_of(3, 2, 0, 1025);
	play.counts.waiting = 1;
	play_through(&play);
	assert_int_equal(play.counts.old, 2);
}

/* ---- the watchdog ---- */

static struct watched
a_worker(void)
{
	return (struct watched){.is_ready = true,
				.now_ms = 1000000,
				.since_ms = 900000,
				.heartbeat_ms = 999000,
				.slots = 5};
}

static void
a_job_past_its_deadline_costs_the_worker(void **state)
{
	struct watched watched = a_worker();

	(void)state;
	watched.has_job = true;
	watched.job_deadline_ms = watched.now_ms - WATCH_GRACE_MS;
	assert_int_equal(policy_watch(&watched), VERDICT_FINE);
	watched.job_deadline_ms--;
	assert_int_equal(policy_watch(&watched), VERDICT_JOB_OVERDUE);
	watched.is_leaving = true;
	assert_int_equal(policy_watch(&watched), VERDICT_JOB_OVERDUE);
}

static void
a_job_in_time_may_be_silent(void **state)
{
	struct watched watched = a_worker();

	(void)state;
	watched.has_job = true;
	watched.job_deadline_ms = watched.now_ms + 1;
	watched.heartbeat_ms = 0;
	watched.since_ms = 0;
	assert_int_equal(policy_watch(&watched), VERDICT_FINE);
	watched.is_leaving = true; /* it may finish */
	assert_int_equal(policy_watch(&watched), VERDICT_FINE);
}

static void
who_is_not_ready_in_time_is_killed(void **state)
{
	struct watched watched = a_worker();

	(void)state;
	watched.is_ready = false;
	watched.heartbeat_ms = 0;
	watched.since_ms = watched.now_ms - WATCH_READY_MS;
	assert_int_equal(policy_watch(&watched), VERDICT_FINE);
	watched.since_ms--;
	assert_int_equal(policy_watch(&watched), VERDICT_NEVER_READY);
}

static void
a_silent_dispatcher_is_killed(void **state)
{
	struct watched watched = a_worker();

	(void)state;
	watched.is_dispatcher = true;
	watched.heartbeat_ms = watched.now_ms - WATCH_SILENT_MS;
	assert_int_equal(policy_watch(&watched), VERDICT_FINE);
	watched.heartbeat_ms--;
	assert_int_equal(policy_watch(&watched), VERDICT_SILENT);
	/* Just started, or the supervisor itself stood still until now: it gets its time. */
	watched.since_ms = watched.now_ms - 1;
	assert_int_equal(policy_watch(&watched), VERDICT_FINE);
}

static void
an_idle_worker_is_given_long(void **state)
{
	struct watched watched = a_worker();

	(void)state;
	watched.since_ms = 0;
	watched.heartbeat_ms = watched.now_ms - WATCH_IDLE_MS - 5 * WATCH_IDLE_SLOT_MS;
	assert_int_equal(policy_watch(&watched), VERDICT_FINE);
	watched.heartbeat_ms--;
	assert_int_equal(policy_watch(&watched), VERDICT_SILENT);
}

static void
who_was_ordered_and_stays_is_killed(void **state)
{
	struct watched watched = a_worker();

	(void)state;
	watched.is_leaving = true;
	watched.leaving_since_ms = watched.now_ms - WATCH_LEAVE_MS;
	assert_int_equal(policy_watch(&watched), VERDICT_FINE);
	watched.leaving_since_ms--;
	assert_int_equal(policy_watch(&watched), VERDICT_DOES_NOT_LEAVE);
}

/* ---- the end ---- */

static void
an_idle_pool_ends_without_a_wait(void **state)
{
	struct stop_plan plan = policy_stop_drain(1000, 30000);
	struct stop_facts facts = {.workers = 3, .dispatcher = true};

	(void)state;
	assert_false(policy_stop_step(&plan, &facts, 1001));
	facts.workers = 0;
	assert_true(policy_stop_step(&plan, &facts, 1010));
	assert_int_equal(plan.stage, STOP_CONFIRM);
	assert_true(policy_stop_step(&plan, &facts, 1010));
	assert_int_equal(plan.stage, STOP_DISPATCHER);
	assert_false(policy_stop_step(&plan, &facts, 1011));
	facts.dispatcher = false;
	assert_true(policy_stop_step(&plan, &facts, 1012));
	assert_int_equal(plan.stage, STOP_OVER);
	assert_false(policy_stop_step(&plan, &facts, 999999));
}

static void
a_drain_goes_from_asking_to_killing(void **state)
{
	struct stop_plan plan = policy_stop_drain(0, 30000);
	struct stop_facts facts = {.workers = 3, .dispatcher = true};

	(void)state;
	assert_false(policy_stop_step(&plan, &facts, 29999));
	assert_true(policy_stop_step(&plan, &facts, 30000));
	assert_int_equal(plan.stage, STOP_GIVE_BACK);
	assert_false(policy_stop_step(&plan, &facts, 30000 + STOP_GIVE_BACK_MS - 1));
	assert_true(policy_stop_step(&plan, &facts, 30000 + STOP_GIVE_BACK_MS));
	assert_int_equal(plan.stage, STOP_KILL);
	facts = (struct stop_facts){.dispatcher = true, .open_deaths = true};
	assert_true(policy_stop_step(&plan, &facts, 34000));
	assert_int_equal(plan.stage, STOP_CONFIRM);
	assert_false(policy_stop_step(&plan, &facts, 34000 + STOP_CONFIRM_MS - 1));
	facts.open_deaths = false;
	assert_true(policy_stop_step(&plan, &facts, 34010));
	assert_int_equal(plan.stage, STOP_DISPATCHER);
}

static void
every_stage_ends_whatever_the_children_do(void **state)
{
	struct stop_plan plan = policy_stop_drain(0, 30000);
	struct stop_facts facts = {.workers = 3, .dispatcher = true, .open_deaths = true};
	int64_t now_ms = 0;

	(void)state;
	while (plan.stage != STOP_OVER) {
		(void)policy_stop_step(&plan, &facts, now_ms);
		now_ms += 10;
		assert_true(now_ms < 30000 + STOP_GIVE_BACK_MS + 2 * STOP_KILL_MS +
					     STOP_CONFIRM_MS + STOP_DISPATCHER_MS + 100);
	}
}

static void
hurry_cuts_a_drain_short_but_takes_nothing_back(void **state)
{
	struct stop_plan plan = policy_stop_drain(0, 30000);
	struct stop_facts facts = {.workers = 3, .dispatcher = true};

	(void)state;
	policy_stop_hurry(&plan, 100);
	assert_true(policy_stop_step(&plan, &facts, 100));
	assert_int_equal(plan.stage, STOP_GIVE_BACK);
	assert_int_equal(plan.deadline_ms, 100 + STOP_GIVE_BACK_MS);
	/* Given back already: a hasty signal gives no more time. */
	policy_stop_hurry(&plan, 200);
	assert_int_equal(plan.deadline_ms, 100 + STOP_GIVE_BACK_MS);
	assert_int_equal(plan.stage, STOP_GIVE_BACK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_only_move_forward),
		cmocka_unit_test(signals_do_what_the_contract_says),
		cmocka_unit_test(ends_are_told_apart),
		cmocka_unit_test(only_a_clean_end_with_empty_hands_is_off_the_record),
		cmocka_unit_test(
			a_death_for_want_of_memory_blames_the_job_only_if_it_was_the_first),
		cmocka_unit_test(who_was_ready_is_replaced_at_once),
		cmocka_unit_test(a_slot_forks_at_most_once_in_its_spacing),
		cmocka_unit_test(the_pause_grows_where_they_die_before_they_are_ready),
		cmocka_unit_test(jitter_stays_within_its_bounds),
		cmocka_unit_test(the_misconfigured_wait_longest),
		cmocka_unit_test(an_empty_pool_fills_up),
		cmocka_unit_test(a_roll_replaces_all_and_never_has_two_too_many),
		cmocka_unit_test(a_roll_does_not_wait_for_long_jobs),
		cmocka_unit_test(the_largest_pool_rolls_through_its_one_spare_slot),
		cmocka_unit_test(reload_after_reload_does_not_fill_the_machine),
		cmocka_unit_test(a_pool_shrinks_and_grows),
		cmocka_unit_test(a_pausing_slot_counts_as_filled),
		cmocka_unit_test(a_job_past_its_deadline_costs_the_worker),
		cmocka_unit_test(a_job_in_time_may_be_silent),
		cmocka_unit_test(who_is_not_ready_in_time_is_killed),
		cmocka_unit_test(a_silent_dispatcher_is_killed),
		cmocka_unit_test(an_idle_worker_is_given_long),
		cmocka_unit_test(who_was_ordered_and_stays_is_killed),
		cmocka_unit_test(an_idle_pool_ends_without_a_wait),
		cmocka_unit_test(a_drain_goes_from_asking_to_killing),
		cmocka_unit_test(every_stage_ends_whatever_the_children_do),
		cmocka_unit_test(hurry_cuts_a_drain_short_but_takes_nothing_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
