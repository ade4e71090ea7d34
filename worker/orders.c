/*
 * orders.c - what the supervisor said on the control pipe so far.        [worker, dispatcher]
 */
#include "worker/orders.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/worker.h"

void
orders_init(struct orders *orders, int control_fd)
{
	*orders = (struct orders){.fd = control_fd};
}

static void
stop(struct orders *orders)
{
	orders->drain = true;
	orders->stop = true;
	if (orders->stop_since_ms == 0)
		orders->stop_since_ms = clock_mono_ms();
}

static void
obey(struct orders *orders, char order)
{
	switch ((enum child_order)order) {
	case CHILD_ORDER_RETIRE:
		orders->retire = true;
		orders->drain = true;
		break;
	case CHILD_ORDER_DRAIN:
		orders->retire = false;
		orders->drain = true;
		break;
	case CHILD_ORDER_STOP:
		stop(orders);
		break;
	case CHILD_ORDER_LOOK:
		orders->look = true;
		break;
	}
}

void
orders_read(struct orders *orders)
{
	char bytes[64];
	ssize_t n;

	while (orders->fd >= 0) {
		n = read(orders->fd, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(orders->fd);
			orders->fd = -1;
			orders->orphaned = true;
			stop(orders);
			return;
		}
		for (ssize_t i = 0; i < n; i++)
			obey(orders, bytes[i]);
	}
}

int
orders_fd(const struct orders *orders)
{
	return orders->fd;
}

void
orders_wait(struct orders *orders, int64_t ms)
{
	int64_t end_ms = clock_mono_ms() + ms;

	for (int64_t left; (left = end_ms - clock_mono_ms()) > 0;) {
		struct pollfd fd = {.fd = orders->fd, .events = POLLIN};

		if (poll(&fd, 1, (int)(left < 60000 ? left : 60000)) > 0) {
			orders_read(orders);
			return;
		}
	}
}
