#ifndef WORKER_DISCRETION_H
#define WORKER_DISCRETION_H
/*
 * discretion.h - what the health listener may tell of a failure.        [worker]
 *
 * A reason may quote the artist: "upload of evening.png: ...". Whoever reaches the port may read
 * it, so what the artist has named is left out, unless HEALTH_CHECK_DETAILS asks for it.
 */
#include "common/config.h"
#include "common/failure.h"
#include "worker/deviation.h"

/*
 * The message as the listener may tell it. deviation: NULL where none was read. Texts of fewer
 * than three bytes are found everywhere and tell nothing; they stay.
 */
void discretion_reason(const struct config *config, const struct deviation *deviation,
		       const char *message, char out[FAILURE_MESSAGE_SIZE]);

#endif
