#ifndef TESTS_CHAOS_SIMULATOR_COMMAND_H
#define TESTS_CHAOS_SIMULATOR_COMMAND_H
/*
 * command.h - what the commands of a simulated Redis share.              [simulator]
 */
#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "tests/chaos/simulator/store.h"

struct call {
	int argc;
	const char *const *argv;
	struct store_key *key; /* argv[1]'s; NULL: there is none */
};

struct command {
	const char *name;
	int argc; /* at least */
	bool changes;
	redisReply *(*run)(struct call *c);
};

/* By the type of what they work on; behind the last one, one without a name. */
extern const struct command list_commands[]; /* sets, too */
extern const struct command zset_commands[];

#define WRONGTYPE                                                                                  \
	store_reply_error("WRONGTYPE Operation against a key holding the wrong kind of value")

bool call_wrong_type(const struct call *c, enum store_type type);
long long call_number(const char *text);
/* Where the word stands, in any case, from an argument on; 0: nowhere. */
int call_find_word(const struct call *c, int from, const char *word);
/* first, last: as LRANGE has them. False: nothing lies between. */
bool call_range(const struct store_key *key, const char *first, const char *last, long *from,
		long *to);
/* LLEN, SCARD, ZCARD */
redisReply *call_count(struct call *c);
/* HDEL, SREM, ZREM */
redisReply *call_remove_members(struct call *c);
void store_drop_if_empty(struct store_key *key);

#endif
