/*
 * worker.c - one process, one job at a time: wait, claim, publish, finish.   [worker]
 *
 * A process that leaves while its token may still hold a job says so (CHILD_EXIT_DECLARED_DEAD):
 * its death is recorded, and everything that is locked with the token is handed back at once. So it
 * is with one that is out of memory for good: it tells nobody, as that takes memory too.
 */
#include "worker/worker.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json_memory.h"
#include "common/log.h"
#include "common/postgres.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "worker/chance.h"
#include "worker/ending.h"
#include "worker/http/http.h"
#include "worker/job.h"
#include "worker/orders.h"
#include "worker/shortage.h"
#include "worker/token.h"
#include "worker/tools.h"
#include "worker/turn.h"

#define CONNECT_MS    4000 /* a drain gives 5 s to leave */
#define AWAY_FIRST_MS 50
#define AWAY_MOST_MS  1500
#define POSTGRES_REST_MS                                                                           \
	60000 /* an idle worker lets go of its PostgreSQL connection after this                    \
	       */
#define SETTLE_AGAIN_MS  250
#define SETTLE_SHORT_MS  30000 /* out of memory, for so long */
#define TRIM_ABOVE_BYTES (1024 * 1024)

struct worker {
	struct tools tools;
	struct orders orders;
	int64_t away_ms; /* the next pause while Redis is away */
	int64_t last_job_ms;
	bool has_ended_jobs;
	bool is_overwhelmed; /* it is out of memory, and had no other job than the one in hand */
	bool is_dead; /* its token has a tombstone, or holds a job that nobody could be told the end
			 of */
};

static void
say_ready(const struct child *child)
{
	/* The supervisor may be gone; then the control pipe says so. */
	if (write(child->ready_fd, "r", 1) != 1)
		log_event(LOG_DEBUG, "nobody hears that this worker is ready", NULL);
	close(child->ready_fd);
}

bool
worker_prepare(const struct config *config, struct failure *why)
{
	(void)config;
	json_memory_watch();
	return http_global_init(why);
}

/* Takes no further job. */
static bool
is_leaving(const struct worker *worker)
{
	return worker->orders.drain || worker->is_dead || worker->tools.out_of_memory;
}

/* A pause that grows, ended by an order. */
static void
redis_is_away(struct worker *worker, const struct failure *why)
{
	log_failure(LOG_DEBUG, "Redis is away", why, NULL);
	if (!worker->orders.drain && !shortage_is_for_good(&worker->tools))
		orders_wait(&worker->orders, chance_around(worker->away_ms));
	worker->away_ms = worker->away_ms * 2 < AWAY_MOST_MS ? worker->away_ms * 2 : AWAY_MOST_MS;
}

/* For an end that the queue has heard: nobody else counts it. */
static void
count_end(struct worker *worker, const struct job_end *end, int64_t begun_ms)
{
	enum job_result result = JOB_DEFERRED;
	int64_t took_ms = clock_mono_ms() - begun_ms;

	if (end->kind == JOB_END_COMPLETE)
		result = JOB_COMPLETED;
	else if (end->kind == JOB_END_FAIL)
		result = JOB_FAILED;
	else if (end->kind == JOB_END_RETRY)
		result = JOB_RETRIED;
	scoreboard_count_job(worker->tools.board, worker->tools.slot, result, took_ms);
	if (result == JOB_RETRIED || result == JOB_DEFERRED)
		scoreboard_count_wait(worker->tools.board, worker->tools.slot, end->wait,
				      end->kind == JOB_END_PUT_BACK ? 0 : end->delay_ms);
	if (result == JOB_COMPLETED)
		log_event(LOG_INFO, "Job completed",
			  (struct log_field[]){LOG_INT("durationMs", took_ms), LOG_END});
}

/* PostgreSQL is away: a job claimed now could only wait. Looks again until it is back. */
static void
wait_for_database(struct worker *worker)
{
	int64_t pause_ms = 200;
	struct failure why;

	/* It may answer and still not work (a missing right, a full disk): the pause grows with
	 * each job that found it so. */
	if (!worker->orders.drain)
		orders_wait(&worker->orders,
			    chance_around(pause_ms << (worker->tools.database_streak < 5
							       ? worker->tools.database_streak
							       : 5)));
	while (!worker->orders.drain && !tools_database(&worker->tools, &why) &&
	       !shortage_is_for_good(&worker->tools)) {
		scoreboard_heartbeat(worker->tools.board, worker->tools.slot);
		scoreboard_activity(worker->tools.board, worker->tools.slot, ACTIVITY_BOOT);
		orders_wait(&worker->orders, chance_around(pause_ms));
		orders_read(&worker->orders);
		pause_ms = pause_ms * 2 < 2000 ? pause_ms * 2 : 2000;
	}
}

/* Tells the queue the end of a job and counts it; returns the job that was claimed in the same
 * step, or NULL. */
static struct queue_job *
end_job(struct worker *worker, const struct queue_job *job, const struct job_end *end,
	int64_t begun_ms)
{
	const struct queue_next next = {.worker_name = worker->tools.name};
	bool more = !is_leaving(worker) && !end->database_away;
	struct queue_end told;

	if (!ending_tell(&worker->tools, job, end, more ? &next : NULL, &told))
		worker->is_dead = true;
	else if (told.state == QUEUE_END_LOST)
		log_event(LOG_WARN, "The job was not ours any more when it ended", NULL);
	if (!worker->is_dead && told.state == QUEUE_ENDED)
		count_end(worker, end, begun_ms);
	scoreboard_job_end(worker->tools.board, worker->tools.slot);
	worker->has_ended_jobs = true;
	worker->last_job_ms = clock_mono_ms();
	if (!more || told.state != QUEUE_ENDED)
		return NULL;
	if (told.next.state == QUEUE_CLAIM_DEAD)
		worker->is_dead = true;
	return told.next.state == QUEUE_CLAIM_JOB ? told.next.job : NULL;
}

/* A job that has to wait may have found no memory, and then the next one would not either. */
static bool
may_be_short(const struct job_end *end)
{
	return end->kind == JOB_END_DEFER || end->kind == JOB_END_RETRY;
}

/* Runs one job and ends its claim; returns the job that was claimed in the same step, or NULL. */
static struct queue_job *
work_on(struct worker *worker, struct queue_job *job)
{
	int64_t begun_ms = clock_mono_ms();
	struct job_end end;
	struct queue_job *following = NULL;

	job_run(&worker->tools, job, &end);
	orders_read(&worker->orders);
	if (may_be_short(&end))
		(void)shortage_is_for_good(&worker->tools);
	if (end.kind == JOB_END_LEAVE)
		worker->is_overwhelmed = !worker->has_ended_jobs;
	else
		following = end_job(worker, job, &end, begun_ms);
	log_job_end();
	if (end.database_away && !is_leaving(worker))
		wait_for_database(worker);
	job_end_clear(&end);
	queue_job_free(job);
	return following;
}

/* Claims and works until there is nothing to claim. False: Redis is away. */
static bool
look(struct worker *worker, struct failure *why)
{
	struct queue_claim claim;

	while (!is_leaving(worker)) {
		struct queue_job *job;

		if (!token_settle(worker->tools.tokens, why))
			return false; /* a token pair lies nowhere but in this process: it takes no
					 job */
		if (!queue_claim(worker->tools.queue, worker->tools.child->token,
				 worker->tools.name, &claim, why)) {
			return false;
		}
		worker->away_ms = AWAY_FIRST_MS;
		if (claim.state == QUEUE_CLAIM_DEAD)
			worker->is_dead = true;
		if (claim.state != QUEUE_CLAIM_JOB)
			return true;
		for (job = claim.job; job != NULL;)
			job = work_on(worker, job);
		orders_read(&worker->orders);
	}
	return true;
}

/* What an idle worker does not need: after a burst its heap goes back, after a minute its
 * connections do. */
static void
rest(struct worker *worker)
{
	struct mallinfo2 heap = mallinfo2();

	if (heap.fordblks > TRIM_ABOVE_BYTES)
		malloc_trim(0);
	if (worker->last_job_ms != 0 && clock_mono_ms() - worker->last_job_ms > POSTGRES_REST_MS) {
		postgres_close(worker->tools.postgres);
		http_rest(worker->tools.http);
		worker->last_job_ms = 0;
	}
}

/* A parked dispatcher waits for somebody to become idle. */
static void
become_idle(struct worker *worker)
{
	static const uint64_t one = 1;

	scoreboard_activity(worker->tools.board, worker->tools.slot, ACTIVITY_IDLE);
	if (scoreboard_is_dispatcher_parked(worker->tools.board) &&
	    write(worker->tools.child->idle_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
		log_event(LOG_DEBUG, "the dispatcher could not be told of an idle worker", NULL);
}

static void
live(struct worker *worker)
{
	struct failure why;

	while (!is_leaving(worker)) {
		/* Each turn of this loop is progress; the supervisor kills a worker that shows
		 * none. */
		scoreboard_heartbeat(worker->tools.board, worker->tools.slot);
		if (!redis_connect(worker->tools.redis, CONNECT_MS, &why) || !look(worker, &why)) {
			if (!worker->is_dead)
				redis_is_away(worker, &why);
			orders_read(&worker->orders);
			continue;
		}
		worker->away_ms = AWAY_FIRST_MS;
		rest(worker);
		if (is_leaving(worker))
			break;
		become_idle(worker);
		if (turn_wait(&worker->tools, &why) == TURN_REDIS_AWAY)
			redis_is_away(worker, &why);
		orders_read(&worker->orders);
	}
}

/* A token pair that lies nowhere but here is what a worker may not leave with. */
static void
settle(struct worker *worker)
{
	int64_t until_ms = clock_mono_ms() + SETTLE_SHORT_MS;
	struct failure why;

	/* Until it is killed for taking so long; or, out of memory, until that is no use. */
	while (!token_settle(worker->tools.tokens, &why) && !worker->orders.orphaned &&
	       (!worker->tools.out_of_memory || clock_mono_ms() < until_ms))
		orders_wait(&worker->orders, SETTLE_AGAIN_MS);
	if (!token_settle(worker->tools.tokens, &why))
		log_failure(LOG_ERROR,
			    "a refreshed token pair could be stored nowhere; its user has to "
			    "connect again",
			    &why, NULL);
}

static int
exit_status(const struct worker *worker)
{
	if (worker->tools.out_of_memory)
		return worker->is_overwhelmed ? CHILD_EXIT_OVERWHELMED : CHILD_EXIT_SICK;
	return worker->is_dead ? CHILD_EXIT_DECLARED_DEAD : CHILD_EXIT_ASKED;
}

void
worker_main(const struct child *child)
{
	struct worker worker = {.away_ms = AWAY_FIRST_MS};
	bool idle_when_asked;

	orders_init(&worker.orders, child->control_fd);
	scoreboard_activity(child->board, child->slot, ACTIVITY_BOOT);
	/* One that is short before it has taken anything is never ready: so the pause before the
	 * next one grows, and a job that leaves a worker short is known to be the reason. */
	if (!tools_open(&worker.tools, child, &worker.orders) ||
	    shortage_is_for_good(&worker.tools)) {
		log_event(LOG_ERROR, "a worker could not start: out of memory", NULL);
		_exit(CHILD_EXIT_SICK);
	}
	say_ready(child);
	live(&worker);
	idle_when_asked = !redis_connected(worker.tools.redis);
	scoreboard_activity(child->board, child->slot, ACTIVITY_DRAINING);
	settle(&worker);
	if (worker.orders.retire && idle_when_asked) {
		/* turn_wait() closed it on purpose: it was not lost. */
		redis_count_in(worker.tools.redis, NULL, 0);
		turn_give_back(&worker.tools);
	}
	/* What was sent without waiting still has to leave. */
	redis_flush(worker.tools.redis, 500, NULL);
	worker.is_dead = worker.is_dead || queue_may_hold_job(worker.tools.queue);
	tools_close(&worker.tools);
	_exit(exit_status(&worker));
}
