/*
 * http_connection.c - one connection: reads requests, keeps them in turn, writes answers. [sandbox]
 *
 * Invariant: an exchange belongs to exactly one of its connection and its handler's timers; a
 * connection that dies under its own callbacks is freed when the outermost of them returns.
 */
#include "tests/sandbox/http_connection_internal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#define INPUT_MAX      131072
#define OUTPUT_MAX     131072
#define LINGER_SECONDS 3

static void connection_read(struct connection *connection);

void
connection_enter(struct connection *connection)
{
	connection->depth++;
}

void
connection_leave(struct connection *connection)
{
	if (--connection->depth > 0 || !connection->dead)
		return;
	LIST_REMOVE(connection, entry);
	event_free(connection->timer);
	bufferevent_free(connection->bev);
	answer_fini(&connection->answer);
	if (connection->parser != NULL) {
		http_parser_fini(connection->parser);
		free(connection->parser);
	}
	http_server_connection_gone(connection->server);
	free(connection);
}

void
connection_die(struct connection *connection)
{
	if (connection->dead)
		return;
	connection->dead = true;
	(void)bufferevent_disable(connection->bev, EV_READ | EV_WRITE);
	if (connection->exchange == NULL)
		return;
	if (connection->state == SENDING)
		exchange_free(connection->exchange);
	else
		exchange_orphan(connection->exchange);
}

void
connection_set_timer(struct connection *connection, int64_t delay_ms)
{
	struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};

	(void)event_add(connection->timer, &delay);
}

static void
linger(struct connection *connection)
{
	connection->state = LINGERING;
	if (connection->exchange != NULL)
		exchange_free(connection->exchange);
	(void)shutdown(bufferevent_getfd(connection->bev), SHUT_WR);
	(void)bufferevent_enable(connection->bev, EV_READ);
	connection_set_timer(connection, LINGER_SECONDS * 1000);
}

/* The answer is on its way to the kernel. */
static void
answer_sent(struct connection *connection)
{
	bool cut = answer_is_cut(&connection->answer);
	bool keep = !cut && !connection->answer.close && connection->exchange->complete;
	bool complete = connection->exchange->complete;

	answer_fini(&connection->answer);
	if (!keep) {
		if (complete)
			connection_die(connection);
		else
			linger(connection);
		return;
	}
	exchange_free(connection->exchange);
	http_parser_next_request(connection->parser);
	connection->state = READING;
	connection_read(connection);
}

void
connection_pump(struct connection *connection)
{
	struct evbuffer *output = bufferevent_get_output(connection->bev);
	const struct answer *answer = &connection->answer;

	while (!connection->cursor.ended && evbuffer_get_length(output) < OUTPUT_MAX) {
		if (!answer_write(answer, &connection->cursor, output)) {
			connection_die(
				connection); /* the file cannot be read: a cut answer says so */
			return;
		}
		if (answer->slice_bytes > 0 && !connection->cursor.ended) {
			connection_set_timer(connection, answer->slice_ms);
			return;
		}
	}
	if (connection->cursor.ended && evbuffer_get_length(output) == 0)
		answer_sent(connection);
}

/*
 * Nothing is read from a stalled client, so its end is asked for. (Not EV_CLOSED: an RST would
 * raise EPOLLERR alone, which libevent passes to nobody here, for ever and at once.) A client that
 * closes with more to send than our window takes is noticed only when its kernel gives up.
 */
static void
watch_stalled(struct connection *connection)
{
	struct pollfd fd = {.fd = bufferevent_getfd(connection->bev), .events = POLLRDHUP};

	if (poll(&fd, 1, 0) > 0)
		connection_die(connection);
	else
		connection_set_timer(connection, STALLED_LOOK_MS);
}

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)what;
	connection_enter(connection);
	if (connection->state == LINGERING)
		connection_die(connection);
	else if (connection->stalled && connection->state == READING)
		watch_stalled(connection);
	else if (connection->state == SENDING && !connection->dead)
		connection_pump(connection);
	connection_leave(connection);
}

static void
refuse_request(struct connection *connection)
{
	struct answer answer;
	char *text = memory_format("%s\n", connection->parser->error);

	answer_init(&answer, connection->parser->error_status);
	answer_take_body(&answer, "text/plain", text, strlen(text));
	if (connection->exchange != NULL) {
		exchange_answer(connection->exchange, &answer);
		return;
	}
	answer.close = true;
	answer_write_headers(&answer, false, bufferevent_get_output(connection->bev));
	(void)evbuffer_add(bufferevent_get_output(connection->bev), answer.body, answer.length);
	answer_fini(&answer);
	connection->state = LINGERING;
	connection_set_timer(connection, LINGER_SECONDS * 1000);
}

static void
handle_event(struct connection *connection, enum http_event event, const struct http_slice *body)
{
	struct exchange *exchange = connection->exchange;

	switch (event) {
	case HTTP_EVENT_HEADERS:
		exchange_begin(connection);
		break;
	case HTTP_EVENT_BODY:
		exchange->continued = true; /* whoever sends need not be told to */
		exchange->handler->body(exchange->handler->context, exchange, body->data,
					body->length);
		break;
	case HTTP_EVENT_END:
		exchange->complete = true;
		connection->state = WORKING;
		exchange->handler->complete(exchange->handler->context, exchange);
		break;
	case HTTP_EVENT_BAD:
		refuse_request(connection);
		break;
	case HTTP_EVENT_MORE:
		break;
	}
}

static void
connection_read(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->bev);

	while (!connection->dead && connection->state == READING && !connection->stalled) {
		struct http_slice body = {NULL, 0};
		struct evbuffer_iovec piece = {NULL, 0};
		enum http_event event;
		size_t used;

		if (evbuffer_peek(input, -1, NULL, &piece, 1) < 1 && connection->exchange == NULL)
			return;
		used = http_parser_read(connection->parser, piece.iov_base, piece.iov_len, &event,
					&body);
		handle_event(connection, event, &body);
		(void)evbuffer_drain(input, used);
		if (event == HTTP_EVENT_MORE && evbuffer_get_length(input) == 0)
			return;
	}
	if (!connection->dead &&
	    (connection->state == LINGERING ||
	     (connection->state == SENDING && !connection->exchange->complete)))
		(void)evbuffer_drain(input, evbuffer_get_length(input));
}

static void
on_readable(struct bufferevent *bev, void *context)
{
	struct connection *connection = context;

	(void)bev;
	connection_enter(connection);
	connection_read(connection);
	connection_leave(connection);
}

static void
on_written(struct bufferevent *bev, void *context)
{
	struct connection *connection = context;

	(void)bev;
	connection_enter(connection);
	if (connection->state == SENDING && !connection->dead &&
	    !event_pending(connection->timer, EV_TIMEOUT, NULL))
		connection_pump(connection);
	connection_leave(connection);
}

static void
on_event(struct bufferevent *bev, short what, void *context)
{
	struct connection *connection = context;

	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	connection_enter(connection);
	connection_die(connection);
	connection_leave(connection);
}

void
connection_open(struct http_server *server, struct event_base *base,
		const struct http_handler *handler, int fd, struct connection_list *list)
{
	struct connection *connection = memory_alloc(sizeof(*connection));

	connection->server = server;
	connection->handler = handler;
	connection->parser = memory_alloc(sizeof(*connection->parser));
	http_parser_init(connection->parser);
	answer_init(&connection->answer, 0);
	connection->timer = event_new(base, -1, 0, on_timer, connection);
	connection->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	LIST_INSERT_HEAD(list, connection, entry);
	bufferevent_setwatermark(connection->bev, EV_READ, 0, INPUT_MAX);
	bufferevent_setcb(connection->bev, on_readable, on_written, on_event, connection);
	(void)bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
}

struct connection *
connection_next(struct connection *connection)
{
	return LIST_NEXT(connection, entry);
}

void
connection_abandon(struct connection *connection)
{
	connection_enter(connection);
	connection_die(connection);
	connection_leave(connection);
}
