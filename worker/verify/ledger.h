#ifndef WORKER_VERIFY_LEDGER_H
#define WORKER_VERIFY_LEDGER_H
/*
 * ledger.h - what a sandbox has seen, against what the rows say (I2, I5, I8).   [verify command]
 *
 * ledger.c reads it, ledger_posts.c compares its posts with the journal, ledger_requests.c looks at
 * tokens and at the pace of requests.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/failure.h"

struct audit;
struct cJSON;

struct ledger {
	const struct cJSON *posts, *publishes, *refreshes; /* arrays */
	const struct cJSON *requests;
};

/* A text or number member as text, "" where there is none. */
const char *ledger_text(const struct cJSON *record, const char *name);
double ledger_number(const struct cJSON *record, const char *name);
bool ledger_flag(const struct cJSON *record, const char *name);

/* only: deviation ids (JSON array) or NULL. */
bool ledger_compare_posts(struct audit *audit, const struct ledger *ledger, struct failure *why);
bool ledger_look_at_tokens(struct audit *audit, const struct ledger *ledger, struct failure *why);
void ledger_look_at_pace(struct audit *audit, const struct ledger *ledger);

#endif
