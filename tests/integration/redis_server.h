#ifndef TESTS_INTEGRATION_REDIS_SERVER_H
#define TESTS_INTEGRATION_REDIS_SERVER_H
/*
 * redis_server.h - a real Redis of a test's own.                       [tests]
 *
 * Listens on a unix socket and a free loopback port, keeps everything in a temporary directory, and
 * is gone with it.
 */
#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
	char dir[64];
	char socket[96];
	int port;
	pid_t pid;
	const char *const *options; /* further arguments, NULL-terminated, or NULL */
};

/* Starts it and waits until it answers. False if it does not within 10 s. `options` is borrowed. */
bool redis_server_start(struct redis_server *server, const char *const *options);

/* Ends the process (SIGKILL, so nothing is saved) and leaves the directory; again() starts it in
 * the same place. */
void redis_server_kill(struct redis_server *server);
bool redis_server_again(struct redis_server *server);

/* Ends it and removes its directory. */
void redis_server_stop(struct redis_server *server);

#endif
