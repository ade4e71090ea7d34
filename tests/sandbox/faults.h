#ifndef SANDBOX_FAULTS_H
#define SANDBOX_FAULTS_H
/*
 * faults.h - scripted faults: which request is to fail, and how.       [sandbox]
 *
 * A request meets at most one fault: the first rule in order that matches as soon as enough of the
 * request is known, after `skip` matches, for `count` of them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sandbox/http_request.h"

struct cJSON;
struct faults;

enum fault_action {
	FAULT_STATUS,       /* status, headers, body */
	FAULT_RESET_BEFORE, /* RST when the headers are there */
	FAULT_RESET_MIDDLE, /* RST when half of the body is there */
	FAULT_RESET_AFTER,  /* RST instead of the answer */
	FAULT_CLOSE,        /* FIN instead of the answer */
	FAULT_HANG,         /* no answer, until POST /_sandbox/release */
	FAULT_STALL,        /* half of the body is read, then nothing any more */
	FAULT_DEAF,         /* nothing is heard or acknowledged after the headers: a dead way */
	FAULT_DEAF_AFTER,   /* the same, instead of the answer */
	FAULT_TRUNCATE,     /* half of the body goes out, under a Content-Length for all of it */
	FAULT_TRUNCATE_HEADERS, /* the connection ends within the header section */
	FAULT_EMPTY,            /* 200, and nothing but blanks */
	FAULT_GARBAGE,          /* 200, and no JSON; or `bytes` NUL bytes */
	FAULT_SLOW,             /* `bytes` of the body each `every_ms` */
	FAULT_DELAY,            /* nothing but the delays */
	FAULT_HTML_403,         /* the CDN's page */
	FAULT_PUBLISHED_500,    /* 500 server_error, after the effect */
	FAULT_BOMB,             /* gzip that unfolds to `bytes` */
	FAULT_ACTION_COUNT
};

struct fault {
	unsigned references;
	int64_t id;
	char *name;
	struct {
		char *endpoint, *method, *path, *user, *title, *itemid, *bucket, *key;
	} match;
	int64_t count, skip; /* left; count -1: for ever */
	double chance;
	enum fault_action action;
	int64_t status;
	struct http_headers headers;
	char *body; /* NULL: the action's own */
	bool effect;
	bool early;              /* answered before the body is read */
	int64_t delay_ms;        /* before the effect */
	int64_t answer_delay_ms; /* between effect and answer */
	int64_t effect_delay_ms; /* above 0: the effect comes that long after the answer */
	int64_t bytes, every_ms;
	int64_t seen, hits;
};

/* What is known of a request by now; NULL: nothing yet (or there is no such thing). */
struct fault_facts {
	const char *endpoint, *method, *path, *user, *userid, *title, *itemid;
	const char *bucket, *key;
	bool final;      /* nothing more will be known */
	int64_t *passed; /* ids of rules that let this request pass; owned by the request */
	size_t passed_count;
};

struct faults *faults_new(void);
void faults_free(struct faults *faults);
void faults_clear(struct faults *faults);
void faults_seed(struct faults *faults, uint64_t seed);

/* An array of rules, or one: all of them or none. NULL, or why not (free with free()). */
char *faults_add(struct faults *faults, const struct cJSON *json);
struct cJSON *faults_to_json(const struct faults *faults);

/* The fault that the request meets, with a reference for the caller; NULL: none, so far. */
struct fault *faults_pick(struct faults *faults, struct fault_facts *facts);
void fault_release(struct fault *fault);

const char *fault_action_name(enum fault_action action);

/* For GET /_sandbox/: every action with its explanation. */
struct cJSON *faults_help(void);

#endif
