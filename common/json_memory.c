/*
 * json_memory.c - whether JSON was short of memory.                    [every process]
 */
#include "common/json_memory.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

static unsigned denied;

static void *
allocate(size_t size)
{
	void *memory = malloc(size);

	if (memory == NULL)
		denied++;
	return memory;
}

void
json_memory_watch(void)
{
	cJSON_Hooks hooks = {.malloc_fn = allocate, .free_fn = free};

	cJSON_InitHooks(&hooks);
}

unsigned
json_memory_denied(void)
{
	return denied;
}
