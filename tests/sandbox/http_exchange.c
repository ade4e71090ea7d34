/*
 * http_exchange.c - one request and the one answer to it.              [sandbox]
 */
#include "tests/sandbox/http_connection_internal.h"

#include <stdlib.h>
#include <string.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/event.h>

void
exchange_free(struct exchange *exchange)
{
	exchange->handler->release(exchange->handler->context, exchange);
	if (exchange->connection != NULL)
		exchange->connection->exchange = NULL;
	if (exchange->own_parser != NULL) {
		http_parser_fini(exchange->own_parser);
		free(exchange->own_parser);
	}
	free(exchange);
}

void
exchange_orphan(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;

	exchange->own_parser = connection->parser;
	connection->parser = NULL;
	connection->exchange = NULL;
	exchange->connection = NULL;
	exchange->handler->gone(exchange->handler->context, exchange);
}

void
exchange_begin(struct connection *connection)
{
	struct exchange *exchange = memory_alloc(sizeof(*exchange));

	exchange->connection = connection;
	exchange->handler = connection->handler;
	exchange->request = &connection->parser->request;
	connection->exchange = exchange;
	exchange->handler->headers(exchange->handler->context, exchange);
}

const struct http_request *
exchange_request(const struct exchange *exchange)
{
	return exchange->request;
}

void
exchange_set_data(struct exchange *exchange, void *data)
{
	exchange->data = data;
}

void *
exchange_data(const struct exchange *exchange)
{
	return exchange->data;
}

bool
exchange_is_complete(const struct exchange *exchange)
{
	return exchange->complete;
}

bool
exchange_client_gone(const struct exchange *exchange)
{
	return exchange->connection == NULL;
}

void
exchange_continue(struct exchange *exchange)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (exchange->connection == NULL || exchange->continued ||
	    !exchange_request(exchange)->expects_continue)
		return;
	exchange->continued = true;
	(void)bufferevent_write(exchange->connection->bev, line, strlen(line));
}

void
exchange_stall(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;

	if (connection == NULL || connection->stalled)
		return;
	connection->stalled = true;
	(void)bufferevent_disable(connection->bev, EV_READ);
	connection_set_timer(connection, STALLED_LOOK_MS);
}

void
exchange_deafen(struct exchange *exchange)
{
	/* BPF: "of each packet keep nothing" (socket(7), SO_ATTACH_FILTER). */
	struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
	struct sock_fprog program = {.len = 1, .filter = &nothing};

	if (exchange->connection == NULL || exchange->connection->stalled)
		return;
	(void)setsockopt(bufferevent_getfd(exchange->connection->bev), SOL_SOCKET, SO_ATTACH_FILTER,
			 &program, sizeof(program));
	exchange_stall(exchange);
}

void
exchange_answer(struct exchange *exchange, struct answer *answer)
{
	struct connection *connection = exchange->connection;
	bool head = strcmp(exchange_request(exchange)->method, "HEAD") == 0;

	if (connection == NULL) {
		answer_fini(answer);
		exchange_free(exchange);
		return;
	}
	connection_enter(connection);
	connection->answer = *answer;
	answer_init(answer, 0);
	connection->answer.close |= !exchange->complete || !exchange_request(exchange)->keep_alive;
	connection->answer.chunked &= !exchange_request(exchange)->http_1_0;
	connection->state = SENDING;
	answer_begin(&connection->answer, &connection->cursor, head,
		     bufferevent_get_output(connection->bev));
	connection_pump(connection);
	connection_leave(connection);
}

static void
end_without_answer(struct exchange *exchange, bool reset)
{
	struct connection *connection = exchange->connection;
	struct linger abort_it = {.l_onoff = 1, .l_linger = 0};

	if (connection == NULL) {
		exchange_free(exchange);
		return;
	}
	connection_enter(connection);
	exchange_free(exchange);
	if (reset)
		(void)setsockopt(bufferevent_getfd(connection->bev), SOL_SOCKET, SO_LINGER,
				 &abort_it, sizeof(abort_it));
	connection_die(connection);
	connection_leave(connection);
}

void
exchange_reset(struct exchange *exchange)
{
	end_without_answer(exchange, true);
}

void
exchange_close(struct exchange *exchange)
{
	end_without_answer(exchange, false);
}
