#ifndef COMMON_JSON_MEMORY_H
#define COMMON_JSON_MEMORY_H
/*
 * json_memory.h - whether JSON was short of memory.                    [every process]
 *
 * cJSON gives NULL for bad input and for memory that it was denied, and a builder may leave out
 * what it had no memory for. What must tell the two apart compares json_memory_denied() before and
 * after: bad input ends a job for good, missing memory never does.
 */

/* From here on allocations of cJSON are watched; once a process, before it uses any. Inherited by
 * children. */
void json_memory_watch(void);

/* How many of them were denied so far in this process; 0 where nobody watches. */
unsigned json_memory_denied(void);

#endif
