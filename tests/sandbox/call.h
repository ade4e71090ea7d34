#ifndef SANDBOX_CALL_H
#define SANDBOX_CALL_H
/*
 * call.h - one request on its way through the sandbox.                 [sandbox]
 *
 * headers -> (fault?) -> body -> (fault?) -> delay -> effect -> delay -> answer. A call outlives
 * its client, and with effect_delay_ms even its answer.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tests/sandbox/body.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/http_server.h"

struct endpoint;
struct event;
struct sandbox;
struct user;

enum call_step {
	CALL_READING,
	CALL_DELAYED,        /* the effect is to come */
	CALL_HANGING,        /* until released, or the client goes */
	CALL_ANSWER_DELAYED, /* the effect is done */
	CALL_EFFECT_LATE,    /* the answer is out, the effect is to come */
	CALL_ANSWERED,
};

struct call {
	LIST_ENTRY(call) entry;
	struct sandbox *sandbox;
	struct exchange *exchange; /* NULL: answered, but the effect is to come */
	const struct endpoint *endpoint;
	int64_t id;
	int64_t started_ms; /* wall clock */
	int64_t started_monotonic_us;
	enum call_step step;
	char *method;
	char *path;
	char *authorization; /* NULL: none */
	bool takes_gzip;
	bool has_agent;
	bool admitted; /* counted by the limits already */
	struct fields query;
	struct body body;
	struct user *user; /* the owner of the access token; set while the endpoint works */
	struct fault *fault;
	struct fault_facts facts;
	struct event *timer;
	struct answer answer; /* made, but not sent yet */
	char *log_title;      /* for the request log */
	char *log_itemid;
	int64_t retry_after_s; /* of the answer, for the request log; 0: none, or no number */
	bool logged;
};

/* What a server calls; the context is the sandbox. */
extern const struct http_handler call_site_handler, call_storage_handler;

/* Lets hanging calls go on as if nothing had been, resets stalled ones; returns how many there
 * were. */
size_t call_release_hanging(struct sandbox *sandbox);

/* Forgets every call whose effect is still to come, at the end of the program. */
void call_abandon_all(struct sandbox *sandbox);

/* For GET /_sandbox/state. */
struct cJSON *call_list_to_json(const struct sandbox *sandbox);

/* The token after "Bearer ", or NULL. */
const char *call_bearer(const struct call *call);

#endif
