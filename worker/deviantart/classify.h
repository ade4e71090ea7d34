#ifndef WORKER_DEVIANTART_CLASSIFY_H
#define WORKER_DEVIANTART_CLASSIFY_H
/*
 * classify.h - the one pure function that maps what was seen to a failure.   [worker]
 *
 * contract.md "Failures", first two columns; deviantart-api.md 8 and 11 (order of evaluation:
 * nothing sent; HTML or non-JSON; error_code of the endpoint; `error`; status). What happens then
 * is retry.h's table. No I/O here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"
#include "worker/http/answer.h"

/* The CDN's block was seen to be over after 5 minutes, not after 3 (deviantart-api.md 8.1). */
#define CLASSIFY_BLOCK_WAIT_MS (5 * 60 * 1000)

/*
 * True: the answer says success (2xx, a JSON object, "status" is "success"; for reads and tokens
 * "status" may be absent when there is no "error" either). False: *why is filled with category,
 * gate, outage, http_status, error_code, wait and a message that quotes DeviantArt (cleaned, cut;
 * error_details included; without anything long enough to be a token).
 *
 * A throttle is believed from its status or its `error` alone, also when the answer was cut: it
 * says that nothing was done. Everything else that was cut, is not a JSON object or is larger than
 * the reader takes is "unreadable".
 */
bool classify_answer(const struct answer *answer, struct failure *why);

#endif
