/*
 * queue_look.c - where the simulated Redis has a job, for the checks.     [simulator]
 */
#include "tests/chaos/simulator/queue_look.h"

#include <stddef.h>
#include <stdio.h>

#include "tests/chaos/simulator/store.h"
#include "tests/chaos/simulator/tables.h"

bool
queue_is_in(const char *list, const char *id)
{
	char name[128];

	snprintf(name, sizeof(name), QUEUE "%s", list);
	return store_position(store_find(name), id) >= 0;
}

bool
queue_exists(const char *id, const char *suffix)
{
	char name[128];

	snprintf(name, sizeof(name), QUEUE "%s%s", id, suffix);
	return store_find(name) != NULL;
}

const char *
queue_job_field(const char *id, const char *field)
{
	char name[128];
	const struct store_key *key;
	long at;

	snprintf(name, sizeof(name), QUEUE "%s", id);
	key = store_find(name);
	at = store_position(key, field);
	return at < 0 ? NULL : key->items[at].value;
}

void
queue_job_id_of(const struct post_row *post, char out[64])
{
	snprintf(out, 64, "deviation-%s", post->id);
}
