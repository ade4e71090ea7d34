/*
 * gate_checks.c - the limiter's and the breaker's promises (contract.md).   [simulator]
 *
 * It keeps books of its own, of what was refused and who was let through, and lets nobody pass
 * before his time: no two files of an artist closer than the pace, nobody while a gate is shut, and
 * one probe at a time.
 */
#include "tests/chaos/simulator/gate_checks.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/store.h"

#define ARTISTS_MOST    8
#define LONGEST_WAIT_MS (INT64_C(24) * 3600 * 1000)

/* ARGV of gates.lua, from 0. */
enum argument {
	ARG_OPERATION,
	ARG_WHO,
	ARG_PACING,
	ARG_BASE,
	ARG_MOST,
	ARG_JITTER,
	ARG_DECREASE,
	ARG_INCREASE,
	ARG_BREAKER,
	ARG_THRESHOLD,
	ARG_OPEN,
	ARG_PROBE,
	ARG_RANDOM,
	ARG_ASKED,
	ARG_WHOSE
};

struct circuit {
	enum { CLOSED, OPEN, HALF_OPEN } state;
	int failures;
	int64_t open_until_ms, probe_until_ms;
	char probe[96];
};

struct artist {
	char state_key[96];
	struct circuit circuit;
	double delay_ms; /* the adaptive one; 0: the base */
	int64_t next_ms; /* nobody else before */
	int64_t blocked_until_ms;
};

static struct artist artists[ARTISTS_MOST];
static int artist_count;
static struct circuit application;

void
gate_checks_begin(void)
{
	artist_count = 0;
	application = (struct circuit){.state = CLOSED};
}

static struct artist *
artist_of(const char *state_key)
{
	for (int i = 0; i < artist_count; i++) {
		if (strcmp(artists[i].state_key, state_key) == 0)
			return &artists[i];
	}
	if (artist_count == ARTISTS_MOST)
		abort();
	artists[artist_count] = (struct artist){.delay_ms = 0};
	snprintf(artists[artist_count].state_key, sizeof(artists[0].state_key), "%s", state_key);
	return &artists[artist_count++];
}

static int64_t
number(const char *const *args, enum argument which)
{
	return strtoll(args[which], NULL, 10);
}

static double
delay_of(const struct artist *artist, const char *const *args)
{
	double base = (double)number(args, ARG_BASE), most = (double)number(args, ARG_MOST);
	double delay = artist->delay_ms > base ? artist->delay_ms : base;

	return delay < most ? delay : most;
}

/* ---- who is let through ---- */

static void
pass(struct circuit *circuit, const char *name, const char *const *args)
{
	if (circuit->state == CLOSED)
		return;
	if (circuit->state == OPEN && circuit->open_until_ms > sim_now_ms())
		sim_violation("I8 nobody passes an open circuit", "%s: %s, %lld ms early", name,
			      args[ARG_WHO], (long long)(circuit->open_until_ms - sim_now_ms()));
	if (circuit->state == HALF_OPEN && circuit->probe_until_ms > sim_now_ms() &&
	    strcmp(circuit->probe, args[ARG_WHO]) != 0)
		sim_violation("I8 one probe at a time", "%s: %s beside %s", name, args[ARG_WHO],
			      circuit->probe);
	circuit->state = HALF_OPEN;
	snprintf(circuit->probe, sizeof(circuit->probe), "%s", args[ARG_WHO]);
	circuit->probe_until_ms = sim_now_ms() + number(args, ARG_PROBE);
}

static void
go(struct artist *artist, const char *const *args)
{
	double gap = delay_of(artist, args) * (1.0 - (double)number(args, ARG_JITTER) / 100.0);

	if (artist->blocked_until_ms > sim_now_ms())
		sim_violation("I8 who was asked to wait waits", "%s: %lld ms early", args[ARG_WHO],
			      (long long)(artist->blocked_until_ms - sim_now_ms()));
	if (number(args, ARG_PACING) == 1 && artist->next_ms > sim_now_ms())
		sim_violation("I8 an artist's files go out at his pace", "%s: %lld ms early",
			      args[ARG_WHO], (long long)(artist->next_ms - sim_now_ms()));
	artist->next_ms = sim_now_ms() + (int64_t)gap - 1;
	pass(&application, "the application", args);
	if (number(args, ARG_BREAKER) == 1)
		pass(&artist->circuit, artist->state_key, args);
}

/* ---- what is told ---- */

static void
close_circuit(struct circuit *circuit, const char *who)
{
	if (circuit->state == CLOSED ||
	    (circuit->state == HALF_OPEN && strcmp(circuit->probe, who) == 0))
		*circuit = (struct circuit){.state = CLOSED};
}

static void
ok(struct artist *artist, const char *const *args)
{
	double decrease = strtod(args[ARG_DECREASE], NULL), delay = delay_of(artist, args);

	if (number(args, ARG_PACING) == 1 && artist->blocked_until_ms <= sim_now_ms()) {
		artist->delay_ms = delay * decrease;
		artist->blocked_until_ms = 0;
	}
	close_circuit(&artist->circuit, args[ARG_WHO]);
	close_circuit(&application, args[ARG_WHO]);
}

static void
open_circuit(struct circuit *circuit, int64_t for_ms)
{
	int64_t until_ms = sim_now_ms() + for_ms;

	circuit->state = OPEN;
	if (until_ms > circuit->open_until_ms)
		circuit->open_until_ms = until_ms;
}

static void
refused(struct artist *artist, const char *const *args, bool is_quota)
{
	double most = (double)number(args, ARG_MOST);
	double delay = delay_of(artist, args) * strtod(args[ARG_INCREASE], NULL);
	int64_t wait_ms = number(args, ARG_ASKED), open_ms = number(args, ARG_OPEN);

	if (strcmp(args[ARG_WHOSE], "application") == 0) {
		application.failures++;
		open_circuit(&application, wait_ms >= 0 ? wait_ms : 4000);
		return;
	}
	artist->delay_ms = delay < most ? delay : most;
	if (wait_ms < 0)
		wait_ms = (int64_t)artist->delay_ms;
	if (!is_quota && sim_now_ms() + wait_ms > artist->blocked_until_ms)
		artist->blocked_until_ms = sim_now_ms() + wait_ms;
	artist->circuit.failures++;
	if (number(args, ARG_BREAKER) == 1 &&
	    (artist->circuit.state == HALF_OPEN ||
	     artist->circuit.failures >= number(args, ARG_THRESHOLD)))
		open_circuit(&artist->circuit, wait_ms > open_ms ? wait_ms : open_ms);
}

static void
leave(struct circuit *circuit, const char *who)
{
	if (circuit->state == HALF_OPEN && strcmp(circuit->probe, who) == 0)
		circuit->probe_until_ms = 0;
}

void
gate_checks_before(const char *const *keys, const char *const *args)
{
	struct artist *artist = artist_of(keys[0]);
	const char *operation = args[ARG_OPERATION];

	if (strcmp(operation, "ok") == 0) {
		ok(artist, args);
	} else if (strcmp(operation, "leave") == 0) {
		leave(&artist->circuit, args[ARG_WHO]);
		leave(&application, args[ARG_WHO]);
	} else if (strcmp(operation, "ask") != 0) {
		refused(artist, args, strcmp(operation, "quota") == 0);
	}
}

/* Who comes when he was told to come finds his slot begun (it is kept as a whole number). */
static void
check_slot(const char *slots_key, const char *who, int64_t wait_ms)
{
	const struct store_key *slots = store_find(slots_key);
	long at = store_position(slots, who);
	double comes_ms = (double)(sim_now_ms() + SIM_WALL_MS + wait_ms);

	if (at >= 0 && comes_ms < slots->items[at].score - 0.5)
		sim_violation("I8 nobody is called before his slot", "%s, %.1f ms early", who,
			      slots->items[at].score - comes_ms);
}

void
gate_checks_after(const char *const *keys, const char *const *args, const redisReply *reply)
{
	if (strcmp(args[ARG_OPERATION], "ask") != 0)
		return;
	TRACE("- gates: %s %s %lld ms %s", args[ARG_WHO], reply->element[0]->str,
	      reply->element[1]->integer, reply->element[2]->str);
	if (strcmp(reply->element[0]->str, "GO") == 0) {
		go(artist_of(keys[0]), args);
		return;
	}
	sim_count(SIM_GATES_SHUT);
	check_slot(keys[1], args[ARG_WHO], reply->element[1]->integer);
	if (reply->element[1]->integer < 1 || reply->element[1]->integer > LONGEST_WAIT_MS)
		sim_violation("I8 no deferral without an end", "%s waits %lld ms", args[ARG_WHO],
			      reply->element[1]->integer);
}
