/*
 * tools.c - what a worker works with.                                   [worker]
 */
#include "worker/tools.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/postgres.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "worker/deviantart/deviantart.h"
#include "worker/gates.h"
#include "worker/http/http.h"
#include "worker/journal.h"
#include "worker/orders.h"
#include "worker/http/storage.h"
#include "worker/token.h"

#define DATABASE_CONNECT_MS 5000
#define CLEANUP_QUEUE       "storage-cleanup"
/* Two weeks, which BullMQ's documentation recommends to all workers of a queue alike: 120 KB. */
#define METRICS_MINUTES (14 * 24 * 60)

void
tools_worker_name(int slot, char *out, size_t out_size)
{
	char host[64] = "";

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "host");
	for (char *at = host; *at != '\0'; at++) {
		if (!isalnum((unsigned char)*at) && *at != '-' && *at != '.')
			*at = '_';
	}
	snprintf(out, out_size, "%s-%d", host, slot);
}

char *
tools_client_name(const struct config *config, const char *name)
{
	size_t size = strlen(config->queue_name);
	char *base64 = malloc(4 * ((size + 2) / 3) + 1);
	char *out = NULL;

	if (base64 == NULL)
		return NULL;
	EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)config->queue_name,
			(int)size);
	if (asprintf(&out, "%s:%s:w:%s", config->queue_prefix, base64, name) < 0)
		out = NULL;
	free(base64);
	return out;
}

static struct queue *
open_queue(struct tools *tools, const char *name)
{
	const struct config *c = tools->config;
	const struct queue_settings settings = {
		.prefix = c->queue_prefix,
		.name = name,
		.lock_duration_ms = c->lock_duration_ms,
		.limiter_max = c->limiter_max,
		.max_stalled_count = c->max_stalled_count,
		.default_attempts = c->max_attempts,
		.metrics_minutes = METRICS_MINUTES,
	};

	return queue_new(tools->redis, &settings);
}

bool
tools_open(struct tools *tools, const struct child *child, struct orders *orders)
{
	char *client_name;

	*tools = (struct tools){.child = child,
				.config = child->config,
				.board = child->board,
				.slot = child->slot,
				.orders = orders};
	tools_worker_name(child->slot, tools->name, sizeof(tools->name));
	client_name = tools_client_name(child->config, tools->name);
	if (client_name == NULL)
		return false;
	tools->redis = redis_new(&child->config->redis, client_name);
	free(client_name);
	tools->postgres = postgres_new(&child->config->database, "isekai-publisher worker");
	tools->http = http_new();
	tools->storage = storage_new(child->config);
	if (tools->redis == NULL || tools->postgres == NULL || tools->http == NULL ||
	    tools->storage == NULL)
		goto failed;
	redis_count_in(tools->redis, child->board, child->slot);
	postgres_count_in(tools->postgres, child->board, child->slot);
	tools->queue = open_queue(tools, child->config->queue_name);
	tools->cleanup_queue = open_queue(tools, CLEANUP_QUEUE);
	tools->deviantart = deviantart_new(child->config, tools->http, tools->storage);
	tools->gates = gates_new(child->config, tools->redis);
	if (tools->queue == NULL || tools->cleanup_queue == NULL || tools->deviantart == NULL ||
	    tools->gates == NULL)
		goto failed;
	tools->tokens = token_keeper_new(child->config, tools->redis, tools->postgres,
					 tools->deviantart, child->token);
	if (tools->tokens != NULL)
		return true;
failed:
	tools_close(tools);
	return false;
}

void
tools_close(struct tools *tools)
{
	token_keeper_free(tools->tokens);
	gates_free(tools->gates);
	deviantart_free(tools->deviantart);
	queue_free(tools->cleanup_queue);
	queue_free(tools->queue);
	storage_free(tools->storage);
	http_free(tools->http);
	postgres_free(tools->postgres);
	redis_free(tools->redis);
}

bool
tools_database(struct tools *tools, struct failure *why)
{
	if (!postgres_connect(tools->postgres, DATABASE_CONNECT_MS, why))
		return false;
	tools->journal_ready = tools->journal_ready || journal_prepare(tools->postgres, why);
	return tools->journal_ready;
}
