/*
 * postgres_wait.c - waiting for PostgreSQL's answer.                    [worker, dispatcher]
 */
#include "common/postgres_wait.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>

#include "common/clock.h"

/* How often a worker that waits looks at what the dispatcher says. */
#define LOOK_MS 200
/* What is not answered for so long, while others are, is not answered any more. */
#define CONNECT_PATIENCE_MS   1000
#define STATEMENT_PATIENCE_MS 2000
/* Until all of a statement has arrived a session has nothing to do: so many bytes take a ms on a
 * line of 1 kB/s. */
#define BYTES_PER_MS 1

/* ---- who serves a connection ---- */

static uint32_t
add_text(uint32_t hash, const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619U; /* FNV-1a */
	return (hash ^ '|') * 16777619U;
}

struct postgres_session
postgres_session_of(const PGconn *conn)
{
	uint32_t hash = add_text(2166136261U, PQhost(conn));

	hash = add_text(hash, PQhostaddr(conn));
	return (struct postgres_session){.pid = PQbackendPID(conn),
					 .server = add_text(hash, PQport(conn))};
}

/* ---- the wait ---- */

static void
begin(struct postgres_wait *wait, int64_t since_ms)
{
	wait->since_ms = since_ms;
	if (wait->board != NULL)
		scoreboard_wait_begin(wait->board, wait->slot, since_ms, wait->session);
}

void
postgres_wait_connecting(struct postgres_wait *wait)
{
	wait->session = (struct postgres_session){.pid = 0};
	wait->connecting = true;
	wait->connect_begun_ms = clock_mono_ms();
	begin(wait, wait->connect_begun_ms);
}

void
postgres_wait_asking(struct postgres_wait *wait, const PGconn *conn, size_t bytes)
{
	int64_t arrival_ms = 0;

	wait->session = (struct postgres_session){.pid = 0};
	if (!wait->pooled) {
		wait->session = postgres_session_of(conn);
		arrival_ms = (int64_t)(bytes / BYTES_PER_MS);
	}
	wait->connecting = false;
	begin(wait, clock_mono_ms() + arrival_ms);
}

void
postgres_wait_moved(struct postgres_wait *wait)
{
	int64_t now_ms = clock_mono_ms();

	if (now_ms > wait->since_ms)
		begin(wait, now_ms);
}

void
postgres_wait_end(struct postgres_wait *wait)
{
	if (wait->board != NULL)
		scoreboard_wait_end(wait->board, wait->slot);
}

/*
 * Of a known session the server itself says that it has nothing to do. Of another this much is
 * known: the dispatcher had to connect anew after this connection was begun, and is answered.
 */
static bool
is_vain(const struct postgres_wait *wait, int64_t now_ms)
{
	struct scoreboard_answered answered;

	if (wait->board == NULL)
		return false;
	if (wait->session.pid != 0)
		return scoreboard_wait_is_vain(wait->board, wait->slot, wait->since_ms);
	answered = scoreboard_answered(wait->board, DEPENDENCY_POSTGRES);
	if (answered.begun_ms <= wait->connect_begun_ms)
		return false;
	return wait->connecting ? now_ms - answered.begun_ms >= CONNECT_PATIENCE_MS
				: answered.asked_ms - wait->since_ms >= STATEMENT_PATIENCE_MS;
}

enum postgres_waited
postgres_wait_for(struct postgres_wait *wait, const PGconn *conn, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd fd = {.fd = PQsocket(conn), .events = events};
		int64_t now_ms = clock_mono_ms();
		int64_t left_ms = deadline_ms - now_ms;
		int64_t most_ms = wait->board != NULL ? LOOK_MS : 60000;
		bool in_vain = is_vain(wait, now_ms);
		int n;

		if (left_ms < 0 || fd.fd < 0)
			return POSTGRES_WAIT_LATE;
		/* This process may have stood still meanwhile, and the answer lie there. */
		if (in_vain)
			most_ms = 0;
		n = poll(&fd, 1, (int)(left_ms < most_ms ? left_ms : most_ms));
		if (n > 0)
			return POSTGRES_WAIT_READY;
		if (n < 0 && errno != EINTR)
			return POSTGRES_WAIT_LATE;
		if (n == 0 && in_vain)
			return POSTGRES_WAIT_IN_VAIN;
	}
}
