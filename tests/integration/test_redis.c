/*
 * test_redis.c - common/redis against a real server.                   [tests]
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <openssl/evp.h>

#include "common/clock.h"
#include "common/failure.h"
#include "common/redis.h"
#include "common/redis_url.h"
#include "tests/integration/redis_server.h"

#define TIMEOUT_MS 5000

static struct redis_server server;
static struct redis_address by_socket;
static struct redis *redis, *other;
static struct failure why;

static struct redisReply *
call(struct redis *on, int argc, const char *const *argv)
{
	return redis_call(on, TIMEOUT_MS, &why, argc, argv, NULL);
}

#define CALL(on, ...)                                                                              \
	call(on, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                    \
	     (const char *[]){__VA_ARGS__})

/* A command whose answer is known; status and text compare alike. */
#define assert_answer(on, expected, ...)                                                           \
	do {                                                                                       \
		struct redisReply *answer_ = CALL(on, __VA_ARGS__);                                \
		if (answer_ == NULL)                                                               \
			fail_msg("%s", why.message);                                               \
		assert_non_null(answer_->str);                                                     \
		assert_string_equal(answer_->str, expected);                                       \
		redis_reply_free(answer_);                                                         \
	} while (0)

static int
set_up_server(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (!redis_server_start(&server, NULL))
		return -1;
	by_socket.path = server.socket;
	return 0;
}

static int
tear_down_server(void **state)
{
	(void)state;
	redis_server_stop(&server);
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	redis = redis_new(&by_socket, "test");
	other = redis_new(&by_socket, NULL);
	redis_reply_free(CALL(other, "FLUSHALL"));
	return redis != NULL && other != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	redis_free(redis);
	redis_free(other);
	return 0;
}

/* The server's number for a connection. */
static void
client_id(struct redis *on, char out[32])
{
	struct redisReply *reply = CALL(on, "CLIENT", "ID");

	assert_non_null(reply);
	snprintf(out, 32, "%lld", reply->integer);
	redis_reply_free(reply);
}

/* ---- connecting ---- */

static void
connects_by_itself_and_tells_its_name(void **state)
{
	(void)state;
	assert_false(redis_connected(redis));
	assert_int_equal(redis_fd(redis), -1);
	assert_answer(redis, "PONG", "PING");
	assert_true(redis_connected(redis));
	assert_true(redis_fd(redis) >= 0);
	assert_answer(redis, "test", "CLIENT", "GETNAME");
	assert_true(clock_mono_ms() - redis_last_ok_ms(redis) < TIMEOUT_MS);
}

static void
connects_by_tcp_to_a_numbered_database(void **state)
{
	struct redis_address address = {
		.host = (char[]){"localhost"}, .port = server.port, .db = 3};
	struct redis *tcp = redis_new(&address, NULL);

	(void)state;
	assert_answer(tcp, "OK", "SET", "k", "three");
	assert_answer(redis, "OK", "SET", "k", "zero");
	assert_answer(tcp, "three", "GET", "k");
	redis_free(tcp);
	address.db = 12345;
	tcp = redis_new(&address, NULL);
	assert_null(CALL(tcp, "PING"));
	assert_int_equal(why.category, FAILURE_AWAY);
	redis_free(tcp);
}

static void
says_what_is_wrong_without_secrets(void **state)
{
	struct redis_address address = {.host = (char[]){"127.0.0.1"},
					.port = server.port,
					.user = (char[]){"operator"},
					.password = (char[]){"hunter2-secret"}};
	struct redis *tcp = redis_new(&address, NULL);

	(void)state;
	assert_null(CALL(tcp, "PING"));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_null(strstr(why.message, "hunter2"));
	assert_false(redis_connected(tcp));
	redis_reply_free(
		CALL(other, "ACL", "SETUSER", "operator", "on", ">hunter2-secret", "~*", "+@all"));
	assert_answer(tcp, "PONG", "PING");
	assert_answer(tcp, "operator", "ACL", "WHOAMI");
	redis_free(tcp);
	/* Only a password: that of the user "default". */
	redis_reply_free(CALL(other, "CONFIG", "SET", "requirepass", "only-a-word"));
	assert_null(CALL(redis, "PING"));
	assert_int_equal(why.category, FAILURE_AWAY);
	address.user = NULL;
	address.password = (char[]){"only-a-word"};
	tcp = redis_new(&address, NULL);
	assert_answer(tcp, "PONG", "PING");
	redis_free(tcp);
	redis_reply_free(CALL(other, "CONFIG", "SET", "requirepass", ""));
	redis_reply_free(CALL(other, "ACL", "DELUSER", "operator"));
}

static void
nobody_there_is_away_at_once(void **state)
{
	struct redis_address nowhere = {.host = (char[]){"127.0.0.1"}, .port = 1};
	struct redis_address no_socket = {.path = (char[]){"/nowhere/redis.sock"}};
	struct redis_address no_name = {.host = (char[]){"no-such-host.invalid"}, .port = 1};
	char long_path[300];
	struct redis_address too_long = {.path = long_path};
	struct redis_address *all[] = {&nowhere, &no_socket, &no_name};
	int64_t started_ms = clock_mono_ms();

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct redis *none = redis_new(all[i], NULL);

		assert_null(CALL(none, "PING"));
		assert_int_equal(why.category, FAILURE_AWAY);
		redis_free(none);
	}
	assert_true(clock_mono_ms() - started_ms < 3 * TIMEOUT_MS);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	struct redis *none = redis_new(&too_long, NULL);
	assert_null(CALL(none, "PING"));
	assert_int_equal(why.category, FAILURE_OPERATOR);
	redis_free(none);
}

/* A listener that says `words` to whoever comes, or nothing. */
static int
fake_server(struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/fake.sock", server.dir);
	unlink(address->sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void
silence_ends_with_the_deadline(void **state)
{
	struct sockaddr_un place;
	int listener = fake_server(&place);
	struct redis_address address = {.path = place.sun_path};
	struct redis *silent = redis_new(&address, "test");
	int64_t started_ms = clock_mono_ms();

	(void)state;
	assert_false(redis_connect(silent, 100, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_in_range(clock_mono_ms() - started_ms, 99, 2000);
	assert_false(redis_connected(silent));
	redis_free(silent);
	close(listener);
}

static void
garbage_is_not_believed(void **state)
{
	struct sockaddr_un place;
	int listener = fake_server(&place), fd;
	struct redis_address address = {.path = place.sun_path};
	struct redis *strange = redis_new(&address, NULL);

	(void)state;
	assert_true(redis_connect(strange, 1000, &why));
	fd = accept(listener, NULL, NULL);
	assert_int_equal(write(fd, "HTTP/1.1 400\r\n", 14), 14);
	assert_null(CALL(strange, "PING"));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_false(redis_connected(strange));
	redis_free(strange);
	close(fd);
	close(listener);
}

/* ---- calls ---- */

static void
an_error_reply_leaves_the_connection_usable(void **state)
{
	(void)state;
	assert_answer(redis, "OK", "SET", "k", "text");
	assert_null(CALL(redis, "LPUSH", "k", "x"));
	assert_int_equal(why.category, FAILURE_UNKNOWN);
	assert_non_null(strstr(why.message, "WRONGTYPE"));
	assert_true(redis_connected(redis));
	assert_answer(redis, "text", "GET", "k");
}

static void
bytes_of_any_kind_and_size_pass(void **state)
{
	size_t size = 8 * 1024 * 1024;
	char *big = malloc(size);
	const char *argv[3] = {"SET", "k\0ey", big};
	size_t sizes[3] = {3, 4, size};
	struct redisReply *reply;

	(void)state;
	for (size_t i = 0; i < size; i++)
		big[i] = (char)(i * 31);
	reply = redis_call(redis, TIMEOUT_MS, &why, 3, argv, sizes);
	assert_non_null(reply);
	redis_reply_free(reply);
	argv[0] = "GET";
	reply = redis_call(redis, TIMEOUT_MS, &why, 2, argv, sizes);
	assert_non_null(reply);
	assert_int_equal(reply->len, size);
	assert_memory_equal(reply->str, big, size);
	redis_reply_free(reply);
	free(big);
}

static void
a_late_reply_is_never_taken_for_the_next(void **state)
{
	/* Busy for 200 ms. */
	const char *late[] = {"ECHO", "late"};

	(void)state;
	assert_answer(redis, "PONG", "PING");
	redis_reply_free(CALL(other, "CLIENT", "PAUSE", "300", "ALL"));
	assert_null(redis_call(redis, 50, &why, 2, late, NULL));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_false(redis_connected(redis));
	assert_answer(redis, "next", "ECHO", "next");
}

static void
a_killed_connection_is_replaced(void **state)
{
	char id[32];

	(void)state;
	client_id(redis, id);
	redis_reply_free(CALL(other, "CLIENT", "KILL", "ID", id));
	assert_null(CALL(redis, "PING"));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_answer(redis, "PONG", "PING");
}

static void
a_restarted_server_is_found_again(void **state)
{
	(void)state;
	assert_answer(redis, "PONG", "PING");
	redis_server_kill(&server);
	assert_null(CALL(redis, "PING"));
	assert_int_equal(why.category, FAILURE_AWAY);
	for (int i = 0; i < 3; i++) {
		assert_null(CALL(redis, "PING"));
		assert_int_equal(why.category, FAILURE_AWAY);
	}
	assert_true(redis_server_again(&server));
	assert_answer(redis, "PONG", "PING");
}

static void
a_replica_is_away_and_left(void **state)
{
	(void)state;
	assert_answer(redis, "PONG", "PING");
	redis_reply_free(CALL(other, "REPLICAOF", "127.0.0.1", "1"));
	assert_null(CALL(redis, "SET", "k", "v"));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_false(redis_connected(redis));
	redis_reply_free(CALL(other, "REPLICAOF", "NO", "ONE"));
	assert_answer(redis, "OK", "SET", "k", "v");
}

static void
a_full_server_is_away_but_not_left(void **state)
{
	struct redis_script script = {.source = "return redis.call('SET', KEYS[1], 'v')"};

	(void)state;
	assert_answer(redis, "PONG", "PING");
	redis_reply_free(CALL(other, "CONFIG", "SET", "maxmemory", "1"));
	assert_null(CALL(redis, "SET", "k", "v"));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_null(
		redis_eval(redis, &script, TIMEOUT_MS, &why, 1, 1, (const char *[]){"k"}, NULL));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_true(redis_connected(redis));
	redis_reply_free(CALL(other, "CONFIG", "SET", "maxmemory", "0"));
	assert_answer(redis, "OK", "SET", "k", "v");
}

/* ---- without waiting ---- */

#define SEND(on, ...)                                                                              \
	redis_send(on, &why, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),        \
		   (const char *[]){__VA_ARGS__}, NULL)

static void
what_is_sent_without_waiting_comes_first_and_its_replies_are_dropped(void **state)
{
	(void)state;
	assert_answer(redis, "PONG", "PING");
	assert_true(SEND(redis, "SET", "k", "one"));
	assert_true(SEND(redis, "LPUSH", "k", "an error"));
	assert_true(SEND(redis, "APPEND", "k", "two"));
	assert_answer(redis, "onetwo", "GET", "k");
	assert_true(SEND(redis, "SET", "k", "three"));
	assert_true(redis_flush(redis, TIMEOUT_MS, &why));
	assert_answer(other, "three", "GET", "k");
	assert_answer(redis, "three", "GET", "k");
}

static void
what_is_sent_while_away_waits_for_the_connection(void **state)
{
	(void)state;
	assert_true(SEND(redis, "SET", "k", "held"));
	assert_true(SEND(redis, "APPEND", "k", " twice"));
	assert_false(redis_connected(redis));
	assert_answer(redis, "held twice", "GET", "k");
	redis_close(redis);
	assert_true(SEND(redis, "SET", "k", "flushed"));
	assert_true(redis_flush(redis, TIMEOUT_MS, &why));
	assert_answer(other, "flushed", "GET", "k");
}

static void
memory_for_what_waits_is_bounded(void **state)
{
	static char big[100000];
	int taken = 0;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	while (taken < 100 && SEND(redis, "SET", "k", big))
		taken++;
	assert_in_range(taken, 5, 99);
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_answer(redis, "PONG", "PING");
}

static void
a_large_pipeline_does_not_block_itself(void **state)
{
	static char big[16384];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_answer(redis, "PONG", "PING");
	/* 64 MB out and 64 MB back: more than any socket buffer. */
	for (int i = 0; i < 4096; i++)
		assert_true(SEND(redis, "ECHO", big));
	assert_answer(redis, "done", "ECHO", "done");
}

/* ---- blocking ---- */

static const char *const pop[] = {"BRPOPLPUSH", "turns", "taken", "0"};

static void
begin_pop(void)
{
	assert_true(redis_connect(redis, TIMEOUT_MS, &why));
	assert_true(redis_begin(redis, &why, 4, pop, NULL));
}

static void
a_blocking_command_waits_in_pieces(void **state)
{
	struct redisReply *reply = NULL;

	(void)state;
	begin_pop();
	assert_int_equal(redis_wait(redis, 0, &reply, &why), REDIS_WAITING);
	assert_int_equal(redis_wait(redis, 20, &reply, &why), REDIS_WAITING);
	/* Other things may be sent meanwhile; their replies come later and are dropped. */
	assert_true(SEND(redis, "SET", "k", "meanwhile"));
	redis_reply_free(CALL(other, "LPUSH", "turns", "now"));
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_REPLY_READY);
	assert_string_equal(reply->str, "now");
	redis_reply_free(reply);
	assert_answer(redis, "meanwhile", "GET", "k");
	assert_int_equal(redis_wait(redis, 0, &reply, &why), REDIS_FAILED);
}

static void
no_call_is_possible_while_one_blocks(void **state)
{
	struct redisReply *reply = NULL;

	(void)state;
	begin_pop();
	assert_null(CALL(redis, "PING"));
	assert_int_equal(why.category, FAILURE_UNKNOWN);
	redis_reply_free(CALL(other, "LPUSH", "turns", "now"));
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_REPLY_READY);
	redis_reply_free(reply);
	assert_answer(redis, "PONG", "PING");
}

static void
the_wake_descriptor_ends_a_wait(void **state)
{
	struct redisReply *reply = NULL;
	int64_t started_ms = clock_mono_ms();
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	redis_set_wake_fd(redis, ends[0]);
	begin_pop();
	assert_int_equal(redis_wait(redis, 10, &reply, &why), REDIS_WAITING);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_WOKEN);
	assert_true(redis_connected(redis));
	/* Level-triggered: it goes on speaking until somebody reads it. */
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_WOKEN);
	assert_true(clock_mono_ms() - started_ms < TIMEOUT_MS);
	/* A reply that is there is preferred: what it brought would be lost. */
	redis_reply_free(CALL(other, "LPUSH", "turns", "now"));
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_REPLY_READY);
	assert_string_equal(reply->str, "now");
	redis_reply_free(reply);
	/* While it is set it ends calls as well; without it the connection works on. */
	assert_null(redis_call(redis, TIMEOUT_MS, &why, 4, pop, NULL));
	assert_int_equal(why.category, FAILURE_STOPPED);
	assert_false(redis_connected(redis));
	redis_set_wake_fd(redis, -1);
	assert_answer(redis, "PONG", "PING");
	close(ends[0]);
	close(ends[1]);
}

static void
a_hung_up_wake_descriptor_ends_a_wait(void **state)
{
	struct redisReply *reply = NULL;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	redis_set_wake_fd(redis, ends[0]);
	begin_pop();
	close(ends[1]);
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_WOKEN);
	close(ends[0]);
}

static void
a_connection_killed_in_mid_wait_is_noticed(void **state)
{
	struct redisReply *reply = NULL;
	char id[32];

	(void)state;
	client_id(redis, id);
	begin_pop();
	assert_int_equal(redis_wait(redis, 10, &reply, &why), REDIS_WAITING);
	redis_reply_free(CALL(other, "CLIENT", "KILL", "ID", id));
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_FAILED);
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_answer(redis, "PONG", "PING");
}

static void
client_unblock_ends_a_wait(void **state)
{
	struct redisReply *reply = NULL;
	char id[32];

	(void)state;
	client_id(redis, id);
	begin_pop();
	assert_int_equal(redis_wait(redis, 10, &reply, &why), REDIS_WAITING);
	redis_reply_free(CALL(other, "CLIENT", "UNBLOCK", id));
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_REPLY_READY);
	assert_int_equal(reply->type, REDIS_REPLY_NIL);
	redis_reply_free(reply);
}

/* ---- scripts ---- */

static void
a_script_survives_a_flush_of_scripts(void **state)
{
	struct redis_script script = {.source = "return KEYS[1] .. ARGV[1]"};
	const char *argv[] = {"key", "value"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct redisReply *reply =
			redis_eval(redis, &script, TIMEOUT_MS, &why, 1, 2, argv, NULL);

		assert_non_null(reply);
		assert_string_equal(reply->str, "keyvalue");
		redis_reply_free(reply);
		redis_reply_free(CALL(other, "SCRIPT", "FLUSH"));
	}
	assert_int_equal(strlen(script.sha1), 40);
}

/* How often the server was asked for a script by its hash. */
static long
calls_by_hash(void)
{
	struct redisReply *reply = CALL(other, "INFO", "commandstats");
	const char *at;
	long calls;

	assert_non_null(reply);
	at = strstr(reply->str, "cmdstat_evalsha:calls=");
	calls = at == NULL ? 0 : strtol(at + strlen("cmdstat_evalsha:calls="), NULL, 10);
	redis_reply_free(reply);
	return calls;
}

static void
a_script_sent_without_waiting_goes_by_its_hash_and_survives_a_flush_of_scripts(void **state)
{
	struct redis_script script = {.source = "return redis.call('APPEND', KEYS[1], ARGV[1])"};
	char bytes[] = {'a', '\0', '\r', '\n'};
	const char *argv[] = {"k", bytes};
	const size_t sizes[] = {1, sizeof(bytes)};
	long before = calls_by_hash();
	struct redisReply *reply;

	(void)state;
	/* While away, and as the first on a connection, with its text. */
	assert_true(redis_send_script(redis, &script, &why, 1, 2, argv, sizes));
	assert_answer(redis, "PONG", "PING");
	assert_true(redis_send_script(redis, &script, &why, 1, 2, argv, sizes));
	assert_answer(redis, "PONG", "PING");
	assert_int_equal(calls_by_hash(), before);
	for (int i = 0; i < 3; i++)
		assert_true(redis_send_script(redis, &script, &why, 1, 2, argv, sizes));
	assert_answer(redis, "PONG", "PING");
	assert_int_equal(calls_by_hash(), before + 3);
	redis_reply_free(CALL(other, "SCRIPT", "FLUSH"));
	for (int i = 0; i < 3; i++)
		assert_true(redis_send_script(redis, &script, &why, 1, 2, argv, sizes));
	/* The first answer is where the loss is heard of; then the text follows. */
	assert_answer(redis, "PONG", "PING");
	assert_true(redis_flush(redis, TIMEOUT_MS, &why));
	assert_answer(redis, "PONG", "PING");
	reply = CALL(other, "GET", "k");
	assert_int_equal(reply->len, 8 * sizeof(bytes));
	assert_memory_equal(reply->str + 7 * sizeof(bytes), bytes, sizeof(bytes));
	redis_reply_free(reply);
}

static void
a_script_that_was_called_is_known_to_the_connection(void **state)
{
	struct redis_script script = {.source = "return redis.call('INCR', KEYS[1])"};
	const char *argv[] = {"k"};
	long before;

	(void)state;
	redis_reply_free(redis_eval(redis, &script, TIMEOUT_MS, &why, 1, 1, argv, NULL));
	before = calls_by_hash();
	assert_true(redis_send_script(redis, &script, &why, 1, 1, argv, NULL));
	assert_answer(redis, "2", "GET", "k");
	assert_int_equal(calls_by_hash(), before + 1);
}

static void
more_scripts_than_can_be_remembered_go_out_with_their_text(void **state)
{
	struct redis_script script = {.source = "return redis.call('INCR', KEYS[1])"};
	const char *argv[] = {"k"};

	(void)state;
	assert_answer(redis, "PONG", "PING");
	for (int i = 0; i < 200; i++)
		assert_true(redis_send_script(redis, &script, &why, 1, 1, argv, NULL));
	assert_answer(redis, "200", "GET", "k");
	redis_close(redis);
	assert_true(redis_send_script(redis, &script, &why, 1, 1, argv, NULL));
	assert_answer(redis, "201", "GET", "k");
}

/* As where it was denied memory, or where a machine has no SHA-1 (FIPS). */
static void
a_script_that_cannot_be_hashed_goes_out_with_its_text(void **state)
{
	struct redis_script script = {.source = "return redis.call('INCR', KEYS[1])"};
	const char *argv[] = {"k"};
	struct redisReply *reply;

	(void)state;
	assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
	assert_true(redis_send_script(redis, &script, &why, 1, 1, argv, NULL));
	assert_true(redis_send_script(redis, &script, &why, 1, 1, argv, NULL));
	reply = redis_eval(redis, &script, TIMEOUT_MS, &why, 1, 1, argv, NULL);
	assert_string_equal(script.sha1, "");
	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
	assert_non_null(reply);
	assert_int_equal(reply->integer, 3);
	redis_reply_free(reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(connects_by_itself_and_tells_its_name),
		TEST(connects_by_tcp_to_a_numbered_database),
		TEST(says_what_is_wrong_without_secrets),
		TEST(nobody_there_is_away_at_once),
		TEST(silence_ends_with_the_deadline),
		TEST(garbage_is_not_believed),
		TEST(an_error_reply_leaves_the_connection_usable),
		TEST(bytes_of_any_kind_and_size_pass),
		TEST(a_late_reply_is_never_taken_for_the_next),
		TEST(a_killed_connection_is_replaced),
		TEST(a_restarted_server_is_found_again),
		TEST(a_replica_is_away_and_left),
		TEST(a_full_server_is_away_but_not_left),
		TEST(what_is_sent_without_waiting_comes_first_and_its_replies_are_dropped),
		TEST(what_is_sent_while_away_waits_for_the_connection),
		TEST(memory_for_what_waits_is_bounded),
		TEST(a_large_pipeline_does_not_block_itself),
		TEST(a_blocking_command_waits_in_pieces),
		TEST(no_call_is_possible_while_one_blocks),
		TEST(the_wake_descriptor_ends_a_wait),
		TEST(a_hung_up_wake_descriptor_ends_a_wait),
		TEST(a_connection_killed_in_mid_wait_is_noticed),
		TEST(client_unblock_ends_a_wait),
		TEST(a_script_survives_a_flush_of_scripts),
		TEST(a_script_sent_without_waiting_goes_by_its_hash_and_survives_a_flush_of_scripts),
		TEST(a_script_that_cannot_be_hashed_goes_out_with_its_text),
		TEST(a_script_that_was_called_is_known_to_the_connection),
		TEST(more_scripts_than_can_be_remembered_go_out_with_their_text),
	};

	return cmocka_run_group_tests(tests, set_up_server, tear_down_server);
}
