/*
 * queue.c - a queue's handle and its keys; see queue.h.                [worker, dispatcher]
 */
#include "common/queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue/queue_internal.h"

static char *
joined(const char *a, const char *b, const char *c, const char *d)
{
	size_t size = strlen(a) + strlen(b) + strlen(c) + strlen(d) + 1;
	char *text = malloc(size);

	if (text != NULL)
		snprintf(text, size, "%s%s%s%s", a, b, c, d);
	return text;
}

struct queue *
queue_new(struct redis *redis, const struct queue_settings *settings)
{
	struct queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL)
		return NULL;
	queue->redis = redis;
	queue->lock_duration_ms = settings->lock_duration_ms;
	queue->limiter_max = settings->limiter_max;
	queue->max_stalled_count = settings->max_stalled_count;
	queue->default_attempts = settings->default_attempts > 0 ? settings->default_attempts : 1;
	queue->metrics_minutes = settings->metrics_minutes > 0 ? settings->metrics_minutes : 0;
	queue->base = joined(settings->prefix, ":", settings->name, ":");
	queue->private_base = joined(settings->prefix, "-publisher:", settings->name, ":");
	if (queue->base == NULL || queue->private_base == NULL)
		goto failed;
	queue->meta_key = joined(queue->base, "meta", "", "");
	queue->marker_key = joined(queue->base, "marker", "", "");
	if (queue->meta_key == NULL || queue->marker_key == NULL || !queue_scripts_load(queue))
		goto failed;
	return queue;
failed:
	queue_free(queue);
	return NULL;
}

void
queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	queue_scripts_free(queue);
	free(queue->marker_key);
	free(queue->meta_key);
	free(queue->private_base);
	free(queue->base);
	free(queue);
}

const char *
queue_marker_key(const struct queue *queue)
{
	return queue->marker_key;
}

const char *
queue_private_key(const struct queue *queue, const char *suffix, char *out, size_t out_size)
{
	snprintf(out, out_size, "%s%s", queue->private_base, suffix);
	return out;
}
