/*
 * explain.c - the order of an explanation: read, put into words, tell. [explain command]
 */
#include "worker/explain/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/json_memory.h"
#include "worker/explain/complaint.h"
#include "worker/explain/reading.h"
#include "worker/explain/story.h"
#include "worker/explain/telling.h"

static int
tell(struct reading *reading, bool json, int64_t begun_ms)
{
	struct story story;
	bool done = story_tell(&story, &reading->facts);

	if (done && json)
		done = telling_json(stdout, &reading->facts, &story, clock_mono_ms() - begun_ms);
	else if (done)
		telling_text(stdout, &reading->facts, &story);
	story_free(&story);
	if (done)
		return EXIT_SUCCESS;
	return complaint_of_memory();
}

static int
run(struct reading *reading, const struct ident *ident, const char *id, bool json)
{
	int64_t begun_ms = clock_mono_ms();
	struct failure why, queue_problem;
	bool found, asked;
	int exit_status;

	if (!reading_rows(reading, ident, &found, &why))
		return complaint_of_server("PostgreSQL", "DATABASE_URL", &why);
	if (!found)
		return complaint_of_id(id);
	asked = reading_queue(reading, &queue_problem);
	/* What the row says after the job's state was read is the truth. */
	if (facts_disagree(&reading->facts) && !reading_rows(reading, ident, &found, &why))
		return complaint_of_server("PostgreSQL", "DATABASE_URL", &why);
	if (!found)
		return complaint_of_id(id);
	exit_status = tell(reading, json, begun_ms);
	if (!asked && exit_status == EXIT_SUCCESS)
		return complaint_of_server("Redis", "REDIS_URL", &queue_problem);
	return exit_status;
}

int
explain_command(const struct config *config, const char *id, bool json)
{
	struct reading reading;
	struct ident ident;
	struct failure why;
	int exit_status;

	json_memory_watch();
	if (!ident_parse(id, &ident))
		return complaint_of_id(id);
	if (!reading_init(&reading, config, &why))
		exit_status = complaint_of_memory();
	else
		exit_status = run(&reading, &ident, id, json);
	reading_fini(&reading);
	return exit_status;
}
