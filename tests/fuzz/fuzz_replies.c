/*
 * fuzz_replies.c - a Redis that says anything: handshake, scripts' replies, markers, parked tokens.
 * [tests]
 *
 * link with: -Wl,--wrap=redis_open
 *
 * Input: which call, "---", what the server says from the connect on (bare newlines become CR LF):
 * first to AUTH, SELECT and CLIENT SETNAME, then to the call. Holds: a call ends (nothing is waited
 * for that cannot come), with a result within its bounds or a whole failure.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/queue/queue.h"
#include "common/queue/queue_internal.h"
#include "common/redis_internal.h"
#include "common/redis_url.h"
#include "common/scoreboard.h"
#include "tests/fuzz/input.h"
#include "worker/dispatcher/bell.h"
#include "worker/gates.h"
#include "worker/token_pair.h"

static char path[] = "/none", password[] = "Zq9Canary", user[] = "user";
static const struct redis_address address = {
	.path = path, .password = password, .user = user, .db = 3};
static struct redis *redis;
static struct queue *queue; /* its scripts' names cost more than a call */

static char *wire;
static size_t wire_size;
static struct config config;
static struct scoreboard *board;

bool __wrap_redis_open(struct redis *opened, int64_t deadline_ms, struct failure *why);

/* A connection on which everything lies already, and after that its end. */
bool
__wrap_redis_open(struct redis *opened, int64_t deadline_ms, struct failure *why)
{
	int pair[2];

	(void)deadline_ms;
	(void)why;
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	FUZZ_CHECK(send(pair[1], wire, wire_size, MSG_DONTWAIT) == (ssize_t)wire_size);
	FUZZ_CHECK(shutdown(pair[1], SHUT_WR) == 0);
	/* Stays open, so that writing to it does no harm; closed by the next. */
	(void)dup2(pair[1], 101);
	(void)close(pair[1]);
	opened->context = redisConnectFd(pair[0]);
	FUZZ_CHECK(opened->context != NULL && opened->context->err == 0);
	opened->context->flags &= ~REDIS_BLOCK;
	return true;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct queue_settings settings = {
		.prefix = "bull", .name = "q", .lock_duration_ms = 30000, .default_attempts = 7};

	(void)argc;
	(void)argv;
	log_setup(LOG_ERROR);
	redis = redis_new(&address, "name");
	queue = redis != NULL ? queue_new(redis, &settings) : NULL;
	FUZZ_CHECK(queue != NULL);
	board = scoreboard_new();
	FUZZ_CHECK(board != NULL);
	config.circuit_breaker_enabled = config.rate_limiter_enabled = true;
	return 0;
}

static void
check_count(int64_t count)
{
	FUZZ_CHECK(count >= -1 && count <= 9007199254740991LL);
}

static bool
try_look(struct failure *why)
{
	struct queue_look look = {0};
	bool ok = queue_look(queue, &look, why);

	check_count(look.waiting);
	check_count(look.next_due_ms);
	check_count(look.limited_ms);
	return ok;
}

static bool
try_counts(struct failure *why)
{
	struct queue_counts counts = {0};
	struct queue_stalled stalled = {0};
	bool ok = queue_count(queue, &counts, why);

	check_count(counts.delayed);
	check_count(counts.oldest_due_ms);
	return ok && queue_check_stalled(queue, 1000, &stalled, why);
}

static bool
try_ids(bool with_tokens, struct failure *why)
{
	char *json = NULL;
	bool ok = with_tokens ? queue_active_tokens(queue, "ip.", &json, why)
			      : queue_hand_back(queue, "ip.1", &json, why);

	FUZZ_CHECK(ok == (json != NULL));
	FUZZ_CHECK(!ok || json[0] == '[');
	free(json);
	return ok;
}

static bool
try_state(struct failure *why)
{
	char state[24] = "";
	int64_t due_ms = 0;
	bool removed = false;
	bool ok = queue_job_state(queue, "deviation-1", state, &due_ms, why);

	FUZZ_CHECK(!ok || (state[0] != '\0' && strnlen(state, sizeof(state)) < sizeof(state)));
	FUZZ_CHECK(due_ms >= 0);
	return ok && queue_remove(queue, "deviation-1", &removed, why);
}

static bool
try_add(struct failure *why)
{
	struct queue_add job = {
		.id = "deviation-1", .name = "publish-deviation", .data = "{}", .attempts = 7};
	enum queue_added added;

	return queue_add(queue, &job, &added, why);
}

static bool
try_renew(struct failure *why)
{
	struct queue_lease leases[3] = {{"a", "t"}, {"b", "t"}, {"c", "t"}};
	bool lost[3] = {false};
	int64_t end_ms = 0;

	return queue_renew(queue, leases, 3, lost, &end_ms, why);
}

static bool
try_claim(struct failure *why)
{
	struct queue_claim claim = {0};
	bool ok = queue_claim(queue, "token", "worker", &claim, why);

	FUZZ_CHECK(ok || claim.job == NULL);
	queue_job_free(claim.job);
	return ok;
}

static bool
try_gates(struct failure *why)
{
	struct gates *gates = gates_new(&config, redis);
	struct gates_verdict verdict = {.wait_ms = 1};
	struct failure refusal;
	int64_t wait_ms = 0;
	bool ok;

	FUZZ_CHECK(gates != NULL);
	ok = gates_ask(gates, "user", "d:f", &verdict, why);
	FUZZ_CHECK(verdict.wait_ms >= 1);
	FUZZ_CHECK(strnlen(verdict.reason, sizeof(verdict.reason)) < sizeof(verdict.reason));
	failure_set(&refusal, FAILURE_RATE_LIMIT, "slow down");
	gates_refused(gates, "user", "d:f", &refusal, &wait_ms);
	FUZZ_CHECK(wait_ms >= 1);
	gates_free(gates);
	return ok;
}

static bool
try_parked(struct failure *why)
{
	struct token_pair *pair = NULL;
	char *unopened = NULL;
	bool ok = token_pair_read_parked(redis, "client secret", "user", &pair, &unopened, why);

	FUZZ_CHECK(ok || (why->category == FAILURE_AWAY && unopened == NULL));
	FUZZ_CHECK(pair == NULL); /* nobody can have sealed one */
	if (unopened == NULL)
		return ok;
	/* What cannot be opened holds the artist's jobs up, or the next answer says that it is out
	 * of the way. */
	if (token_pair_is_superseded(unopened, "refresh token")) {
		ok = token_pair_set_aside(redis, "user", unopened, why);
		FUZZ_CHECK(ok || why->category == FAILURE_AWAY);
	} else {
		ok = token_pair_cannot_be_opened("user", why);
		FUZZ_CHECK(!ok && why->category == FAILURE_OPERATOR);
	}
	free(unopened);
	return ok;
}

/* The answer to BZPOPMIN; a look at the queue follows. */
static bool
try_marker(struct failure *why)
{
	const char *const argv[] = {"BZPOPMIN", "marker", "5"};
	struct child child = {.slot = SCOREBOARD_DISPATCHER};
	struct desk desk = {.child = &child,
			    .config = &config,
			    .board = board,
			    .redis = redis,
			    .queue = queue,
			    .marker = redis};
	struct bell bell;
	bool ok;

	bell_init(&bell);
	if (!redis_connect(redis, 1000, why) || !redis_begin(redis, why, 3, argv, NULL))
		return false;
	bell.listening = true;
	bell.listen_dead_ms = INT64_MAX;
	ok = bell_tend(&bell, &desk, why);
	FUZZ_CHECK(bell.due_ms >= 0);
	return ok;
}

static bool
try_call(const char *call, struct failure *why)
{
	if (strcmp(call, "look") == 0)
		return try_look(why);
	if (strcmp(call, "counts") == 0)
		return try_counts(why);
	if (strcmp(call, "ids") == 0)
		return try_ids(false, why);
	if (strcmp(call, "tokens") == 0)
		return try_ids(true, why);
	if (strcmp(call, "state") == 0)
		return try_state(why);
	if (strcmp(call, "add") == 0)
		return try_add(why);
	if (strcmp(call, "renew") == 0)
		return try_renew(why);
	if (strcmp(call, "gates") == 0)
		return try_gates(why);
	if (strcmp(call, "parked") == 0)
		return try_parked(why);
	if (strcmp(call, "marker") == 0)
		return try_marker(why);
	return try_claim(why);
}

/* hiredis 0.14 makes room for as many elements as an array's line tells, before one has come. */
static bool
tells_large_array(void)
{
	for (size_t i = 0; i < wire_size; i++) {
		size_t digits = 0;

		while (wire[i] == '*' && i + 1 + digits < wire_size &&
		       wire[i + 1 + digits] >= '0' && wire[i + 1 + digits] <= '9')
			digits++;
		if (digits > 4)
			return true;
	}
	return false;
}

static void
try_server(const char *call)
{
	struct failure why = {.category = FAILURE_NONE};

	queue->unsure = false;
	if (!try_call(call, &why))
		fuzz_check_failure(&why);
	FUZZ_CHECK(memmem(wire, wire_size, password, strlen(password)) != NULL ||
		   strstr(why.message, password) == NULL);
	redis_close(redis);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size < 60000 ? size : 60000};
	size_t said_size;
	char *call = fuzz_part(&input, NULL), *said = fuzz_part(&input, &said_size);

	wire = fuzz_crlf(said, said_size, &wire_size);
	if (!tells_large_array())
		try_server(call);
	free(wire);
	free(call);
	free(said);
	return 0;
}
