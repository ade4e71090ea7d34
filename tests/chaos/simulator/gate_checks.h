#ifndef TESTS_CHAOS_SIMULATOR_GATE_CHECKS_H
#define TESTS_CHAOS_SIMULATOR_GATE_CHECKS_H
/*
 * gate_checks.h - what the limiter and the breaker must not do, seen from outside of gates.lua.
 * [simulator]
 */
struct redisReply;

/* At the beginning, and when Redis has forgotten: then nobody knows of earlier refusals. */
void gate_checks_begin(void);
void gate_checks_before(const char *const *keys, const char *const *args);
void gate_checks_after(const char *const *keys, const char *const *args,
		       const struct redisReply *reply);

#endif
