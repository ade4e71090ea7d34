#ifndef HEALTH_ASK_H
#define HEALTH_ASK_H
/*
 * ask.h - one question to a publisher's health listener.               [isekai-healthcheck, status]
 *
 * Blocking, of a process that has nothing else to do. A listener on every address is asked on the
 * loopback one.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/failure.h"

struct ask_reply {
	int status;            /* of HTTP */
	char status_line[128]; /* as it came, without its end, cut if longer */
	char *body;            /* terminated; free with ask_free() */
	size_t size;           /* of the body, in bytes */
};

/*
 * GET http://host:port/path. timeout_ms: for each step, from connecting to each piece of the
 * answer. limit: the largest body in bytes. False: nobody answers, or no HTTP, or too much;
 * FAILURE_AWAY, and *reply needs no ask_free().
 */
bool ask(const char *host, int port, const char *path, int timeout_ms, size_t limit,
	 struct ask_reply *reply, struct failure *why);
void ask_free(struct ask_reply *reply);

#endif
