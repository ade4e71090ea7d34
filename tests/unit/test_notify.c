/*
 * notify.c: what goes to systemd, and what is asked for by its variables.
 *
 * It reads the environment once in a process' life, so each case is a child's; systemd's end of the
 * socket is in the same child.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/notify.h"
#include "tests/unit/log_child.h"
#include "tests/unit/notify_peer.h"

/* In a child, whose exit status tells. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "# line %d, in vain: %s\n", __LINE__, #condition);         \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static struct notify_peer peer;
static const char *peer_name;
static const char *interval, *process;
static uint64_t expected_us;

static void
set_variable(const char *name, const char *value)
{
	if (value != NULL)
		(void)setenv(name, value, 1);
	else
		(void)unsetenv(name);
}

static void
begin(const char *name)
{
	if (name != NULL)
		notify_peer_open(&peer, name);
	set_variable("NOTIFY_SOCKET", name);
	set_variable("WATCHDOG_USEC", interval);
	set_variable("WATCHDOG_PID", process);
	notify_setup();
}

static bool
came(const char *expected)
{
	const char *text = notify_peer_next(&peer, 0);

	if (text != NULL && strcmp(text, expected) == 0)
		return true;
	fprintf(stderr, "# \"%s\" came for \"%s\"\n", text != NULL ? text : "nothing", expected);
	return false;
}

static bool
nothing_came(void)
{
	return notify_peer_next(&peer, 0) == NULL;
}

/* RELOADING=1 is of no use to systemd unless its time is not before its own request. */
static bool
reloading_came(int64_t since_us)
{
	static const char head[] = "RELOADING=1\nMONOTONIC_USEC=";
	const char *text = notify_peer_next(&peer, 0);
	struct timespec now;
	int64_t at_us;

	if (text == NULL || strncmp(text, head, strlen(head)) != 0)
		return false;
	at_us = strtoll(text + strlen(head), NULL, 10);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return at_us >= since_us && at_us <= (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int
tell_everything(void)
{
	struct timespec now;

	begin(peer_name);
	EXPECT(notify_is_on());
	EXPECT(getenv("NOTIFY_SOCKET") == NULL && getenv("WATCHDOG_USEC") == NULL &&
	       getenv("WATCHDOG_PID") == NULL);
	notify_ready();
	EXPECT(came("READY=1"));
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	notify_reloading();
	EXPECT(reloading_came((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000));
	notify_alive();
	EXPECT(came("WATCHDOG=1"));
	notify_extend(10000);
	EXPECT(came("EXTEND_TIMEOUT_USEC=10000000"));
	notify_stopping();
	EXPECT(came("STOPPING=1"));
	EXPECT(nothing_came());
	notify_peer_close(&peer);
	return 0;
}

static void
all_of_it_reaches_a_path_and_an_abstract_socket(void **state)
{
	char name[96];

	(void)state;
	interval = "30000000";
	(void)snprintf(name, sizeof(name), "/tmp/publisher-notify.%d", getpid());
	peer_name = name;
	log_child_collect(tell_everything);
	assert_int_equal(log_child_count_lines(), 0);
	name[0] = '@';
	log_child_collect(tell_everything);
	assert_int_equal(log_child_count_lines(), 0);
	interval = NULL;
}

static int
tell_status(void)
{
	char endless[2 * NOTIFY_STATUS_SIZE];
	const char *text;

	begin(peer_name);
	notify_status("4/5 busy");
	EXPECT(came("STATUS=4/5 busy"));
	notify_status("4/5 busy");
	EXPECT(nothing_came());
	notify_status("5/5 busy");
	EXPECT(came("STATUS=5/5 busy"));
	notify_status("refused\nREADY=1\x7f");
	EXPECT(came("STATUS=refused READY=1 "));
	notify_status("br\xffoken");
	EXPECT(came("STATUS=br\xEF\xBF\xBDoken"));
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	notify_status(endless);
	text = notify_peer_next(&peer, 0);
	EXPECT(text != NULL && strlen(text) == strlen("STATUS=") + NOTIFY_STATUS_SIZE - 1);
	notify_status(endless);
	EXPECT(nothing_came());
	return 0;
}

static void
a_status_is_one_line_and_told_once(void **state)
{
	(void)state;
	peer_name = "@publisher-notify-status";
	log_child_collect(tell_status);
}

static int
tell_a_full_socket(void)
{
	int room = 0;

	begin(peer_name);
	notify_alive();
	EXPECT(came("WATCHDOG=1"));
	/* Until it is full: nothing waits, and nothing more comes out of it than went in. */
	for (int i = 0; i < 20000; i++)
		notify_alive();
	notify_reloading();
	notify_status("of no interest any more when there is room again");
	notify_ready();
	while (notify_peer_next(&peer, 0) != NULL) {
		EXPECT(strcmp(peer.text, "WATCHDOG=1") == 0);
		room++;
	}
	EXPECT(room > 0 && room < 20000);
	notify_again();
	EXPECT(reloading_came(0) && came("READY=1") && nothing_came());
	notify_again();
	EXPECT(nothing_came());
	notify_status("now");
	EXPECT(came("STATUS=now"));
	return 0;
}

static void
a_state_that_systemd_does_not_take_is_told_later_in_its_order(void **state)
{
	(void)state;
	peer_name = "@publisher-notify-full";
	log_child_collect(tell_a_full_socket);
	assert_int_equal(log_child_count_lines(), 1);
	assert_non_null(strstr(log_child_got, "trying again"));
}

/* A storm of reloads while systemd is away for a while ends with what is true. */
static int
tell_too_much(void)
{
	begin(peer_name);
	notify_peer_close(&peer);
	for (int i = 0; i < 10; i++) {
		notify_reloading();
		notify_ready();
	}
	notify_stopping();
	notify_peer_open(&peer, peer_name);
	notify_again();
	EXPECT(came("READY=1") && reloading_came(0) && came("READY=1") && came("STOPPING=1"));
	EXPECT(nothing_came());
	return 0;
}

static void
of_too_many_states_the_last_are_kept(void **state)
{
	(void)state;
	peer_name = "@publisher-notify-many";
	log_child_collect(tell_too_much);
}

static int
ask_for_the_watchdog(void)
{
	char own[32];

	(void)snprintf(own, sizeof(own), "%d", getpid());
	if (process != NULL && strcmp(process, "own") == 0)
		process = own;
	begin(peer_name);
	EXPECT(notify_watchdog_us() == expected_us);
	EXPECT(getenv("WATCHDOG_USEC") == NULL && getenv("WATCHDOG_PID") == NULL);
	return 0;
}

static void
assert_watchdog(const char *usec, const char *pid, uint64_t every_us, size_t complaints)
{
	interval = usec;
	process = pid;
	expected_us = every_us;
	log_child_collect(ask_for_the_watchdog);
	assert_int_equal(log_child_count_lines(), complaints);
	interval = process = NULL;
}

static void
the_watchdog_is_asked_for_by_two_variables(void **state)
{
	(void)state;
	peer_name = "@publisher-notify-watchdog";
	assert_watchdog(NULL, NULL, 0, 0);
	assert_watchdog("", NULL, 0, 0);
	assert_watchdog("30000000", NULL, 15000000, 0);
	assert_watchdog("30000000", "own", 15000000, 0);
	assert_watchdog("30000000", "1", 0, 0); /* another's */
	assert_watchdog("1", NULL, 1, 0);
	assert_watchdog("0", NULL, 0, 1);
	assert_watchdog("-5", NULL, 0, 1);
	assert_watchdog("30s", NULL, 0, 1);
	assert_watchdog("18446744073709551615", NULL, 0, 1);
	assert_watchdog("99999999999999999999", NULL, 0, 1);
	assert_watchdog("30000000", "me", 0, 1);
	peer_name = NULL;
	assert_watchdog("30000000", NULL, 0, 0); /* nobody listens */
}

static int
tell_nobody(void)
{
	set_variable("NOTIFY_SOCKET", peer_name);
	notify_setup();
	EXPECT(!notify_is_on());
	notify_ready();
	notify_reloading();
	notify_status("heard by nobody");
	notify_alive();
	notify_extend(1);
	notify_again();
	return 0;
}

static void
a_socket_that_is_none_is_named_and_left_alone(void **state)
{
	char endless[200];

	(void)state;
	peer_name = NULL;
	log_child_collect(tell_nobody);
	assert_int_equal(log_child_count_lines(), 0);
	memset(endless, '/', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	for (const char *const *name =
		     (const char *const[]){"@", "run/notify", "vsock:2:1234", endless, NULL};
	     *name != NULL; name++) {
		peer_name = *name;
		log_child_collect(tell_nobody);
		assert_int_equal(log_child_count_lines(), 1);
		assert_non_null(strstr(log_child_got, "NOTIFY_SOCKET"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_reaches_a_path_and_an_abstract_socket),
		cmocka_unit_test(a_status_is_one_line_and_told_once),
		cmocka_unit_test(a_state_that_systemd_does_not_take_is_told_later_in_its_order),
		cmocka_unit_test(of_too_many_states_the_last_are_kept),
		cmocka_unit_test(the_watchdog_is_asked_for_by_two_variables),
		cmocka_unit_test(a_socket_that_is_none_is_named_and_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
