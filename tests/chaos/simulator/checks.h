#ifndef TESTS_CHAOS_SIMULATOR_CHECKS_H
#define TESTS_CHAOS_SIMULATOR_CHECKS_H
/*
 * checks.h - what must always hold (design.md, faults.md), looked at after every step. [simulator]
 */
#include <stdbool.h>
#include <stdint.h>

#include "tests/chaos/simulator/server.h"

struct host;
struct process;
struct redisReply;
struct sim_item;
struct sim_login;

/* ---- told of what happens ---- */

/* claim: the one that the sender knew of when it sent the script; 0: none. */
void check_before_script(const char *source, int key_count, int argc, const char *const *argv,
			 uint64_t claim);
void check_after_script(const char *source, int key_count, int argc, const char *const *argv,
			const struct redisReply *reply);
/* The process sends the script; it may never arrive. */
void check_sent(struct process *sender, const char *source, const char *const *args);
bool check_ends_a_claim(const char *source); /* NULL: no script, so it does not */
/* Whether there was a claim of this job after that one. */
bool check_is_claimed_again(const char *id, uint64_t claim);
/* The answer has reached it. */
void check_heard(struct process *sender, const char *source, const struct redisReply *reply);
/* "gates", "claim", "end_job" ...; for the trace. */
const char *check_script_name(const char *source);
void check_redis_lost(enum redis_memory memory);
bool check_redis_has_forgotten(void); /* something, at least once */

void check_before_statement(const char *name, const char *const *values);
void check_after_statement(const char *name, const char *const *values);

/* A publish request of this item arrives, sent by the process (NULL: dead by now). */
void check_publish_request(struct sim_item *item, const struct process *sender);
void check_published(const struct sim_item *item);
/* A refresh token is presented. */
void check_refresh(const struct sim_login *login, const char *token, const struct process *sender);
/* The job in hand was told something that may burn an attempt. */
void check_burnable(void);
void check_process_died(const struct process *p);

/* Once a second, of a host that stands and whose supervisor lives. */
void check_hand_back(const struct host *host);

/* ---- asked ---- */

void check_begin(void);

/* ---- asked: end_checks.c ---- */

bool check_posts_have_ended(void);
/* Whether all is done: every post has its end, the queue is quiet. */
bool check_is_done(void);
/* What must hold then. */
void check_end(void);
/* It should have been done by now: a violation that says what is left. */
_Noreturn void check_unfinished(void);

#endif
