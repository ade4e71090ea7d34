/*
 * connection.c - the connections of the listener and their deadlines.  [supervisor]
 *
 * Invariant: every connection is in the list, and the timer is pending while the list is not empty,
 * so nothing stays longer than its deadline; with no connection nothing wakes the process.
 */
#include "health/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/clock.h"
#include "health/answer.h"
#include "health/http_request.h"

/*
 * Small on purpose: pipelined requests of one read are answered in one go, before anybody else's
 * turn.
 */
#define INPUT_SIZE 2048

/* A client that is told 4xx while it still sends is heard out for so much, or a reset would eat the
 * answer. */
#define LINGER_LIMIT (4 * 1024 * 1024)

/* Answers that nobody fetches, of all connections together: a large /status is not kept for ever so
 * many. */
#define UNSENT_LIMIT (8 * 1024 * 1024)

enum phase { PHASE_RECEIVING, PHASE_SENDING, PHASE_LINGERING };

struct connection {
	TAILQ_ENTRY(connection) link;
	struct connection_set *set;
	struct event *readable, *writable;
	int64_t deadline_ms;
	int fd;
	enum phase phase;
	bool end_seen;    /* the client will send no more */
	bool close_after; /* the answer being sent is the last */
	size_t discarded;
	char *unsent; /* the part of the answer that the kernel did not take; NULL = none */
	size_t unsent_at, unsent_size;
	size_t input_at, input_size;
	char input[INPUT_SIZE];
	struct http_request request;
};

/* ---- deadlines ---- */

static void
set_timer(struct connection_set *set, int64_t now_ms)
{
	const struct connection *oldest = TAILQ_FIRST(&set->oldest_first);
	struct timeval wait;
	int64_t wait_ms;

	if (oldest == NULL) {
		evtimer_del(set->timer);
		return;
	}
	wait_ms = oldest->deadline_ms > now_ms ? oldest->deadline_ms - now_ms : 0;
	wait.tv_sec = (time_t)(wait_ms / 1000);
	wait.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000);
	evtimer_add(set->timer, &wait);
}

/* A new step begins: the connection is the youngest now. */
static void
arm(struct connection *c)
{
	int64_t now_ms = clock_mono_ms();

	TAILQ_REMOVE(&c->set->oldest_first, c, link);
	TAILQ_INSERT_TAIL(&c->set->oldest_first, c, link);
	c->deadline_ms = now_ms + CONNECTION_TIMEOUT_MS;
	if (!evtimer_pending(c->set->timer, NULL))
		set_timer(c->set, now_ms);
}

/* ---- the end ---- */

static void
forget_unsent(struct connection *c)
{
	if (c->unsent == NULL)
		return;
	c->set->unsent_bytes -= c->unsent_size;
	free(c->unsent);
	c->unsent = NULL;
}

static void
free_connection(struct connection *c)
{
	struct connection_set *set = c->set;

	TAILQ_REMOVE(&set->oldest_first, c, link);
	set->load.connections--;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	close(c->fd);
	forget_unsent(c);
	free(c);
	if (TAILQ_EMPTY(&set->oldest_first))
		evtimer_del(set->timer);
}

/* The last answer is out. What the client still sends is read, or the kernel answers it with a
 * reset. */
static void
linger(struct connection *c)
{
	if (c->end_seen || shutdown(c->fd, SHUT_WR) != 0) {
		free_connection(c);
		return;
	}
	c->phase = PHASE_LINGERING;
	arm(c);
	if (event_add(c->readable, NULL) != 0)
		free_connection(c);
}

static void
discard(struct connection *c)
{
	static char nowhere[16384];
	ssize_t size = recv(c->fd, nowhere, sizeof(nowhere), 0);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size > 0) {
		c->discarded += (size_t)size;
		if (c->discarded < LINGER_LIMIT)
			return;
	}
	free_connection(c);
}

/* ---- sending ---- */

/* Sends what the kernel takes. False: the connection is broken. */
static bool
send_some(int fd, const char *head, size_t head_size, const char *body, size_t body_size,
	  size_t *sent)
{
	/* iovec has no const; sendmsg() does not write. */
	struct iovec parts[2] = {{(void *)(uintptr_t)head, head_size},
				 {(void *)(uintptr_t)body, body_size}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t size;

	do
		size = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (size < 0 && errno == EINTR);
	*sent = size > 0 ? (size_t)size : 0;
	return size >= 0 || errno == EAGAIN;
}

/* Keeps what the kernel did not take of the answer. False: there is no room for it. */
static bool
keep_unsent(struct connection *c, const struct page *head, const struct page *body, size_t sent)
{
	size_t head_left = sent < head->size ? head->size - sent : 0;
	size_t body_sent = sent > head->size ? sent - head->size : 0;

	c->unsent_at = 0;
	c->unsent_size = head_left + body->size - body_sent;
	if (c->unsent_size > UNSENT_LIMIT - c->set->unsent_bytes)
		return false;
	c->unsent = malloc(c->unsent_size);
	if (c->unsent == NULL)
		return false;
	c->set->unsent_bytes += c->unsent_size;
	memcpy(c->unsent, head->data + head->size - head_left, head_left);
	memcpy(c->unsent + head_left, body->data + body_sent, body->size - body_sent);
	return event_add(c->writable, NULL) == 0;
}

/* Answers the request that is complete. False: the connection is gone. */
static bool
answer(struct connection *c)
{
	static char head_room[ANSWER_HEAD_SIZE], body_room[ANSWER_BODY_SIZE];
	struct page head, body;
	size_t sent;

	page_init(&head, head_room, sizeof(head_room));
	page_init(&body, body_room, sizeof(body_room));
	c->set->load.requests++;
	answer_request(&c->request, c->set->board, &c->set->load, &head, &body);
	c->close_after = !c->request.keep_alive;
	c->phase = PHASE_SENDING;
	arm(c);
	if (!send_some(c->fd, head.data, head.size, body.data, body.size, &sent) ||
	    (sent < head.size + body.size && !keep_unsent(c, &head, &body, sent))) {
		free_connection(c);
		return false;
	}
	return true;
}

/* ---- receiving ---- */

/* The answer has left. False: the connection is gone or reads no more requests. */
static bool
next_request(struct connection *c)
{
	if (c->close_after) {
		/* All was read and nothing more is to come: no reset to be feared. */
		if (c->request.progress == HTTP_DONE && !c->request.has_body &&
		    c->input_at == c->input_size)
			free_connection(c);
		else
			linger(c);
		return false;
	}
	http_request_init(&c->request);
	c->phase = PHASE_RECEIVING;
	return true;
}

/* Goes on with what was received, answer by answer, until something has to be waited for. */
static void
proceed(struct connection *c)
{
	for (;;) {
		c->input_at += http_request_feed(&c->request, c->input + c->input_at,
						 c->input_size - c->input_at);
		if (c->request.progress == HTTP_MORE)
			break;
		if (!answer(c))
			return;
		if (c->unsent != NULL) {
			event_del(c->readable);
			return;
		}
		if (!next_request(c))
			return;
	}
	if (c->end_seen || event_add(c->readable, NULL) != 0)
		free_connection(c);
}

static void
receive(struct connection *c)
{
	ssize_t size = recv(c->fd, c->input, sizeof(c->input), 0);

	if (size < 0) {
		if (errno != EAGAIN && errno != EINTR)
			free_connection(c);
		return;
	}
	c->input_at = 0;
	c->input_size = (size_t)size;
	c->end_seen = size == 0;
	proceed(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (c->phase == PHASE_LINGERING)
		discard(c);
	else
		receive(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;
	size_t sent;

	(void)what;
	if (!send_some(fd, c->unsent + c->unsent_at, c->unsent_size - c->unsent_at, NULL, 0,
		       &sent)) {
		free_connection(c);
		return;
	}
	c->unsent_at += sent;
	if (c->unsent_at < c->unsent_size)
		return;
	forget_unsent(c);
	event_del(c->writable);
	if (!next_request(c))
		return;
	arm(c);
	proceed(c);
}

/* ---- the deadline ---- */

/* Tells a client that had begun a request, if the kernel takes it at once; then it is closed. */
static void
expire(struct connection *c)
{
	char head_room[ANSWER_HEAD_SIZE], body_room[512];
	struct page head, body;
	size_t sent;

	if (c->phase == PHASE_RECEIVING && c->request.started) {
		page_init(&head, head_room, sizeof(head_room));
		page_init(&body, body_room, sizeof(body_room));
		answer_timeout(&head, &body);
		(void)send_some(c->fd, head.data, head.size, body.data, body.size, &sent);
	}
	/* An idle connection that was kept alive has only ended. */
	if (c->phase == PHASE_SENDING || (c->phase == PHASE_RECEIVING && c->request.started))
		c->set->load.timeouts++;
	free_connection(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection_set *set = arg;
	int64_t now_ms = clock_mono_ms();
	struct connection *oldest;

	(void)fd;
	(void)what;
	while ((oldest = TAILQ_FIRST(&set->oldest_first)) != NULL && oldest->deadline_ms <= now_ms)
		expire(oldest);
	set_timer(set, now_ms);
}

/* ---- the set ---- */

bool
connection_set_init(struct connection_set *set, struct event_base *base,
		    const struct scoreboard *board)
{
	memset(set, 0, sizeof(*set));
	TAILQ_INIT(&set->oldest_first);
	set->base = base;
	set->board = board;
	set->load.connections_limit = CONNECTION_LIMIT;
	set->timer = evtimer_new(base, on_timer, set);
	return set->timer != NULL;
}

void
connection_set_fini(struct connection_set *set)
{
	struct connection *c;

	if (set->timer == NULL)
		return;
	while ((c = TAILQ_FIRST(&set->oldest_first)) != NULL)
		free_connection(c);
	event_free(set->timer);
	set->timer = NULL;
}

void
connection_set_close_in_child(struct connection_set *set)
{
	struct connection *c;

	if (set->timer == NULL)
		return;
	for (c = TAILQ_FIRST(&set->oldest_first); c != NULL; c = TAILQ_NEXT(c, link)) {
		close(c->fd);
		c->fd = -1;
	}
}

static struct connection *
new_connection(struct connection_set *set, int fd)
{
	struct connection *c = malloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	memset(c, 0, offsetof(struct connection, input));
	c->set = set;
	c->fd = fd;
	http_request_init(&c->request);
	c->readable = event_new(set->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(set->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	TAILQ_INSERT_TAIL(&set->oldest_first, c, link);
	set->load.connections++;
	return c;
}

void
connection_open(struct connection_set *set, int fd)
{
	struct connection *c;

	if (set->load.connections >= CONNECTION_LIMIT)
		connection_drop_oldest(set);
	c = new_connection(set, fd);
	if (c == NULL) {
		close(fd);
		return;
	}
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) != 0) {
		free_connection(c);
		return;
	}
	arm(c);
	/* A probe's request mostly is here already; served now, no crowd can push it out. */
	receive(c);
}

bool
connection_drop_oldest(struct connection_set *set)
{
	struct connection *oldest = TAILQ_FIRST(&set->oldest_first);

	if (oldest == NULL)
		return false;
	set->load.dropped++;
	free_connection(oldest);
	return true;
}
