/*
 * sim.c - chance, time and reports of a simulated world.                [simulator]
 */
#include "tests/chaos/simulator/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLANNED_MOST 512

struct weather weather;
bool sim_tracing;
struct sim_report *sim_report;

const char *const sim_count_names[SIM_COUNTS] = {
	[SIM_STEPS] = "steps",
	[SIM_KILLS] = "kills",
	[SIM_STOPS] = "stops",
	[SIM_CUTS] = "connections cut",
	[SIM_LATE_EFFECTS] = "late effects",
	[SIM_OUTAGES] = "outages",
	[SIM_REDIS_LOSSES] = "losses of Redis",
	[SIM_SUPERVISOR_KILLS] = "supervisor kills",
	[SIM_DRAINS] = "drains",
	[SIM_RELOADS] = "reloads",
	[SIM_ANSWERS_LOST] = "answers lost",
	[SIM_REFUSALS] = "refusals",
	[SIM_CLAIMS] = "claims",
	[SIM_SUBMITS] = "uploads",
	[SIM_PUBLISH_REQUESTS] = "publish requests",
	[SIM_REFRESHES] = "refreshes",
	[SIM_GATES_SHUT] = "waits at gates",
	[SIM_PUBLISHED] = "files public",
	[SIM_POSTS_PUBLISHED] = "posts published",
	[SIM_POSTS_FAILED] = "posts failed",
	[SIM_POSTS_TAKEN_BACK] = "posts taken back",
};

static uint64_t state;
static int64_t now_ms;
static uint64_t first_step;

static struct planned {
	int64_t at_ms;
	uint64_t serial;
	void (*act)(void *argument);
	void *argument;
} planned[PLANNED_MOST];
static size_t planned_count;
static uint64_t planned_serial;

/* ---- chance ---- */

/* splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). */
static uint64_t
next_bits(void)
{
	uint64_t z = (state += 0x9E3779B97F4A7C15U);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
	return z ^ (z >> 31);
}

uint32_t
sim_below(uint32_t limit)
{
	return limit == 0 ? 0 : (uint32_t)(next_bits() % limit);
}

int64_t
sim_between(int64_t least, int64_t most)
{
	return least >= most ? least
			     : least + (int64_t)(next_bits() % (uint64_t)(most - least + 1));
}

bool
sim_chance(unsigned per_10000)
{
	return per_10000 > 0 && sim_below(10000) < per_10000;
}

bool
sim_strikes(unsigned per_10000)
{
	return now_ms < weather.calm_ms && sim_chance(per_10000);
}

/* ---- time ---- */

int64_t
sim_now_ms(void)
{
	return now_ms;
}

void
sim_advance(int64_t to_ms)
{
	if (to_ms > now_ms)
		now_ms = to_ms;
}

void
sim_plan(int64_t at_ms, void (*act)(void *argument), void *argument)
{
	if (planned_count == PLANNED_MOST) {
		fprintf(stderr, "simulator: too much is planned\n");
		abort();
	}
	planned[planned_count++] = (struct planned){at_ms, planned_serial++, act, argument};
}

static struct planned *
first_planned(void)
{
	struct planned *first = NULL;

	for (size_t i = 0; i < planned_count; i++) {
		struct planned *p = &planned[i];

		if (first == NULL || p->at_ms < first->at_ms ||
		    (p->at_ms == first->at_ms && p->serial < first->serial))
			first = p;
	}
	return first;
}

int64_t
sim_next_planned_ms(void)
{
	const struct planned *first = first_planned();

	return first == NULL ? INT64_MAX : first->at_ms;
}

bool
sim_run_planned(void)
{
	struct planned *first = first_planned(), due;

	if (first == NULL || first->at_ms > now_ms)
		return false;
	due = *first;
	*first = planned[--planned_count];
	due.act(due.argument);
	return true;
}

/* ---- reports ---- */

void
sim_count(enum sim_count what)
{
	sim_report->counts[what]++;
}

uint64_t
sim_step_number(void)
{
	return sim_report->counts[SIM_STEPS] - first_step;
}

void
sim_trace(const char *format, ...)
{
	va_list args;

	printf("%6llu %12.3f  ", (unsigned long long)sim_step_number(), (double)now_ms / 1000.0);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

_Noreturn void
sim_violation(const char *invariant, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(sim_report->text, sizeof(sim_report->text), format, args);
	va_end(args);
	snprintf(sim_report->invariant, sizeof(sim_report->invariant), "%s", invariant);
	sim_report->failed = true;
	sim_report->step = sim_step_number();
	sim_report->at_ms = now_ms;
	TRACE("VIOLATION %s: %s", invariant, sim_report->text);
	fflush(stdout);
	/* The process runs histories and nothing else; whoever forked it reads the report. */
	_Exit(1);
}

void
sim_begin(uint64_t seed)
{
	state = seed * 0xD1342543DE82EF95U + 1;
	now_ms = 1000000;
	planned_count = 0;
	planned_serial = 0;
	first_step = sim_report->counts[SIM_STEPS];
	memset(&weather, 0, sizeof(weather));
	sim_report->seed = seed;
}
