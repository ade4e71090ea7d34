/*
 * renewal.c - the dispatcher renews the locks of all living workers' jobs.   [dispatcher]
 */
#include "worker/dispatcher/renewal.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/queue/queue.h"
#include "common/scoreboard.h"

/* A job in hand, as copied from its slot. */
struct held {
	int slot;
	struct scoreboard_job job;
	char token[SCOREBOARD_TOKEN_SIZE];
};

int64_t
renewal_interval_ms(const struct desk *desk)
{
	int64_t interval_ms = desk->config->lock_duration_ms / 4;

	return interval_ms > 1 ? interval_ms : 1;
}

static size_t
collect(struct desk *desk, struct held *held)
{
	int slots = scoreboard_slots_used(desk->board);
	size_t count = 0;

	for (int slot = SCOREBOARD_DISPATCHER + 1; slot < slots; slot++) {
		struct held *one = &held[count];

		/* A cut id cannot be renewed from here; its worker does it itself. */
		if (!scoreboard_locked_job(desk->board, slot, &one->job, NULL, one->token) ||
		    !one->job.id_complete)
			continue;
		one->slot = slot;
		count++;
	}
	return count;
}

static bool
renew(struct desk *desk, const struct held *held, size_t count, struct failure *why)
{
	struct queue_lease *leases = calloc(count, sizeof(*leases));
	bool *lost = calloc(count, sizeof(*lost));
	int64_t end_ms = 0;
	bool done = false;

	if (leases == NULL || lost == NULL) {
		failure_set(why, FAILURE_AWAY, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < count; i++)
		leases[i] = (struct queue_lease){.job_id = held[i].job.id, .token = held[i].token};
	done = queue_renew(desk->queue, leases, count, lost, &end_ms, why);
	for (size_t i = 0; done && i < count; i++) {
		if (lost[i])
			scoreboard_lock_lost(desk->board, held[i].slot, held[i].job.claim);
		else
			scoreboard_renewed(desk->board, held[i].slot, held[i].job.claim, end_ms);
	}
out:
	free(leases);
	free(lost);
	return done;
}

bool
renewal_run(struct desk *desk, struct failure *why)
{
	int slots = scoreboard_slots_used(desk->board);
	struct held *held = slots > 0 ? calloc((size_t)slots, sizeof(*held)) : NULL;
	size_t count;
	bool done = true;

	if (slots == 0)
		return true;
	if (held == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	count = collect(desk, held);
	if (count > 0)
		done = renew(desk, held, count, why);
	free(held);
	return done;
}
