#ifndef WORKER_VERIFY_FETCH_H
#define WORKER_VERIFY_FETCH_H
/*
 * fetch.h - what an HTTP server on this machine says.                  [verify command]
 */
#include <stdbool.h>

#include "common/failure.h"

struct cJSON;

/* Once, before the first. */
bool fetch_init(struct failure *why);
void fetch_fini(void);

/*
 * GET over plain HTTP, no proxy, no redirects, at most 256 MB. *status is the answer's, *json its
 * body (NULL: it is no JSON); cJSON_Delete() it. False: nobody answered, or too much.
 */
bool fetch_json(const char *url, long timeout_ms, long *status, struct cJSON **json,
		struct failure *why);

#endif
