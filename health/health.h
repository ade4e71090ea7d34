#ifndef HEALTH_HEALTH_H
#define HEALTH_HEALTH_H
/*
 * health.h - the HTTP listener inside the supervisor's event loop.     [supervisor]
 *
 * contract.md "Health listener". It reads the scoreboard and nothing else: no probe ever waits for
 * Redis, PostgreSQL or a worker. Limits of its own, since libevent's HTTP server has none for
 * connections: 8 KiB of headers, no body, 5 s for a request, 512 connections; at the cap the oldest
 * unfinished request is dropped.
 */
#include <stdbool.h>

#include "common/failure.h"
#include "common/scoreboard.h"

struct event_base;
struct health;

/*
 * Binds and listens at once (before the first fork, so that a port in use is a start-up error:
 * FAILURE_OPERATOR with a message that names HEALTH_CHECK_HOST/PORT); serving begins with
 * health_attach(). host: address or name. port 0: a free one.
 */
struct health *health_listen(const char *host, int port, struct failure *why);
int health_port(const struct health *health);
/* The listening socket, which children must close. */
int health_fd(const struct health *health);
bool health_attach(struct health *health, struct event_base *base, const struct scoreboard *board,
		   struct failure *why);
/* In a child after fork: closes every descriptor of the listener without touching the event base.
 */
void health_close_in_child(struct health *health);
void health_free(struct health *health);

#endif
