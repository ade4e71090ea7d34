#ifndef WORKER_VERIFY_REPORT_H
#define WORKER_VERIFY_REPORT_H
/*
 * report.h - what is told in the end: a line a violation, the figures, the verdict.   [verify
 * command]
 *
 * Pure. What comes from servers is told with its control characters escaped: a line stays a line.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "worker/verify/audit.h"

struct report {
	struct suspicions *suspicions; /* is sorted by check and id */
	const int64_t *figures;        /* FIGURE_COUNT */
	bool has_journal, has_ledger;
	int looks; /* at what was suspected */
	int64_t took_ms;
};

void report_text(FILE *out, const struct report *report);
/* False: out of memory. */
bool report_json(FILE *out, const struct report *report);

/* How many violations there are; those that were not looked at again count, too. */
size_t report_violations(const struct report *report);

#endif
