#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H
/*
 * sandbox.h - the one object that everything hangs on.                 [sandbox]
 */
#include <sys/queue.h>

#include "tests/sandbox/http_server.h"
#include "tests/sandbox/settings.h"
#include "tests/sandbox/state.h"

struct call;
struct event_base;
struct faults;
struct ledger;
struct limits;
struct options;
struct tokens;

LIST_HEAD(call_list, call);

struct sandbox {
	struct event_base *base;
	const struct options *options;
	struct settings settings;
	struct state state;
	struct tokens *tokens;
	struct limits *limits;
	struct faults *faults;
	struct ledger *ledger;
	struct call_list calls;             /* in flight */
	struct http_server *site, *storage; /* storage: NULL without --s3-root */
	struct http_handler site_handler, storage_handler;
	int64_t last_call_id;
};

#endif
