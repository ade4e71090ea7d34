/*
 * pulse.c - whether Redis and PostgreSQL answer, for /ready.             [dispatcher]
 *
 * Invariant: what is said of a server is written under the mutex, whoever says it, so that the
 * scoreboard has one writer at a time; nothing is waited for with the mutex held. The threads never
 * log: a line's context belongs to the dispatcher itself.
 */
#include "worker/dispatcher/pulse.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/postgres.h"
#include "common/redis.h"
#include "common/scoreboard_pulse.h"

/* From one question to the next, and how long an answer, a connection included, may take: together
 * well under 2 s. */
#define ASK_EVERY_MS 500
#define ANSWER_MS    1000
#define PAUSE_MS     100 /* at least, from an answer to the next question */
/* The dispatcher's own connection may be made anew before anybody is told. */
#define MOMENT_MS   1000
#define STACK_BYTES (512 * 1024)

enum answer { ANSWER_NONE_YET, ANSWER_YES, ANSWER_NO };

struct feeler {
	struct pulse *pulse;
	enum dependency which;
	/* The thread's own. */
	struct probe probe;
	struct redis *redis;
	struct postgres *postgres;
	bool missed;        /* the last question had no answer */
	int64_t renewed_ms; /* the first that had one again was asked */
	/* Under the mutex. */
	enum answer answer;
	int64_t answers_since_ms;
	char reason[SCOREBOARD_TEXT_SIZE];
	bool was_well, is_well; /* the dispatcher with its own connection */
	int64_t unwell_since_ms, complained_ms;
	char complaint[SCOREBOARD_TEXT_SIZE];
};

struct pulse {
	struct scoreboard *board;
	pthread_mutex_t mutex;
	struct feeler feelers[DEPENDENCY_COUNT];
};

/* ---- what is said of it ---- */

static void
say(struct feeler *f, bool up, const char *reason)
{
	scoreboard_dependency(f->pulse->board, f->which, up, reason);
}

/*
 * Whether it answers, and the dispatcher gets nowhere with it all the same. One that has not tried
 * again since the server came back says nothing: the other server may hold it up.
 */
static bool
is_useless(const struct feeler *f)
{
	if (f->is_well)
		return false;
	if (!f->was_well)
		return clock_mono_ms() - f->unwell_since_ms > MOMENT_MS;
	return f->complained_ms - f->unwell_since_ms > MOMENT_MS &&
	       f->complained_ms - f->answers_since_ms > MOMENT_MS;
}

/* With the mutex held. */
static void
judge(struct feeler *f)
{
	switch (f->answer) {
	case ANSWER_NONE_YET:
		break;
	case ANSWER_NO:
		say(f, false, f->reason);
		break;
	case ANSWER_YES:
		if (is_useless(f))
			say(f, false, f->complaint);
		else if (f->was_well)
			say(f, true, "");
		break;
	}
}

static void
remember(struct feeler *f, bool answered, const struct failure *why)
{
	(void)pthread_mutex_lock(&f->pulse->mutex);
	if (answered && f->answer != ANSWER_YES)
		f->answers_since_ms = clock_mono_ms();
	f->answer = answered ? ANSWER_YES : ANSWER_NO;
	if (!answered)
		(void)snprintf(f->reason, sizeof(f->reason), "%.*s", (int)sizeof(f->reason) - 1,
			       why->message);
	judge(f);
	(void)pthread_mutex_unlock(&f->pulse->mutex);
}

void
pulse_experience(struct pulse *pulse, enum dependency which, bool up, const char *reason)
{
	struct feeler *f = &pulse->feelers[which];

	(void)pthread_mutex_lock(&pulse->mutex);
	if (!up) {
		f->complained_ms = clock_mono_ms();
		if (f->is_well)
			f->unwell_since_ms = f->complained_ms;
		(void)snprintf(f->complaint, sizeof(f->complaint), "%.*s",
			       (int)sizeof(f->complaint) - 1, reason);
	}
	f->is_well = up;
	f->was_well = f->was_well || up;
	judge(f);
	(void)pthread_mutex_unlock(&pulse->mutex);
}

/* ---- asking ---- */

static bool
ask_postgres(struct feeler *f, int64_t within_ms, struct failure *why)
{
	postgres_set_timeout(f->postgres, within_ms);
	return postgres_connect(f->postgres, within_ms, why) && probe_postgres(f->postgres, why);
}

/* A connection that was closed meanwhile (a pooler's idle limit, CLIENT KILL) is no server that is
 * away: what fails at once is tried once more. */
static bool
ask(struct feeler *f, struct failure *why)
{
	int64_t end_ms = clock_mono_ms() + ANSWER_MS;

	for (int tries = 0; tries < 2; tries++) {
		int64_t left_ms = end_ms - clock_mono_ms();

		if (left_ms <= 0)
			return false;
		if (f->which == DEPENDENCY_REDIS ? probe_redis(&f->probe, f->redis, left_ms, why)
						 : ask_postgres(f, left_ms, why))
			return true;
	}
	return false;
}

/* Workers learn from it whether what they wait for can still come. */
static void
tell_workers(struct feeler *f, bool answered, int64_t asked_ms)
{
	if (answered && f->missed)
		f->renewed_ms = asked_ms;
	f->missed = !answered;
	if (answered)
		scoreboard_set_pulse(f->pulse->board, f->which, f->renewed_ms, asked_ms);
}

static void *
feel(void *argument)
{
	struct feeler *f = argument;
	struct failure why;

	for (;;) {
		int64_t asked_ms = clock_mono_ms();
		int64_t next_ms = asked_ms + ASK_EVERY_MS;
		int64_t pause_ms;
		bool answered = ask(f, &why);

		remember(f, answered, &why);
		tell_workers(f, answered, asked_ms);
		pause_ms = next_ms - clock_mono_ms();
		(void)poll(NULL, 0, pause_ms > PAUSE_MS ? (int)pause_ms : PAUSE_MS);
	}
	return NULL;
}

/* ---- the beginning ---- */

static bool
start_thread(struct feeler *f)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool started;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	started = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
		  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
		  pthread_create(&thread, &attributes, feel, f) == 0;
	(void)pthread_attr_destroy(&attributes);
	return started;
}

struct pulse *
pulse_start(const struct config *config, const struct probe *probe, struct scoreboard *board,
	    struct failure *why)
{
	struct pulse *pulse = calloc(1, sizeof(*pulse));
	struct redis *redis = redis_new(&config->redis, NULL);
	struct postgres *postgres = postgres_new(&config->database, "isekai-publisher pulse");

	if (pulse == NULL || redis == NULL || postgres == NULL ||
	    pthread_mutex_init(&pulse->mutex, NULL) != 0) {
		failure_set(why, FAILURE_AWAY, "out of memory");
		redis_free(redis);
		postgres_free(postgres);
		free(pulse);
		return NULL;
	}
	pulse->board = board;
	for (int i = 0; i < DEPENDENCY_COUNT; i++)
		pulse->feelers[i] = (struct feeler){.pulse = pulse,
						    .which = (enum dependency)i,
						    .probe = *probe,
						    .redis = redis,
						    .postgres = postgres,
						    .unwell_since_ms = clock_mono_ms(),
						    .complaint = "not prepared to be used yet"};
	for (int i = 0; i < DEPENDENCY_COUNT; i++)
		if (!start_thread(&pulse->feelers[i])) {
			/* One thread may run already: what it uses stays until the process, which
			 * cannot work, ends. */
			failure_set(why, FAILURE_AWAY, "no thread can be started");
			return NULL;
		}
	return pulse;
}
