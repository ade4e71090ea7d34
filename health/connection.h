#ifndef HEALTH_CONNECTION_H
#define HEALTH_CONNECTION_H
/*
 * connection.h - the connections of the listener and their deadlines.  [supervisor]
 *
 * A connection receives one request, sends one answer, and so on: the next request is not looked at
 * before the answer has left, so that a client that does not read holds one answer at most. Every
 * step has the same 5 s, so the list in the order of arming is the list in the order of deadlines:
 * its head is the oldest unfinished request, and one timer serves all.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/scoreboard.h"
#include "health/view.h"

struct event_base;
struct event;
struct connection;

#define CONNECTION_TIMEOUT_MS 5000
#define CONNECTION_LIMIT      512

TAILQ_HEAD(connection_list, connection);

struct connection_set {
	struct event_base *base;
	const struct scoreboard *board;
	struct event *timer;
	struct connection_list oldest_first;
	struct health_load load;
	size_t unsent_bytes; /* kept for all connections together */
};

/* False when there is no memory. Everything is borrowed and must outlive the set. */
bool connection_set_init(struct connection_set *set, struct event_base *base,
			 const struct scoreboard *board);
/* Closes all. Harmless on a zeroed set. */
void connection_set_fini(struct connection_set *set);
/* After a fork, in the child: closes the descriptors and leaves the events alone. */
void connection_set_close_in_child(struct connection_set *set);

/*
 * Takes the accepted, non-blocking descriptor (closed when there is no memory), drops the oldest if
 * there are too many, and reads at once what is there already.
 */
void connection_open(struct connection_set *set, int fd);
/* False when there is none. */
bool connection_drop_oldest(struct connection_set *set);

#endif
