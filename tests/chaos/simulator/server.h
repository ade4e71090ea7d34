#ifndef TESTS_CHAOS_SIMULATOR_SERVER_H
#define TESTS_CHAOS_SIMULATOR_SERVER_H
/*
 * server.h - Redis and PostgreSQL as processes that come and go.         [simulator]
 */
#include <stdbool.h>
#include <stdint.h>

struct process;

struct server {
	bool up;
	uint64_t epoch; /* raised at each start: connections of before are dead */
};
extern struct server redis_server, postgres_server;

enum redis_memory { REDIS_KEEPS, REDIS_LOSES_A_SECOND, REDIS_LOSES_ALL };
void server_redis_down(enum redis_memory memory);
void server_redis_up(void);
void server_postgres_down(void);
void server_postgres_up(void);

/* Descriptor number `number` of a Redis connection. */
bool server_is_readable(int number);
/* A process is gone, and its connections with it. */
void server_forget_process(const struct process *p);
void server_forget_all(void);

#endif
