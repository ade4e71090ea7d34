/*
 * lease.c - may this job go on?                                         [worker]
 */
#include "worker/lease.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/scoreboard.h"
#include "worker/orders.h"

/* The supervisor kills 3 s after a stop; an answer that comes within this time spares a
 * reconciliation. */
#define STOP_GRACE_MS 2000

/* A refresh request takes at most 30 s (deviantart_token.c). */
#define REFRESH_MS            35000
#define REFRESH_STOP_GRACE_MS 2500

static bool go_on(void *arg, struct failure *why);
static bool let_refresh_end(void *arg, struct failure *why);

void
lease_begin(struct lease *lease, struct tools *tools, const struct queue_job *job)
{
	int64_t deadline_ms = clock_mono_ms() + tools->config->job_timeout_ms;

	*lease = (struct lease){
		.tools = tools,
		.job = job,
		.deadline_ms = deadline_ms,
		.watch = {.wake_fd = -1, .go_on = go_on, .arg = lease},
		.refresh_watch = {.wake_fd = -1, .go_on = let_refresh_end, .arg = lease}};
	scoreboard_job_begin(tools->board, tools->slot, job->id, "", job->attempts_made + 1,
			     deadline_ms, job->lease_end_mono_ms);
}

void
lease_end(struct lease *lease)
{
	scoreboard_job_end(lease->tools->board, lease->tools->slot);
}

const struct watch *
lease_watch(struct lease *lease)
{
	/* A worker that drains has nothing more to hear but "stop"; the descriptor stays readable
	 * only for a moment. */
	lease->watch.wake_fd = orders_fd(lease->tools->orders);
	return &lease->watch;
}

/* False: the lock is another's, or gone. An unreachable Redis is no verdict: the old lease counts
 * until its end. */
static bool
renew(struct lease *lease, struct failure *why)
{
	struct tools *tools = lease->tools;
	const struct queue_lease own = {.job_id = lease->job->id, .token = tools->child->token};
	bool lost = false;
	int64_t end_ms;

	if (!queue_renew(tools->queue, &own, 1, &lost, &end_ms, why))
		return true;
	if (lost)
		return failure_set(why, FAILURE_LOST, "the lock of the job is gone or another's");
	scoreboard_lease(tools->board, tools->slot, end_ms);
	return true;
}

static int64_t
left_ms(const struct lease *lease, bool *lost)
{
	return scoreboard_lease_end(lease->tools->board, lease->tools->slot, lost) -
	       clock_mono_ms();
}

bool
lease_go_on(struct lease *lease, struct failure *why)
{
	struct tools *tools = lease->tools;
	int64_t now_ms = clock_mono_ms();
	int64_t grace_ms = lease->irrevocable ? STOP_GRACE_MS : 0;
	bool lost = false;

	scoreboard_heartbeat(tools->board, tools->slot);
	orders_read(tools->orders);
	if (tools->orders->stop && now_ms - tools->orders->stop_since_ms >= grace_ms)
		return failure_set(why, FAILURE_STOPPED,
				   "the publisher stops; the job is given back");
	if (now_ms >= lease->deadline_ms)
		return failure_set(why, FAILURE_NETWORK_ERROR,
				   "the job took longer than PUBLISHER_JOB_TIMEOUT_MS (%lld ms)",
				   (long long)tools->config->job_timeout_ms);
	if (left_ms(lease, &lost) < tools->config->lock_duration_ms / 2 && !lost &&
	    !renew(lease, why))
		return false;
	if (lost || left_ms(lease, &lost) <= 0)
		return failure_set(why, FAILURE_LOST,
				   "the lock of the job could not be renewed in time");
	return true;
}

const struct watch *
lease_refresh_watch(struct lease *lease)
{
	lease->refresh_watch.wake_fd = orders_fd(lease->tools->orders);
	return &lease->refresh_watch;
}

bool
lease_has_time_to_refresh(const struct lease *lease)
{
	int64_t timeout_ms = lease->tools->config->job_timeout_ms;
	int64_t needed_ms = timeout_ms / 2 < REFRESH_MS ? timeout_ms / 2 : REFRESH_MS;

	return lease->deadline_ms - clock_mono_ms() >= needed_ms;
}

static bool
let_refresh_end(void *arg, struct failure *why)
{
	struct lease *lease = arg;
	struct tools *tools = lease->tools;
	struct failure ignored;
	bool lost = false;

	scoreboard_heartbeat(tools->board, tools->slot);
	orders_read(tools->orders);
	if (left_ms(lease, &lost) < tools->config->lock_duration_ms / 2 && !lost)
		(void)renew(lease, &ignored);
	if (!tools->orders->stop ||
	    clock_mono_ms() - tools->orders->stop_since_ms < REFRESH_STOP_GRACE_MS)
		return true;
	return failure_set(why, FAILURE_STOPPED,
			   "the publisher stops; the token's answer did not come in time");
}

static bool
go_on(void *arg, struct failure *why)
{
	return lease_go_on(arg, why);
}

bool
lease_prove(struct lease *lease, struct failure *why)
{
	int64_t needed_ms = lease->tools->config->lock_duration_ms / 3;
	bool lost = false;

	if (!lease_go_on(lease, why))
		return false;
	if (left_ms(lease, &lost) < needed_ms && !lost && !renew(lease, why))
		return false;
	if (!lost && left_ms(lease, &lost) >= needed_ms && !lost)
		return true;
	return failure_set(why, FAILURE_LOST, "not enough of the lease is left to publish safely");
}
