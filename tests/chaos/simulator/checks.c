/*
 * checks.c - the invariants of design.md and faults.md.                 [simulator]
 */
#include "tests/chaos/simulator/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/deviantart.h"
#include "tests/chaos/simulator/gate_checks.h"
#include "tests/chaos/simulator/history.h"
#include "tests/chaos/simulator/host.h"
#include "tests/chaos/simulator/neighbours.h"
#include "tests/chaos/simulator/process.h"
#include "tests/chaos/simulator/queue_look.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/store.h"
#include "tests/chaos/simulator/tables.h"
#include "worker/journal.h"

#define HANDED_BACK_WITHIN_MS 3000
#define KEPT_WITHIN_MS                                                                             \
	15000 /* a new pair is parked or stored by then, or both servers are away                  \
	       */

static struct {
	int burnable[POSTS_MOST];
	bool redis_forgot; /* something, at least once */
	int64_t redis_forgot_ms;
	enum row_status begun_as;            /* of the post whose begin.sql runs */
	bool begun_foreign;                  /* somebody else locked it a short while ago */
	int64_t held_by_dead_ms[POSTS_MOST]; /* since when; 0: not so */
	char holder[SCOREBOARD_TOKEN_SIZE];  /* of the job that a script is about to end */
	uint64_t sent_for;                   /* the claim that it was sent for */
	uint64_t claims;                     /* so many there were */
	uint64_t claim[POSTS_MOST];          /* the last one of each post's job */
} seen;

void
check_begin(void)
{
	memset(&seen, 0, sizeof(seen));
	seen.redis_forgot_ms = INT64_MIN / 2;
	gate_checks_begin();
}

/* ---- the queue (I9) ---- */

static void
check_queue(void)
{
	static const char *const places[] = {"wait",    "active",    "prioritized",
					     "delayed", "completed", "failed"};

	for (int i = 0; i < tables.post_count; i++) {
		char id[64];
		int count = 0;

		queue_job_id_of(&tables.posts[i], id);
		for (size_t n = 0; n < sizeof(places) / sizeof(places[0]); n++)
			count += queue_is_in(places[n], id);
		if (count != (queue_exists(id, "") ? 1 : 0))
			sim_violation("I9 a job is in exactly one state", "%s is in %d", id, count);
		if (queue_exists(id, ":lock") && !queue_is_in("active", id))
			sim_violation("I9 no lock without an active job", "%s", id);
	}
}

/* The number of the job's last claim; NULL: it is no post's job. */
static uint64_t *
last_claim_of(const char *id)
{
	const struct post_row *post = tables_post(id + strlen("deviation-"));

	return post == NULL ? NULL : &seen.claim[post - tables.posts];
}

/* The job's lock was just given to this token: nobody else may still count on his. */
static void
check_sole_owner(const char *id, const char *token)
{
	const struct process *claimer = process_by_token(token);
	struct process *p;

	if (claimer == NULL ||
	    sim_now_ms() - seen.redis_forgot_ms < claimer->child.config->lock_duration_ms)
		return;
	for (int at = 0; (p = process_next(&at)) != NULL;) {
		struct scoreboard_job job;
		int64_t lease_end_ms;

		/* An orphan has a few seconds to live, and nothing but the row's fence to hold it.
		 */
		if (p == claimer || p->child.slot == SCOREBOARD_DISPATCHER ||
		    host_is_dead_instance(p->token) ||
		    scoreboard_generation(p->child.board, p->child.slot) != p->child.generation ||
		    !scoreboard_job(p->child.board, p->child.slot, &job, &lease_end_ms))
			continue;
		if (strcmp(job.id, id) == 0 && lease_end_ms > sim_now_ms() &&
		    p->ended_claim != p->claim)
			sim_violation("one owner a job", "%s is claimed while %s has %lld ms left",
				      id, process_name(p),
				      (long long)(lease_end_ms - sim_now_ms()));
	}
}

/* An attempt that Redis counts was counted in the row before (I6). */
static void
check_attempts(const char *id)
{
	const struct post_row *post = tables_post(id + strlen("deviation-"));
	const char *made = queue_job_field(id, "atm"),
		   *reason = queue_job_field(id, "failedReason");

	if (post == NULL || made == NULL || queue_is_in("completed", id) ||
	    queue_exists(id, "defa") || (reason != NULL && strstr(reason, "job stalled") != NULL) ||
	    seen.redis_forgot)
		return;
	if (strtol(made, NULL, 10) > post->burned + post->failures)
		sim_violation("I6 only a failed attempt is burned",
			      "%s counts %s attempts, its row %d", id, made,
			      post->burned + post->failures);
}

const char *
check_script_name(const char *source)
{
	return neighbours_script_name(source);
}

static bool
ends_a_claim(const char *name)
{
	return strcmp(name, "end_job") == 0 || strcmp(name, "retry_job") == 0 ||
	       strcmp(name, "return_job") == 0;
}

bool
check_ends_a_claim(const char *source)
{
	return source != NULL && ends_a_claim(check_script_name(source));
}

bool
check_is_claimed_again(const char *id, uint64_t claim)
{
	const uint64_t *last = last_claim_of(id);

	return last != NULL && *last > claim;
}

static bool
gives_claims(const char *name)
{
	return strcmp(name, "claim") == 0 || strcmp(name, "end_job") == 0 ||
	       strcmp(name, "retry_job") == 0;
}

void
check_before_script(const char *source, int key_count, int argc, const char *const *argv,
		    uint64_t claim)
{
	const char *name = check_script_name(source);
	const struct store_key *lock;
	char lock_name[128];

	(void)argc;
	if (strcmp(name, "gates") == 0)
		gate_checks_before(argv, argv + key_count);
	if (!ends_a_claim(name))
		return;
	snprintf(lock_name, sizeof(lock_name), QUEUE "%s:lock", argv[key_count]);
	lock = store_find(lock_name);
	snprintf(seen.holder, sizeof(seen.holder), "%s", lock == NULL ? "" : lock->items[0].text);
	seen.sent_for = claim;
}

void
check_sent(struct process *sender, const char *source, const char *const *args)
{
	const char *name = check_script_name(source);

	if (strcmp(name, "gates") == 0 && strcmp(args[0], "refused") == 0)
		sender->has_refusal = false;
	if (ends_a_claim(name) && sender->has_refusal)
		sim_violation("I8 a refusal is told to the gates", "%s ends %s without",
			      process_name(sender), args[0]);
}

void
check_heard(struct process *sender, const char *source, const struct redisReply *reply)
{
	const char *name = check_script_name(source);
	const char *id = gives_claims(name) ? neighbours_given(name, reply) : NULL;
	const uint64_t *claim = id == NULL ? NULL : last_claim_of(id);

	if (claim != NULL)
		sender->claim = *claim;
}

static void
check_ending(const char *const *args, bool ended)
{
	struct process *ender = process_by_token(args[1]);
	const uint64_t *claim = last_claim_of(args[0]);

	if (ended && strcmp(seen.holder, args[1]) != 0)
		sim_violation("5 who lost the lock ends nothing",
			      "%s is ended by %s, locked by \"%s\"", args[0], args[1], seen.holder);
	/* The token is the same for all claims of a process. */
	if (ended && claim != NULL && seen.sent_for != *claim)
		sim_violation("3 a command ends its own claim only",
			      "%s is ended by what %s sent for claim %llu; it is claim %llu's",
			      args[0], args[1], (unsigned long long)seen.sent_for,
			      (unsigned long long)*claim);
	if (ender != NULL)
		ender->ended_claim = seen.sent_for;
}

static void
check_claim(const char *id, const char *token)
{
	uint64_t *claim = last_claim_of(id);

	sim_count(SIM_CLAIMS);
	if (claim != NULL)
		*claim = ++seen.claims;
	check_sole_owner(id, token);
}

static bool
moves_jobs(const char *name)
{
	static const char *const idle[] = {"counts", "tokens", "renew", "progress",
					   "log",    "marker", "state"};

	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		if (strcmp(name, idle[i]) == 0)
			return false;
	}
	return true;
}

void
check_after_script(const char *source, int key_count, int argc, const char *const *argv,
		   const struct redisReply *reply)
{
	const char *name = check_script_name(source);

	if (strcmp(name, "gates") == 0) {
		gate_checks_after(argv, argv + key_count, reply);
		return;
	}
	if (strncmp(argv[0], QUEUE, strlen(QUEUE)) != 0 || !moves_jobs(name))
		return;
	check_queue();
	if (ends_a_claim(name))
		check_ending(argv + key_count, neighbours_has_ended(reply));
	if (gives_claims(name)) {
		const char *id = neighbours_claimed(name, reply);

		if (id != NULL)
			check_claim(id, argv[key_count + (ends_a_claim(name) ? 1 : 0)]);
	}
	if (argc > key_count && (strcmp(name, "end_job") == 0 || strcmp(name, "retry_job") == 0))
		check_attempts(argv[key_count]);
}

void
check_redis_lost(enum redis_memory memory)
{
	seen.redis_forgot = true;
	seen.redis_forgot_ms = sim_now_ms();
	gate_checks_begin();
	/* A pair that lay nowhere else is gone, unless a living process still has it in memory. */
	for (int i = 0; i < sim_deviantart.login_count; i++) {
		struct sim_login *login = &sim_deviantart.logins[i];
		const struct user_row *user = tables_user(login->user_id);

		if (strcmp(user->refresh, login->refresh) != 0 &&
		    !process_is_alive(login->holder_serial))
			login->is_spent_unseen = true;
	}
	(void)memory;
}

bool
check_redis_has_forgotten(void)
{
	return seen.redis_forgot;
}

/* ---- jobs of the dead (7) ---- */

/* A dispatcher that nothing holds up. */
static bool
has_dispatcher(const struct host *host)
{
	struct process *p;

	if (weather.slow != 0 || weather.cut_redis != 0 || weather.cut_postgres != 0 ||
	    weather.stop != 0 || !redis_server.up || !postgres_server.up)
		return false;
	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->host == host && p->child.slot == SCOREBOARD_DISPATCHER &&
		    strcmp(p->instance, host->pool.instance) == 0)
			return true;
	}
	return false;
}

void
check_hand_back(const struct host *host)
{
	bool may_be_late = !has_dispatcher(host);

	for (int i = 0; i < tables.post_count; i++) {
		const struct store_key *lock;
		char id[64], name[128];
		size_t size = strlen(host->pool.instance);

		queue_job_id_of(&tables.posts[i], id);
		snprintf(name, sizeof(name), QUEUE "%s:lock", id);
		lock = store_find(name);
		if (lock != NULL && strncmp(lock->items[0].text, host->pool.instance, size) != 0)
			continue; /* another host's */
		if (may_be_late || lock == NULL || process_by_token(lock->items[0].text) != NULL)
			seen.held_by_dead_ms[i] = 0;
		else if (seen.held_by_dead_ms[i] == 0)
			seen.held_by_dead_ms[i] = sim_now_ms();
		else if (sim_now_ms() - seen.held_by_dead_ms[i] > HANDED_BACK_WITHIN_MS)
			sim_violation("7 a dead worker's job is back at once", "%s is held by %s",
				      id, lock->items[0].text);
	}
}

/* ---- rows ---- */

void
check_before_statement(const char *name, const char *const *values)
{
	const struct post_row *post;

	if (strcmp(name, "publisher_begin") != 0)
		return;
	post = tables_post(values[0]);
	seen.begun_as = post == NULL ? ROW_DRAFT : post->status;
	seen.begun_foreign =
		post != NULL && post->lock[0] != '\0' &&
		strncmp(post->lock, JOURNAL_LOCK_PREFIX, strlen(JOURNAL_LOCK_PREFIX)) != 0 &&
		post->locked_ms > tables_now_ms() - 30 * 60 * 1000;
}

static bool
is_time_over(const char *detail)
{
	return detail != NULL && (strstr(detail, "PUBLISHER_JOB_TIMEOUT_MS") != NULL ||
				  strstr(detail, "too little of the job's time") != NULL);
}

void
check_after_statement(const char *name, const char *const *values)
{
	const struct post_row *post =
		values != NULL && values[0] != NULL ? tables_post(values[0]) : NULL;

	if (post == NULL)
		return;
	if (strcmp(name, "publisher_begin") == 0 && seen.begun_as == ROW_FAILED &&
	    post->status != ROW_FAILED && !post->may_run_failed)
		sim_violation("I1 what failed runs again only when asked", "%s", post->id);
	if (strcmp(name, "publisher_begin") == 0 && seen.begun_foreign &&
	    strncmp(post->lock, JOURNAL_LOCK_PREFIX, strlen(JOURNAL_LOCK_PREFIX)) == 0)
		sim_violation("5 a neighbour's lock is respected", "%s", post->id);
	if (strcmp(name, "publisher_failed") == 0 && post->status == ROW_FAILED &&
	    post->error[0] == '\0')
		sim_violation("I1 a failure has its reason", "%s", post->id);
	if (strcmp(name, "publisher_release") == 0 && is_time_over(values[8]))
		seen.burnable[post - tables.posts]++;
	if (strcmp(name, "publisher_release") == 0 &&
	    post->burned > seen.burnable[post - tables.posts])
		sim_violation("I6 only a failed attempt is burned", "%s: %d burned, %d answers",
			      post->id, post->burned, seen.burnable[post - tables.posts]);
}

void
check_burnable(void)
{
	const struct process *p = process_current();
	struct scoreboard_job job;
	const struct post_row *post;

	if (!scoreboard_job(p->child.board, p->child.slot, &job, NULL))
		return;
	post = tables_post(job.id + strlen("deviation-"));
	if (post != NULL)
		seen.burnable[post - tables.posts]++;
}

/* ---- what cannot be taken back ---- */

static struct file_row *
file_of_item(struct post_row *post, const struct sim_item *item)
{
	for (int i = 0; post != NULL && i < post->file_count; i++) {
		if (strcmp(post->files[i].id, item->file_id) == 0)
			return &post->files[i];
	}
	return NULL;
}

/* Whether the sender has gone on without a break since that (wall) time, and not for long. */
static bool
is_fresh(const struct process *sender, int64_t since_wall_ms)
{
	int64_t since_ms = since_wall_ms - SIM_WALL_MS;

	return sender->last_stopped_ms < since_ms &&
	       sim_now_ms() - since_ms < sender->child.config->lock_duration_ms / 3;
}

static void
check_repeat(const struct sim_item *item, const struct process *sender)
{
	int64_t waited_ms = tables_now_ms() - item->last_fence_ms;

	if (!item->is_unknown || item->first_asked_ms == 0)
		return;
	if (waited_ms < sender->child.config->unknown_wait_ms)
		sim_violation("2 an unknown outcome is left alone for a while",
			      "item %s of %s is asked for again after %lld ms", item->id,
			      item->post_id, (long long)waited_ms);
	if (item->gallery_asked_ms < item->last_asked_ms)
		sim_violation("2 the gallery is read before anything is asked again",
			      "item %s of %s", item->id, item->post_id);
}

void
check_publish_request(struct sim_item *item, const struct process *sender)
{
	struct post_row *post = tables_post(item->post_id);
	const struct file_row *file = file_of_item(post, item);

	if (file == NULL)
		sim_violation("2 only the journal's item is published", "item %s is of no post",
			      item->id);
	if (!file->has_journal || strcmp(file->item, item->id) != 0 ||
	    file->state != ITEM_PUBLISHING)
		sim_violation("2 \"publishing\" is committed before the request",
			      "item %s of %s, the journal has %s in state %d", item->id,
			      item->post_id, file->has_journal ? file->item : "none",
			      (int)file->state);
	if (is_fresh(sender, file->last_ms) && strstr(post->lock, sender->token) == NULL)
		sim_violation("5 the irreversible step is fenced",
			      "%s asks for %s, whose lock is \"%s\"", process_name(sender),
			      post->id, post->lock);
	if (post->taken_back_ms != 0 && post->taken_back_ms < file->last_ms)
		sim_violation("1 what the artist took back is not published", "%s", post->id);
	if (tables_now_ms() < post->earliest_due_ms)
		sim_violation("I7 no post goes out before it is due", "%s, %lld ms early", post->id,
			      (long long)(post->earliest_due_ms - tables_now_ms()));
	check_repeat(item, sender);
	item->last_fence_ms = file->last_ms;
}

void
check_published(const struct sim_item *item)
{
	int published;

	(void)sim_item_of(item->post_id, item->file_id, &published);
	if (published > 1)
		sim_violation("2 nothing is published twice", "file %s of %s, %d times",
			      item->file_id, item->post_id, published);
	sim_count(SIM_PUBLISHED);
}

/* ---- tokens (I5) ---- */

static bool
is_parked(const struct sim_login *login)
{
	char name[96];

	snprintf(name, sizeof(name), "isekai-publisher:parked-token:%s", login->user_id);
	return store_find(name) != NULL;
}

void
check_refresh(const struct sim_login *login, const char *token, const struct process *sender)
{
	const struct user_row *user = tables_user(login->user_id);
	/* It may have read the row before that. */
	bool stood_still = sim_now_ms() - sender->last_stopped_ms < 120000 ||
			   (login->connected_ms != 0 && sim_now_ms() - login->connected_ms < 30000);

	if (!stood_still && (!user->has_lease || strcmp(user->holder, sender->token) != 0))
		sim_violation("4 no refresh without the lease",
			      "%s refreshes %s, the lease is %s's", process_name(sender), user->id,
			      user->has_lease ? user->holder : "nobody");
	if (!stood_still && strcmp(token, login->refresh) != 0 && !login->is_spent_unseen)
		sim_violation("4 no spent refresh token is presented",
			      "%s presents %s while %s is known", process_name(sender), token,
			      login->refresh);
}

void
check_process_died(const struct process *p)
{
	for (int i = 0; i < sim_deviantart.login_count; i++) {
		struct sim_login *login = &sim_deviantart.logins[i];
		const struct user_row *user = tables_user(login->user_id);

		if (login->holder_serial != p->serial ||
		    strcmp(user->refresh, login->refresh) == 0 || is_parked(login))
			continue;
		if (sim_now_ms() - login->delivered_ms < KEPT_WITHIN_MS || !redis_server.up ||
		    seen.redis_forgot)
			login->is_spent_unseen = true;
	}
}
