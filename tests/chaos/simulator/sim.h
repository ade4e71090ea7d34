#ifndef TESTS_CHAOS_SIMULATOR_SIM_H
#define TESTS_CHAOS_SIMULATOR_SIM_H
/*
 * sim.h - one simulated world: its chance, its time, what it reports.    [simulator]
 *
 * A history is a function of its seed: whatever is decided is drawn from one sequence, time moves
 * by events alone, and nothing looks at the machine that it runs on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- chance ---- */

uint32_t sim_below(uint32_t limit); /* 0 .. limit - 1; 0 for 0 */
int64_t sim_between(int64_t least, int64_t most);
bool sim_chance(unsigned per_10000);

/* ---- time: the host's steady clock and everybody's wall clock, in ms ---- */

#define SIM_WALL_MS INT64_C(1764000000000) /* wall time less steady time */
int64_t sim_now_ms(void);
void sim_advance(int64_t to_ms);

/* Runs `act(argument)` then; events of one moment run in the order in which they were planned. */
void sim_plan(int64_t at_ms, void (*act)(void *argument), void *argument);
int64_t sim_next_planned_ms(void); /* INT64_MAX: none */
bool sim_run_planned(void);        /* one that is due; false: none is */

/* ---- what goes wrong, and how often; drawn for each history ---- */

struct weather {
	int64_t calm_ms; /* from then on nothing goes wrong any more */
	/* per 10000 simulated calls */
	unsigned kill, stop, slow, cut_redis, cut_postgres;
	/* per 10000 of DeviantArt's answers */
	unsigned lost, server_error, throttled, refused, unauthorized, outage;
	/* habits of this DeviantArt */
	unsigned late, never_shown, shows_late; /* of publishes */
	bool repeats_accepted; /* a repeated publish succeeds instead of error_code 9 */
	unsigned item_gone;    /* per 10000 publish requests */
	unsigned missing_object, storage_away; /* per 10000 uploads */
	unsigned bad_moment;                   /* per 10000 refreshes: a server goes away */
};
extern struct weather weather;
/* Whether a misfortune that strikes `per_10000` times strikes now. */
bool sim_strikes(unsigned per_10000);

/* ---- what is told ---- */

extern bool sim_tracing;
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define TRACE(...)                                                                                 \
	do {                                                                                       \
		if (sim_tracing)                                                                   \
			sim_trace(__VA_ARGS__);                                                    \
	} while (0)

/* The history ends here: something that must always hold does not. */
__attribute__((noreturn, format(printf, 2, 3))) void sim_violation(const char *invariant,
								   const char *format, ...);

enum sim_count {
	SIM_STEPS,
	SIM_KILLS,
	SIM_STOPS,
	SIM_CUTS,
	SIM_LATE_EFFECTS,
	SIM_OUTAGES,
	SIM_REDIS_LOSSES,
	SIM_SUPERVISOR_KILLS,
	SIM_DRAINS,
	SIM_RELOADS,
	SIM_ANSWERS_LOST,
	SIM_REFUSALS,
	SIM_CLAIMS,
	SIM_SUBMITS,
	SIM_PUBLISH_REQUESTS,
	SIM_REFRESHES,
	SIM_GATES_SHUT,
	SIM_PUBLISHED,
	SIM_POSTS_PUBLISHED,
	SIM_POSTS_FAILED,
	SIM_POSTS_TAKEN_BACK,
	SIM_COUNTS
};
extern const char *const sim_count_names[SIM_COUNTS];

/* Lies in memory that outlives the process that runs the histories. */
struct sim_report {
	uint64_t seed; /* of the history that runs, or that failed */
	uint64_t histories;
	uint64_t counts[SIM_COUNTS];
	int64_t simulated_ms;
	bool failed;
	uint64_t step;
	int64_t at_ms;
	char invariant[64], text[512];
};
extern struct sim_report *sim_report;
void sim_count(enum sim_count what);
uint64_t sim_step_number(void); /* in this history */

/* Begins the world anew; everything else registers what it has to forget. */
void sim_begin(uint64_t seed);

#endif
