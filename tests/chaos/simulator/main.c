/*
 * main.c - plays histories, and says which one went wrong.              [simulator]
 *
 *   simulator --histories N [--from SEED]    many; seeds.txt first
 *   simulator --seed N                       one, with a trace of every step
 *             --postgres CONNINFO            and each statement in a real PostgreSQL, too
 * (mirror.h)
 *
 * Histories are played by forked children, a batch each: what a killed process left on the heap
 * dies with them, and so does whatever a sanitizer ends.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/chaos/simulator/history.h"
#include "tests/chaos/simulator/mirror.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/statement_play.h"

#define BATCH 50

static bool playing_statements; /* not histories */

/* Killed processes never free what they had. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0:detect_stack_use_after_return=0";
}

/* ---- playing ---- */

/* False: it went wrong; the report says how, and `seed` which. */
static bool
play(const uint64_t *seeds, uint64_t first, uint64_t count, bool tracing)
{
	void (*one)(uint64_t seed) = playing_statements ? statement_play : history_play;
	pid_t pid;
	int status = 0;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("simulator: fork");
		exit(EXIT_FAILURE);
	}
	if (pid == 0) {
		sim_tracing = tracing;
		for (uint64_t i = 0; i < count; i++)
			one(seeds != NULL ? seeds[i] : first + i);
		fflush(stdout);
		_Exit(0);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
	}
	if (status == 0)
		return true;
	if (!sim_report->failed) {
		snprintf(sim_report->invariant, sizeof(sim_report->invariant),
			 "the program does not crash");
		snprintf(sim_report->text, sizeof(sim_report->text),
			 "the simulator ended with status %#x", (unsigned)status);
	}
	return false;
}

static void
tell_failure(void)
{
	uint64_t seed = sim_report->seed;
	char invariant[sizeof(sim_report->invariant)], text[sizeof(sim_report->text)];
	unsigned long long step = sim_report->step;
	double at_s = (double)sim_report->at_ms / 1000.0;

	memcpy(invariant, sim_report->invariant, sizeof(invariant));
	memcpy(text, sim_report->text, sizeof(text));
	printf("# seed %llu, step %llu, %.3f s: %s: %s\n", (unsigned long long)seed, step, at_s,
	       invariant, text);
	if (playing_statements)
		printf("# it was no history: --statements 1 --seed %llu shows it\n",
		       (unsigned long long)seed);
	else
		printf("# the line for tests/chaos/simulator/seeds.txt:\n# %llu  # %s\n",
		       (unsigned long long)seed, invariant);
}

/* ---- the seeds that once went wrong ---- */

static uint64_t *
read_seeds(const char *path, uint64_t *count)
{
	FILE *file = fopen(path, "re");
	uint64_t *seeds = NULL;
	char line[256];

	*count = 0;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *end;
		unsigned long long seed = strtoull(line, &end, 10);
		uint64_t *grown;

		if (end == line)
			continue;
		grown = realloc(seeds, (*count + 1) * sizeof(*seeds));
		if (grown == NULL)
			abort();
		seeds = grown;
		seeds[(*count)++] = seed;
	}
	if (file != NULL)
		fclose(file);
	return seeds;
}

/* ---- options ---- */

struct options {
	uint64_t histories, from, seed, statements;
	bool one;
	const char *seeds_path, *postgres;
};

static uint64_t
read_number(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0') {
		fprintf(stderr, "simulator: \"%s\" is no number\n", text);
		exit(64);
	}
	return value;
}

static struct options
read_options(int argc, char **argv)
{
	static const struct option known[] = {{"histories", required_argument, NULL, 'n'},
					      {"from", required_argument, NULL, 'f'},
					      {"seed", required_argument, NULL, 's'},
					      {"seeds", required_argument, NULL, 'r'},
					      {"postgres", required_argument, NULL, 'p'},
					      {"statements", required_argument, NULL, 't'},
					      {NULL, 0, NULL, 0}};
	struct options options = {.histories = 1000, .from = 1, .seeds_path = NULL};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'n':
			options.histories = read_number(optarg);
			break;
		case 'f':
			options.from = read_number(optarg);
			break;
		case 's':
			options.seed = read_number(optarg);
			options.one = true;
			break;
		case 'r':
			options.seeds_path = optarg;
			break;
		case 't':
			options.statements = read_number(optarg);
			break;
		case 'p':
			options.postgres = optarg;
			break;
		default:
			fprintf(stderr,
				"usage: simulator [--postgres CONNINFO] [--statements N] "
				"[--histories N] [--from SEED] [--seeds FILE] | --seed N\n");
			exit(64);
		}
	}
	return options;
}

static void
tell_counts(double seconds)
{
	printf("# %llu histories in %.1f s, %.1f simulated hours:",
	       (unsigned long long)sim_report->histories, seconds,
	       (double)sim_report->simulated_ms / 3600000.0);
	for (int i = 0; i < SIM_COUNTS; i++)
		printf("%s %llu %s", i > 0 ? "," : "", (unsigned long long)sim_report->counts[i],
		       sim_count_names[i]);
	putchar('\n');
}

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool
play_many(uint64_t first, uint64_t count)
{
	bool good = true;

	for (uint64_t done = 0; good && done < count; done += BATCH) {
		uint64_t left = count - done;

		good = play(NULL, first + done, left < BATCH ? left : BATCH, false);
	}
	return good;
}

static bool
play_all(const struct options *options)
{
	uint64_t known;
	uint64_t *seeds =
		options->seeds_path != NULL ? read_seeds(options->seeds_path, &known) : NULL;
	bool good = seeds == NULL || play(seeds, 0, known, false);

	free(seeds);
	if (!good || !play_many(options->from, options->histories))
		return false;
	playing_statements = true;
	return play_many(options->from, options->statements);
}

/* all_compared: no statement of worker/sql/ was left out, if there was a mirror. */
static void
tell_results(const struct options *options, bool good, bool all_compared)
{
	const char *result = good ? "ok" : "not ok";

	if (options->postgres == NULL) {
		printf("1..1\n%s 1 - every history keeps what must always hold\n", result);
		return;
	}
	printf("1..2\n%s 1 - the model of worker/sql/ answers and writes as PostgreSQL does\n",
	       result);
	printf("%s 2 - every statement of the model was compared\n",
	       all_compared ? "ok" : "not ok");
}

int
main(int argc, char **argv)
{
	struct options options = read_options(argc, argv);
	double begun_s = now_s();
	bool good;

	sim_report = mmap(NULL, sizeof(*sim_report), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sim_report == MAP_FAILED) {
		perror("simulator: mmap");
		return EXIT_FAILURE;
	}
	if (options.postgres != NULL)
		mirror_open(options.postgres);
	if (options.one) {
		playing_statements = options.statements > 0;
		good = play(NULL, options.seed, 1, true);
	} else {
		good = play_all(&options);
		tell_counts(now_s() - begun_s);
	}
	if (!good)
		tell_failure();
	if (!options.one)
		tell_results(&options, good, options.postgres == NULL || mirror_tell());
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
