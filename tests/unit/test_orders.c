/*
 * orders.c: what the supervisor says on the pipe, and what its silence for ever means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/orders.h"
#include "worker/worker.h"

struct wire {
	int fds[2];
	struct orders orders;
};

static void
open_wire(struct wire *wire)
{
	assert_int_equal(pipe2(wire->fds, O_NONBLOCK | O_CLOEXEC), 0);
	orders_init(&wire->orders, wire->fds[0]);
}

static void
say(struct wire *wire, enum child_order order)
{
	char byte = (char)order;

	assert_int_equal(write(wire->fds[1], &byte, 1), 1);
	orders_read(&wire->orders);
}

static void
nothing_said_changes_nothing(void **state)
{
	struct wire wire;

	(void)state;
	open_wire(&wire);
	orders_read(&wire.orders);
	assert_false(wire.orders.drain || wire.orders.stop || wire.orders.orphaned ||
		     wire.orders.look);
	close(wire.fds[0]);
	close(wire.fds[1]);
}

static void
each_order_is_obeyed(void **state)
{
	struct wire wire;

	(void)state;
	open_wire(&wire);
	say(&wire, CHILD_ORDER_LOOK);
	assert_true(wire.orders.look && !wire.orders.drain);
	say(&wire, CHILD_ORDER_RETIRE);
	assert_true(wire.orders.drain && wire.orders.retire && !wire.orders.stop);
	say(&wire, CHILD_ORDER_DRAIN);
	assert_true(wire.orders.drain && !wire.orders.retire);
	say(&wire, CHILD_ORDER_STOP);
	assert_true(wire.orders.stop && wire.orders.stop_since_ms > 0 && !wire.orders.orphaned);
	close(wire.fds[0]);
	close(wire.fds[1]);
}

static void
a_supervisor_that_is_gone_means_stop(void **state)
{
	struct wire wire;

	(void)state;
	open_wire(&wire);
	close(wire.fds[1]);
	orders_read(&wire.orders);
	assert_true(wire.orders.stop && wire.orders.drain && wire.orders.orphaned);
	assert_int_equal(orders_fd(&wire.orders),
			 -1); /* a closed pipe is readable for ever: nobody polls it again */
}

static void
a_wait_ends_with_an_order(void **state)
{
	struct wire wire;
	char byte = CHILD_ORDER_DRAIN;
	int64_t begun_ms = clock_mono_ms();

	(void)state;
	open_wire(&wire);
	assert_int_equal(write(wire.fds[1], &byte, 1), 1);
	orders_wait(&wire.orders, 60000);
	assert_true(wire.orders.drain);
	assert_true(clock_mono_ms() - begun_ms < 30000);
	close(wire.fds[0]);
	close(wire.fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_changes_nothing),
		cmocka_unit_test(each_order_is_obeyed),
		cmocka_unit_test(a_supervisor_that_is_gone_means_stop),
		cmocka_unit_test(a_wait_ends_with_an_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
