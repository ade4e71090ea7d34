#ifndef TESTS_INTEGRATION_PEER_H
#define TESTS_INTEGRATION_PEER_H
/*
 * peer.h - an HTTP server that misbehaves as told.
 *
 * A child process on a loopback port, and a child of it for each connection. Every request is
 * counted by the rule that it matched, in memory that the test shares. All of it ends with
 * peer_stop(), or with the test.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum peer_then {
	PEER_KEEP, /* wait for the next request */
	PEER_CLOSE,
	PEER_RESET, /* the other side sees ECONNRESET */
	PEER_HANG,  /* say nothing more, until the other side goes away */
};

/* The first rule whose path begins the request's target plays. */
struct peer_rule {
	const char *path;
	const char *answer;  /* sent as it is; NULL: nothing, with a body "HTTP/1.1 200 OK\r\n" */
	const char *body;    /* the answer is status line and headers; length, blank line and this
				follow */
	size_t answer_size;  /* 0: strlen(answer) */
	int64_t filler_size; /* so many further bytes */
	bool at_once;        /* before the request's body is read (which then is not read at all) */
	enum peer_then then;
};

#define PEER_RULES 8

struct peer_count {
	_Atomic int connections;
	_Atomic int requests[PEER_RULES];  /* heads that were read */
	_Atomic int whole[PEER_RULES];     /* requests that came with their whole body */
	_Atomic int64_t bytes[PEER_RULES]; /* of bodies */
	char head[PEER_RULES][4096];       /* of the last request */
	char body[PEER_RULES][4096];       /* its beginning */
};

struct peer {
	pid_t pid;
	int port;
	char url[64]; /* http://127.0.0.1:port */
	struct peer_count *count;
};

void peer_start(struct peer *peer, const struct peer_rule *rules, size_t count);
void peer_stop(struct peer *peer);

/* A loopback port that nobody listens on (for now). */
int peer_closed_port(void);

#endif
