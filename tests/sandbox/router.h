#ifndef SANDBOX_ROUTER_H
#define SANDBOX_ROUTER_H
/*
 * router.h - which endpoint a request is for.                          [sandbox]
 */
#include <stdbool.h>

struct answer;
struct call;
struct http_request;

enum endpoint_flag {
	ENDPOINT_CONTROL = 1, /* of the sandbox, not of the site: no rules, no faults, no ledger */
	ENDPOINT_BEARER = 2,  /* needs an access token */
	ENDPOINT_LATE_EFFECT = 4, /* changes something, so that it makes sense to do it later */
	ENDPOINT_STORAGE = 8,
};

struct endpoint {
	const char *name;
	const char *method; /* "GET": HEAD too; NULL: any */
	const char *path;   /* glob */
	unsigned flags;
	void (*handle)(struct call *call, struct answer *answer);
	void (*without_effect)(struct call *call); /* NULL: nothing is to be noted */
};

/* Never NULL: an unknown path has an endpoint of its own, which answers 404. */
const struct endpoint *router_find(const struct http_request *request);
const struct endpoint *router_storage(void);
bool router_knows(const char *name);

#endif
