#ifndef SANDBOX_LIMITS_H
#define SANDBOX_LIMITS_H
/*
 * limits.h - the velocity filters: one a user, one for the application (deviantart-api.md 8.3).
 * [sandbox]
 */
#include <stdbool.h>

struct answer;
struct limits;
struct sandbox;

struct limits *limits_new(void);
void limits_free(struct limits *limits);

/*
 * Counts a request of the user (NULL: of nobody known) to the endpoint. False: it is over a limit;
 * *answer is the 429, and the ledger has a violation.
 */
bool limits_admit(struct sandbox *sandbox, const char *username, const char *endpoint,
		  struct answer *answer);

#endif
