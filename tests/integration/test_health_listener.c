/*
 * health/: a real listener in a process of its own, probed, flooded, starved.
 *
 * Whatever the others do, a probe is answered: that is what most of the tests come down to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/scoreboard.h"
#include "health/health.h"

/* Generous: the machine may be busy. A test that hangs for so long has failed. */
#define DEADLINE_MS 30000

static struct scoreboard *board;
static int port;
static pid_t server;
static int server_pipe = -1; /* the server ends when it is closed */

/* ---- the server ---- */

static void
on_hang_up(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void
serve(struct health *health, int hang_up_fd)
{
	struct event_base *base = event_base_new();
	struct event *hang_up = event_new(base, hang_up_fd, EV_READ, on_hang_up, base);
	struct failure why;

	if (base == NULL || hang_up == NULL || event_add(hang_up, NULL) != 0 ||
	    !health_attach(health, base, board, &why))
		_exit(2);
	event_base_dispatch(base);
	health_free(health);
	event_free(hang_up);
	event_base_free(base);
	libevent_global_shutdown();
	scoreboard_free(board);
	exit(0);
}

/* descriptors: RLIMIT_NOFILE of the server, 0 = as it is. */
static void
start_server(rlim_t descriptors)
{
	struct scoreboard_pool pool = {.phase = POOL_SERVING, .concurrency = 2, .workers_ready = 2};
	struct health *health;
	struct failure why;
	int pipe_fds[2];

	board = scoreboard_new();
	assert_non_null(board);
	pool.started_mono_ms = clock_mono_ms();
	scoreboard_pool_set(board, &pool);
	scoreboard_assign(board, SCOREBOARD_DISPATCHER, 1, "d");
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	health = health_listen("127.0.0.1", 0, &why);
	assert_non_null(health);
	port = health_port(health);
	assert_in_range(port, 1, 65535);
	fflush(NULL);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		const struct rlimit limit = {descriptors, descriptors};

		close(pipe_fds[1]);
		if (descriptors > 0 && setrlimit(RLIMIT_NOFILE, &limit) != 0)
			_exit(3);
		serve(health, pipe_fds[0]);
	}
	close(pipe_fds[0]);
	server_pipe = pipe_fds[1];
	health_free(health); /* not attached here: only closes this process's copy */
}

static int
set_up(void **state)
{
	(void)state;
	start_server(0);
	return 0;
}

static int
tear_down(void **state)
{
	int status = -1;

	(void)state;
	close(server_pipe);
	if (waitpid(server, &status, 0) != server || status != 0) {
		print_error("the server ended with status %d\n", status);
		return -1;
	}
	scoreboard_free(board);
	return 0;
}

/* ---- clients ---- */

static int
dial(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* All of it, or as much as is taken before the server closes. */
static size_t
say_bytes(int fd, const char *data, size_t size)
{
	size_t sent = 0;

	while (sent < size) {
		ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	return sent;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(say_bytes(fd, text, strlen(text)), strlen(text));
}

/* Up to size bytes; 0 when the server has closed, by reset too. Fails at the deadline. */
static size_t
hear(int fd, char *data, size_t size)
{
	int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	ssize_t n;

	for (;;) {
		int64_t left_ms = until_ms - clock_mono_ms();

		if (left_ms <= 0)
			fail_msg("nothing heard for %d ms", DEADLINE_MS);
		if (poll(&readable, 1, (int)left_ms) <= 0)
			continue;
		n = recv(fd, data, size, 0);
		if (n >= 0)
			return (size_t)n;
		if (errno != EINTR)
			return 0;
	}
}

struct reply {
	int status;
	size_t body_size;
	char head[2048], body[131072];
};

/* Reads one answer exactly, so that the next can follow on the connection. False: closed without
 * one. */
static bool
read_reply(int fd, struct reply *reply, bool has_body)
{
	size_t size = 0;
	char *length;

	do {
		assert_true(size < sizeof(reply->head) - 1);
		if (hear(fd, reply->head + size, 1) == 0) {
			assert_int_equal(size, 0); /* never half an answer */
			return false;
		}
		reply->head[++size] = '\0';
	} while (size < 4 || strcmp(reply->head + size - 4, "\r\n\r\n") != 0);
	assert_int_equal(sscanf(reply->head, "HTTP/1.1 %d ", &reply->status), 1);
	length = strstr(reply->head, "Content-Length: ");
	assert_non_null(length);
	reply->body_size = strtoul(length + 16, NULL, 10);
	assert_true(reply->body_size < sizeof(reply->body));
	for (size = 0; has_body && size < reply->body_size;) {
		size_t n = hear(fd, reply->body + size, reply->body_size - size);

		assert_true(n > 0);
		size += n;
	}
	reply->body[size] = '\0';
	return true;
}

static struct reply reply;

static int
probe(const char *path)
{
	char request[128];
	int fd = dial();

	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
	say(fd, request);
	assert_true(read_reply(fd, &reply, true));
	assert_int_equal(hear(fd, request, 1), 0);
	close(fd);
	return reply.status;
}

/* One request on a connection of its own, the answer's status; 0 = closed without one. */
static int
status_of(const char *request)
{
	int fd = dial();
	bool answered;

	say(fd, request);
	answered = read_reply(fd, &reply, strncmp(request, "HEAD", 4) != 0);
	close(fd);
	return answered ? reply.status : 0;
}

static void
assert_closed(int fd)
{
	char byte;

	assert_int_equal(hear(fd, &byte, 1), 0);
	close(fd);
}

/* Whether the server has closed the connection by now. */
static bool
is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* Reports as a dispatcher does all the time, until /ready has the status. */
static void
report_until(bool redis_up, bool postgres_up, int status)
{
	int64_t until_ms = clock_mono_ms() + DEADLINE_MS;

	do {
		assert_true(clock_mono_ms() < until_ms);
		scoreboard_dependency(board, DEPENDENCY_REDIS, redis_up, "connection refused");
		scoreboard_dependency(board, DEPENDENCY_POSTGRES, postgres_up, "server closed");
		scoreboard_activity(board, 0, ACTIVITY_RUNNING);
	} while (probe("/ready") != status);
}

/* ---- what it answers ---- */

static void
pages_are_served(void **state)
{
	(void)state;
	assert_int_equal(probe("/health"), 200);
	assert_non_null(strstr(reply.head, "\r\nContent-Type: application/json"));
	assert_non_null(strstr(reply.body, "\"status\":\"healthy\""));
	assert_int_equal(probe("/metrics"), 200);
	assert_non_null(strstr(reply.head,
			       "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(reply.body, "# TYPE publisher_active_jobs gauge\n"));
	assert_int_equal(probe("/ready?verbose=1"), 503);
	assert_int_equal(status_of("GET http://any:1/health HTTP/1.1\r\n\r\n"), 200);
	assert_int_equal(status_of("HEAD /health HTTP/1.1\r\n\r\n"), 200);
	assert_true(reply.body_size > 0);
}

static void
web_page_comes_whole_with_its_rules(void **state)
{
	size_t size;

	(void)state;
	assert_int_equal(probe("/"), 200);
	assert_non_null(strstr(reply.head, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
	assert_non_null(strstr(reply.head, "\r\nContent-Security-Policy: default-src 'none'; "));
	assert_non_null(strstr(reply.head, "\r\nCache-Control: no-store\r\n"));
	assert_memory_equal(reply.body, "<!doctype html>", 15);
	assert_string_equal(reply.body + reply.body_size - 8, "</html>\n");
	size = reply.body_size;
	assert_int_equal(status_of("HEAD / HTTP/1.1\r\n\r\n"), 200);
	assert_int_equal(reply.body_size, size); /* what its head announces */
	assert_int_equal(probe("/?from=somewhere"), 200);
	assert_int_equal(probe("/status"), 200);
}

static void
everything_else_is_refused_by_its_status(void **state)
{
	(void)state;
	assert_int_equal(status_of("GET /index.html HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(status_of("POST / HTTP/1.1\r\n\r\n"), 405);
	assert_int_equal(status_of("GET /%68ealth HTTP/1.1\r\n\r\n"), 404);
	assert_int_equal(status_of("POST /health HTTP/1.1\r\n\r\n"), 405);
	assert_non_null(strstr(reply.head, "\r\nAllow: GET, HEAD\r\n"));
	assert_int_equal(status_of("BREW /health HTTP/1.1\r\n\r\n"), 501);
	assert_int_equal(status_of("GET /health HTTP/2.0\r\n\r\n"), 505);
	assert_int_equal(status_of("GET /health\r\n\r\n"), 400);
	assert_int_equal(status_of("GET /health HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), 413);
	assert_non_null(strstr(reply.head, "\r\nConnection: close\r\n"));
	assert_int_equal(status_of("\x16\x03\x01\x02"), 400);
}

static void
ready_follows_the_scoreboard(void **state)
{
	struct scoreboard_pool pool = {
		.phase = POOL_DRAINING, .concurrency = 2, .workers_ready = 2};
	int64_t silent_since_ms;

	(void)state;
	assert_int_equal(probe("/ready"), 503);
	report_until(true, true, 200);
	assert_non_null(strstr(reply.body, "\"redis\":{\"connected\":true}"));
	report_until(false, true, 503);
	assert_non_null(strstr(reply.body, "\"error\":\"Redis is away: connection refused\""));
	report_until(true, false, 503);
	assert_non_null(strstr(reply.body, "\"postgres\":{\"connected\":false}"));

	report_until(true, true, 200);
	silent_since_ms = clock_mono_ms();
	while (probe("/ready") != 503)
		assert_true(clock_mono_ms() - silent_since_ms < DEADLINE_MS);
	assert_non_null(strstr(reply.body, "the dispatcher is silent"));

	report_until(true, true, 200);
	scoreboard_pool_set(board, &pool);
	assert_int_equal(probe("/ready"), 503);
	assert_non_null(strstr(reply.body, "the pool is draining"));
	assert_int_equal(probe("/health"), 200);
}

static void
connection_is_kept_alive(void **state)
{
	int fd = dial();

	(void)state;
	for (int i = 0; i < 5; i++) {
		say(fd, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_true(read_reply(fd, &reply, true));
		assert_int_equal(reply.status, 200);
		assert_non_null(strstr(reply.head, "\r\nConnection: keep-alive\r\n"));
	}
	say(fd, "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n");
	assert_true(read_reply(fd, &reply, true));
	assert_non_null(strstr(reply.head, "\r\nConnection: close\r\n"));
	assert_closed(fd);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	static const int expected[] = {200, 404, 405, 200, 501};
	int fd = dial();

	(void)state;
	say(fd, "GET /health HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\nPOST /ready HTTP/1.1\r\n\r\n"
		"HEAD /metrics HTTP/1.1\r\n\r\nBREW / HTTP/1.1\r\nConnection: close\r\n\r\n");
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_true(read_reply(fd, &reply, i != 3));
		assert_int_equal(reply.status, expected[i]);
	}
	assert_closed(fd);
}

static void
client_that_half_closes_still_gets_all_answers(void **state)
{
	int fd = dial();

	(void)state;
	for (int i = 0; i < 40; i++) /* more than the server takes at a time */
		say(fd,
		    "GET /metrics HTTP/1.1\r\nX-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (int i = 0; i < 40; i++) {
		assert_true(read_reply(fd, &reply, true));
		assert_int_equal(reply.status, 200);
	}
	assert_closed(fd);
}

/* ---- who does not behave ---- */

/* Sends it all and reads the answer; the rest is heard out, since a reset could eat the answer. */
static int
status_of_much(const char *data, size_t size)
{
	int fd = dial();

	say_bytes(fd, data, size);
	assert_true(read_reply(fd, &reply, true));
	for (int i = 0; i < 3; i++)
		assert_int_equal(say_bytes(fd, data, 1000), 1000);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_closed(fd);
	return reply.status;
}

static void
oversized_requests_are_told_so(void **state)
{
	size_t size = 2 * 1024 * 1024;
	char *data = malloc(size);

	(void)state;
	assert_non_null(data);
	memset(data, 'a', size);
	memcpy(data, "GET /", 5);
	assert_int_equal(status_of_much(data, size), 414);
	memcpy(data, "GET /health HTTP/1.1\r\nX: ", 25);
	assert_int_equal(status_of_much(data, size), 431);
	free(data);
}

static void
unfinished_requests_end_after_their_time(void **state)
{
	int begun = dial(), idle = dial(), kept = dial(), dripping = dial();
	int64_t until_ms = clock_mono_ms() + DEADLINE_MS;

	(void)state;
	say(begun, "GET /health HTTP/1.1\r\nHost");
	say(kept, "GET /health HTTP/1.1\r\n\r\n");
	assert_true(read_reply(kept, &reply, true));
	say(dripping, "GET /health HTTP/1.1\r\n");
	/* A byte now and then is no new lease of life. */
	while (!is_closed(dripping)) {
		struct pollfd readable = {.fd = dripping, .events = POLLIN};

		assert_true(clock_mono_ms() < until_ms);
		(void)send(dripping, "A: b\r\n", 6, MSG_NOSIGNAL);
		if (poll(&readable, 1, 100) > 0)
			break;
	}
	close(dripping);
	assert_true(read_reply(begun, &reply, true));
	assert_int_equal(reply.status, 408);
	assert_closed(begun);
	assert_closed(idle);
	assert_closed(kept);
}

static void
client_that_does_not_read_is_closed(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\r\n";
	int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
	int small = 4096, fd;
	bool broken = false;

	(void)state;
	fd = dial();
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (!broken) {
		struct pollfd writable = {.fd = fd, .events = POLLOUT};

		assert_true(clock_mono_ms() < until_ms);
		if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0) {
			broken = errno != EAGAIN;
			poll(&writable, 1, 100);
		}
		assert_int_equal(probe("/health"), 200);
	}
	close(fd);
}

#define CROWD 400

static void
probe_gets_through_a_hostile_crowd(void **state)
{
	size_t big = 2 * 1024 * 1024;
	char *line = malloc(big), noise[512];
	int crowd[CROWD], pipelining = dial();
	unsigned int seed = 3;

	(void)state;
	assert_non_null(line);
	memset(line, 'x', big);
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = dial();
		if (i % 4 == 1)
			say(crowd[i], "GET /health HTTP/1.1\r\nX-Slow: ");
	}
	for (int round = 0; round < 20; round++) {
		for (int i = 1; i < CROWD; i += 4)
			(void)send(crowd[i], "y", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
		(void)send(crowd[round * 4 + 2], noise, sizeof(noise), MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)send(crowd[round * 4 + 3], line, big, MSG_NOSIGNAL | MSG_DONTWAIT);
		for (int i = 0; i < 20; i++)
			(void)send(pipelining, "HEAD /metrics HTTP/1.1\r\n\r\n", 26,
				   MSG_NOSIGNAL | MSG_DONTWAIT);
		assert_int_equal(probe("/health"), 200);
		assert_int_equal(probe("/metrics"), 200);
	}
	for (int i = 0; i < CROWD; i++)
		close(crowd[i]);
	close(pipelining);
	free(line);
}

#define MANY 700

/* How many of the crowd the server has closed; -1 when they are not the first ones of it. */
static int
count_closed(const int *crowd)
{
	int closed = 0, last = -1;

	for (int i = 0; i < MANY; i++)
		if (is_closed(crowd[i])) {
			closed++;
			last = i;
		}
	return last + 1 == closed ? closed : -1;
}

static void
oldest_gives_way_at_the_cap(void **state)
{
	static int crowd[MANY];
	int64_t until_ms = clock_mono_ms() + 2 * DEADLINE_MS;
	int closed;
	bool in_time;

	(void)state;
	do {
		int64_t start_ms = clock_mono_ms();

		assert_true(start_ms < until_ms);
		for (int i = 0; i < MANY; i++)
			crowd[i] = dial();
		assert_int_equal(probe("/metrics"), 200);
		assert_non_null(strstr(reply.body, "publisher_health_connections 512\n"));
		closed = count_closed(crowd);
		for (int i = 0; i < MANY; i++)
			close(crowd[i]);
		/* On a machine so slow that the first ones' 5 s were over, it says nothing. */
		in_time = clock_mono_ms() - start_ms < 4500;
	} while (!in_time);
	/* 700 and the probe came, 512 may stay: the first 189 are gone, in this order. */
	assert_int_equal(closed, MANY + 1 - 512);
}

#define HOARDERS 40

/* Whether the server closed it before the answer's end; what is behind a close comes all the same.
 */
static bool
is_cut(int fd)
{
	char piece[65536], last[3] = "";
	ssize_t n;

	while (memcmp(last, "]}\n", 3) != 0) {
		n = recv(fd, piece, sizeof(piece), 0);
		if (n <= 0)
			return true;
		for (size_t i = n > 3 ? (size_t)n - 3 : 0; i < (size_t)n; i++) {
			memmove(last, last + 1, 2);
			last[2] = piece[i];
		}
	}
	return false;
}

/* A client far away: its segments are small, and so is what the server's kernel keeps for it. */
static int
dial_narrow(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096, segment = 536;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* A /status of the largest pool has 400 KB and more; what is kept of such for all together has a
 * limit. */
static void
answers_that_nobody_fetches_are_not_kept_for_ever_so_many(void **state)
{
	int crowd[HOARDERS], cut = 0;
	char id[SCOREBOARD_ID_SIZE];

	(void)state;
	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	for (int i = 1; i < SCOREBOARD_SLOTS; i++) {
		scoreboard_assign(board, i, 1, "t");
		scoreboard_job_begin(board, i, id, id, 1, INT64_MAX, INT64_MAX);
	}
	for (int i = 0; i < HOARDERS; i++) {
		crowd[i] = dial_narrow();
		say(crowd[i], "GET /status HTTP/1.1\r\n\r\n");
	}
	/* All were accepted and answered before this one. */
	assert_int_equal(probe("/health"), 200);
	for (int i = 0; i < HOARDERS; i++)
		cut += is_cut(crowd[i]);
	assert_in_range(cut, 1, HOARDERS - 8);
	for (int i = 0; i < HOARDERS; i++)
		close(crowd[i]);
	crowd[0] = dial();
	say(crowd[0], "GET /status HTTP/1.1\r\n\r\n");
	assert_false(is_cut(crowd[0]));
	close(crowd[0]);
}

static void
probe_gets_through_without_free_descriptors(void **state)
{
	int crowd[100];

	(void)state;
	close(server_pipe);
	assert_int_equal(waitpid(server, NULL, 0), server);
	scoreboard_free(board);
	start_server(24);
	for (size_t i = 0; i < sizeof(crowd) / sizeof(crowd[0]); i++)
		crowd[i] = dial();
	for (int i = 0; i < 50; i++)
		assert_int_equal(probe("/health"), 200);
	for (size_t i = 0; i < sizeof(crowd) / sizeof(crowd[0]); i++)
		close(crowd[i]);
	for (int i = 0; i < 5; i++)
		assert_int_equal(probe("/health"), 200);
}

/* ---- binding and forking ---- */

static void
port_in_use_is_named(void **state)
{
	struct failure why;

	(void)state;
	assert_null(health_listen("127.0.0.1", port, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "HEALTH_CHECK_PORT"));
	assert_non_null(strstr(why.message, "127.0.0.1"));
	assert_null(health_listen("no such host", 0, &why));
	assert_non_null(strstr(why.message, "HEALTH_CHECK_HOST"));
	assert_non_null(strstr(why.message, "no such host"));
}

static void
ipv6_address_can_be_listened_on(void **state)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct failure why;
	struct health *health;

	(void)state;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		if (fd >= 0)
			close(fd);
		skip(); /* this machine has no IPv6 */
	}
	close(fd);
	health = health_listen("::1", 0, &why);
	assert_non_null(health);
	assert_in_range(health_port(health), 1, 65535);
	assert_true((fcntl(health_fd(health), F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(health_fd(health), F_GETFL) & O_NONBLOCK) != 0);
	health_free(health);
}

/* A child that kept a copy of a connection would keep it open after the supervisor has closed it.
 */
static void
child_holds_no_descriptor_of_the_listener(void **state)
{
	struct event_base *base = event_base_new();
	struct failure why;
	struct health *health = health_listen("127.0.0.1", 0, &why);
	int ready[2], hold[2], server_port = port, fd;
	char byte;
	pid_t child;

	(void)state;
	assert_non_null(health);
	assert_true(health_attach(health, base, board, &why));
	port = health_port(health);
	fd = dial();
	event_base_loop(base, EVLOOP_ONCE); /* accepted */
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fd);
		close(server_pipe);
		close(hold[1]);
		health_close_in_child(health);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	health_free(health);
	event_base_free(base);
	assert_closed(fd); /* while the child lives */
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(hold[i]);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	port = server_port;
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(pages_are_served),
		TEST(web_page_comes_whole_with_its_rules),
		TEST(everything_else_is_refused_by_its_status),
		TEST(ready_follows_the_scoreboard),
		TEST(connection_is_kept_alive),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(client_that_half_closes_still_gets_all_answers),
		TEST(oversized_requests_are_told_so),
		TEST(unfinished_requests_end_after_their_time),
		TEST(client_that_does_not_read_is_closed),
		TEST(probe_gets_through_a_hostile_crowd),
		TEST(oldest_gives_way_at_the_cap),
		TEST(answers_that_nobody_fetches_are_not_kept_for_ever_so_many),
		TEST(probe_gets_through_without_free_descriptors),
		TEST(port_in_use_is_named),
		TEST(ipv6_address_can_be_listened_on),
		TEST(child_holds_no_descriptor_of_the_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
