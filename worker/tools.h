#ifndef WORKER_TOOLS_H
#define WORKER_TOOLS_H
/*
 * tools.h - what a worker works with: its connections and who it is.     [worker]
 *
 * Made once when the worker starts; nothing in it is shared with another process but the
 * scoreboard.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "worker/worker.h"

struct redis;
struct queue;
struct postgres;
struct http;
struct storage;
struct deviantart;
struct gates;
struct token_keeper;
struct orders;

struct tools {
	const struct child *child;
	const struct config *config;
	struct scoreboard *board;
	int slot;
	struct orders *orders;
	struct redis *redis;
	struct queue *queue;
	struct queue *cleanup_queue; /* "storage-cleanup" */
	struct postgres *postgres;
	bool journal_ready;  /* the schema was seen in this process' life */
	int database_streak; /* jobs in a row that found PostgreSQL away */
	bool out_of_memory;  /* for good: shortage.h */
	struct http *http;
	struct storage *storage;
	struct deviantart *deviantart;
	struct gates *gates;
	struct token_keeper *tokens;
	char name[96]; /* BullMQ's worker name: "<host>-<slot>" */
};

/* Opens no connection. False: out of memory (everything is freed). */
bool tools_open(struct tools *tools, const struct child *child, struct orders *orders);
void tools_close(struct tools *tools);

/* Connects to PostgreSQL and sees that the journal is there. */
bool tools_database(struct tools *tools, struct failure *why);

/* A BullMQ client name for CLIENT SETNAME: "<prefix>:<base64 queue>:w:<name>" (bullmq-protocol.md
 * 17). free(). */
char *tools_client_name(const struct config *config, const char *name);
/* "<host name>-<slot>", made of characters that a client name may have. */
void tools_worker_name(int slot, char *out, size_t out_size);

#endif
