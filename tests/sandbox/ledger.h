#ifndef SANDBOX_LEDGER_H
#define SANDBOX_LEDGER_H
/*
 * ledger.h - the evidence: what was asked for, and what came of it.    [sandbox]
 *
 * A record is JSON from the moment it is made, and never changes. If there is a ledger file,
 * submits, publishes, refreshes and violations are in it before the answer goes out; a file that
 * cannot be written ends the sandbox (exit 74), because evidence that is silently missing proves
 * nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;
struct fields;
struct state;

enum ledger_kind {
	LEDGER_SUBMIT,
	LEDGER_PUBLISH,
	LEDGER_REFRESH,
	LEDGER_VIOLATION,
	LEDGER_OBJECT,  /* reads of the S3 side */
	LEDGER_REQUEST, /* every request and its end; only the last LEDGER_REQUESTS_KEPT */
	LEDGER_KIND_COUNT
};

#define LEDGER_REQUESTS_KEPT 5000

struct ledger;

/* What a record is found and counted by; the texts are copied, and may be NULL. */
struct ledger_keys {
	const char *user;
	const char *title;
	const char *id;     /* itemid, or hash of a refresh token */
	const char *digest; /* of a submitted file */
	bool accepted;      /* took effect */
	bool again;         /* an update; a repeated publish; a spent token */
};

struct ledger *ledger_new(void);
void ledger_free(struct ledger *ledger);

/* Appends to the file from now on. False, and a message on standard error, if it cannot. */
bool ledger_open_file(struct ledger *ledger, const char *path);

/* Everything is forgotten; the file keeps what it has. */
void ledger_clear(struct ledger *ledger);

/* Takes the record over, and puts seq and time_ms in front of its members. */
void ledger_add(struct ledger *ledger, enum ledger_kind kind, const struct ledger_keys *keys,
		struct cJSON *record);

/* Counters. Names are copied. */
void ledger_count_request(struct ledger *ledger, const char *endpoint);
void ledger_count_outcome(struct ledger *ledger, const char *endpoint, const char *outcome);
void ledger_count_refused(struct ledger *ledger, const char *reason);
void ledger_count_unknown_field(struct ledger *ledger, const char *endpoint, const char *field);

/*
 * GET /_sandbox/ledger as text; ?user= (name or id), ?title= (exact), ?since= (seq) narrow it. Free
 * with free().
 */
char *ledger_render(const struct ledger *ledger, const struct state *state,
		    const struct fields *query, size_t *length);

/* GET /_sandbox/ledger/requests, with the same filters. */
char *ledger_render_requests(const struct ledger *ledger, const struct state *state,
			     const struct fields *query, size_t *length);

/* For ledger_summary.c: records in order, and the counters. */
struct ledger_record {
	int64_t seq;
	char *user, *title, *id, *digest;
	bool accepted, again;
	char *json;
};

const struct ledger_record *ledger_records(const struct ledger *ledger, enum ledger_kind kind,
					   size_t *count);
void ledger_counters_to_json(const struct ledger *ledger, struct cJSON *object);

#endif
