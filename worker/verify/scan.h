#ifndef WORKER_VERIFY_SCAN_H
#define WORKER_VERIFY_SCAN_H
/*
 * scan.h - everything that is in Redis, a page at a time.              [verify command]
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/failure.h"
#include "worker/verify/audit.h"

/* Gets a page of texts; they are gone after the call. False: it ends, and so does the scan. */
typedef bool scan_page(void *arg, const char *const *texts, size_t count, struct failure *why);

/* Keys that begin with `prefix` (no pattern). */
bool scan_keys(struct audit *audit, const char *prefix, scan_page *page, void *arg,
	       struct failure *why);
/* Members of a set ("SSCAN") or of a sorted set ("ZSCAN", without the scores). */
bool scan_members(struct audit *audit, const char *command, const char *key, scan_page *page,
		  void *arg, struct failure *why);
/* Elements of a list. What moves meanwhile may come twice, or not at all. */
bool scan_list(struct audit *audit, const char *key, scan_page *page, void *arg,
	       struct failure *why);

#endif
