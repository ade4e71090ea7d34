/*
 * output.c - JSON for machines.                                        [commands]
 */
#include "worker/hands/output.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/json_memory.h"
#include "worker/explain/complaint.h"
#include "worker/explain/facts.h"
#include "worker/explain/words.h"

#define TEXT_SIZE 700

int
output_json(struct cJSON *object, unsigned denied, int exit_status)
{
	char *text = cJSON_PrintUnformatted(object);

	cJSON_Delete(object);
	if (text != NULL && json_memory_denied() == denied)
		printf("%s\n", text);
	else
		exit_status = complaint_of_memory();
	cJSON_free(text);
	return exit_status;
}

void
output_text(struct cJSON *to, const char *name, const char *text)
{
	char clean[TEXT_SIZE];

	if (text[0] == '\0')
		cJSON_AddNullToObject(to, name);
	else
		cJSON_AddStringToObject(to, name, words_clean(clean, sizeof(clean), text));
}

void
output_time(struct cJSON *to, const char *name, int64_t at_ms)
{
	char iso[CLOCK_ISO_SIZE];

	output_text(to, name, at_ms == FACTS_NONE ? "" : clock_iso(at_ms, iso));
}
