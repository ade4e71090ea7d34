#ifndef TESTS_CHAOS_SIMULATOR_STORE_H
#define TESTS_CHAOS_SIMULATOR_STORE_H
/*
 * store.h - what Redis remembers: keys and their values.                 [simulator]
 *
 * Only the commands that the program uses; another one ends the simulator with its name. Texts hold
 * no NUL. One thing at a time, as in Redis.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redisReply;

/* Runs a command; the reply (an error reply too) is freed with redis_reply_free(). */
struct redisReply *store_command(int argc, const char *const *argv);
/* Runs a script; KEYS and ARGV follow each other in argv. */
struct redisReply *store_script(const char *source, int key_count, int argc,
				const char *const *argv);

/* ---- replies ---- */

struct redisReply *store_reply_integer(long long value);
struct redisReply *store_reply_text(const char *text); /* NULL: nil */
struct redisReply *store_reply_status(const char *text);
struct redisReply *store_reply_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct redisReply *store_reply_array(size_t count); /* its elements are set by the caller */

/* ---- the keyspace, for the commands and the checks ---- */

enum store_type { STORE_STRING, STORE_LIST, STORE_HASH, STORE_SET, STORE_ZSET, STORE_STREAM };

/* One element: a list's or a set's text, a hash's field and value, a sorted set's member and score.
 */
struct store_item {
	char *text, *value;
	double score;
};
struct store_key {
	struct store_key *next;
	char *name;
	enum store_type type;
	int64_t expires_ms; /* 0: never */
	struct store_item *items;
	size_t count, room;
};

/* NULL: no such key (or its time is over). */
struct store_key *store_find(const char *name);
struct store_key *store_make(const char *name, enum store_type type);
void store_delete(struct store_key *key);
void store_insert(struct store_key *key, size_t at, const char *text, const char *value,
		  double score);
void store_remove(struct store_key *key, size_t at);
/* Where the text stands; -1: nowhere. */
long store_position(const struct store_key *key, const char *text);
void store_set_text(char **text, const char *to);
/* Walks over all keys; *at starts with 0. */
struct store_key *store_next(size_t *at);

/* ---- persistence ---- */

void store_keep_snapshots(bool keep); /* one a second, before a change */
void store_before_change(void);
void store_lose_last_second(void);
void store_lose_all(void);

#endif
