/*
 * call.c - one request on its way through the sandbox, up to its last byte. [sandbox]
 */
#include "tests/sandbox/call_run.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/event.h>

#include "tests/sandbox/call_log.h"
#include "tests/sandbox/gate.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/router.h"
#include "tests/sandbox/s3.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"

/* Half of a body of unknown length. */
#define CHUNKED_HALF_BYTES 65536

static void file_begins(void *context);

const char *
call_bearer(const struct call *call)
{
	if (call->authorization == NULL || strncasecmp(call->authorization, "Bearer ", 7) != 0)
		return NULL;
	return call->authorization + 7 + strspn(call->authorization + 7, " ");
}

static bool
accepts_gzip(const struct http_request *request)
{
	const char *accepted = http_headers_get(&request->headers, "Accept-Encoding");

	return accepted != NULL && strcasestr(accepted, "gzip") != NULL;
}

static struct call *
call_new(struct sandbox *sandbox, struct exchange *exchange, const struct endpoint *endpoint)
{
	const struct http_request *request = exchange_request(exchange);
	const char *agent = http_headers_get(&request->headers, "User-Agent");
	struct call *call = memory_alloc(sizeof(*call));

	call->sandbox = sandbox;
	call->exchange = exchange;
	call->endpoint = endpoint;
	call->id = ++sandbox->last_call_id;
	call->started_ms = text_now_ms();
	call->started_monotonic_us = text_monotonic_us();
	call->method = memory_text(request->method);
	call->path = memory_text(request->path);
	call->authorization = memory_text(http_headers_get(&request->headers, "Authorization"));
	call->takes_gzip = accepts_gzip(request);
	call->has_agent = agent != NULL && agent[0] != '\0';
	(void)fields_parse(&call->query, request->query, strlen(request->query));
	body_init(&call->body, http_headers_get(&request->headers, "Content-Type"),
		  (endpoint->flags & ENDPOINT_CONTROL) != 0);
	call->body.file_begins = file_begins;
	call->body.context = call;
	call->timer = evtimer_new(sandbox->base, call_on_timer, call);
	answer_init(&call->answer, 0);
	LIST_INSERT_HEAD(&sandbox->calls, call, entry);
	exchange_set_data(exchange, call);
	return call;
}

void
call_free(struct call *call)
{
	LIST_REMOVE(call, entry);
	event_free(call->timer);
	free(call->method);
	free(call->path);
	free(call->authorization);
	fields_free(&call->query);
	body_fini(&call->body);
	fault_release(call->fault);
	free(call->facts.passed);
	answer_fini(&call->answer);
	free(call->log_title);
	free(call->log_itemid);
	free(call);
}

static void
pick_fault(struct call *call, bool final)
{
	struct fault_facts *facts = &call->facts;
	struct user *user = call_log_user(call);

	if (call->fault != NULL || (call->endpoint->flags & ENDPOINT_CONTROL) != 0)
		return;
	call_log_learn(call);
	facts->endpoint = call->endpoint->name;
	facts->method = call->method;
	facts->path = call->path;
	facts->user = user != NULL ? user->username : NULL;
	facts->userid = user != NULL ? user->userid : NULL;
	facts->title = call->log_title;
	facts->itemid = call->log_itemid;
	facts->final = final;
	call->fault = faults_pick(call->sandbox->faults, facts);
}

/* Only storage requests have these, and they are in the path. */
static void
set_storage_facts(struct call *call, char **bucket, char **key)
{
	if (!s3_locate(call, bucket, key))
		return;
	call->facts.bucket = *bucket;
	call->facts.key = *key;
}

static bool
half_is_read(const struct call *call)
{
	uint64_t whole = exchange_request(call->exchange)->content_length;

	if (exchange_request(call->exchange)->chunked)
		return call->body.received_bytes >= CHUNKED_HALF_BYTES ||
		       exchange_is_complete(call->exchange);
	return call->body.received_bytes * 2 >= whole;
}

static void
begin(struct sandbox *sandbox, struct exchange *exchange, const struct endpoint *endpoint)
{
	struct call *call = call_new(sandbox, exchange, endpoint);
	char *bucket = NULL, *key = NULL;

	if ((endpoint->flags & ENDPOINT_CONTROL) == 0)
		ledger_count_request(sandbox->ledger, endpoint->name);
	if ((endpoint->flags & ENDPOINT_STORAGE) != 0)
		set_storage_facts(call, &bucket, &key);
	pick_fault(call, false);
	call->facts.bucket = call->facts.key = NULL;
	free(bucket);
	free(key);
	if (call_has_fault(call, FAULT_RESET_BEFORE) || call_has_fault(call, FAULT_DEAF)) {
		call_finish(call);
	} else if (call->fault != NULL && call->fault->early) {
		call_refuse(call);
	} else if (sandbox->settings.early_errors && call->fault == NULL &&
		   !gate_admit(call, &call->answer)) {
		call_finish(call);
	} else if (sandbox->settings.send_continue) {
		exchange_continue(exchange);
	}
}

static void
on_site_headers(void *context, struct exchange *exchange)
{
	begin(context, exchange, router_find(exchange_request(exchange)));
}

static void
on_storage_headers(void *context, struct exchange *exchange)
{
	begin(context, exchange, router_storage());
}

/* The title is known before the file is read, if the client sends it first. */
static void
file_begins(void *context)
{
	pick_fault(context, false);
}

static void
on_body(void *context, struct exchange *exchange, const char *data, size_t length)
{
	struct call *call = exchange_data(exchange);

	(void)context;
	if (call->step != CALL_READING)
		return;
	body_feed(&call->body, data, length);
	if (call_has_fault(call, FAULT_RESET_BEFORE) || call_has_fault(call, FAULT_DEAF) ||
	    (call_has_fault(call, FAULT_RESET_MIDDLE) && half_is_read(call))) {
		call_finish(call);
	} else if (call_has_fault(call, FAULT_STALL) && half_is_read(call)) {
		exchange_stall(exchange);
		call->step = CALL_HANGING;
	}
}

static void
on_complete(void *context, struct exchange *exchange)
{
	struct call *call = exchange_data(exchange);
	int64_t delay_ms = 0;

	(void)context;
	body_finish(&call->body);
	pick_fault(call, true);
	call_log_learn(call);
	if (call_has_fault(call, FAULT_RESET_BEFORE) || call_has_fault(call, FAULT_RESET_MIDDLE) ||
	    call_has_fault(call, FAULT_STALL) || call_has_fault(call, FAULT_DEAF)) {
		call_finish(call);
		return;
	}
	if ((call->endpoint->flags & (ENDPOINT_CONTROL | ENDPOINT_STORAGE)) == 0)
		delay_ms = call->sandbox->settings.latency_ms;
	if (call->fault != NULL)
		delay_ms += call->fault->delay_ms;
	if (delay_ms > 0)
		call_wait(call, CALL_DELAYED, delay_ms);
	else
		call_run(call);
}

/*
 * A whole request takes effect whether or not its client waits for it; half a request, and one that
 * hangs, end here.
 */
static void
on_gone(void *context, struct exchange *exchange)
{
	struct call *call = exchange_data(exchange);

	(void)context;
	if (call->step == CALL_READING || call->step == CALL_HANGING)
		call_end(call, "gone", exchange_close);
}

static void
on_release(void *context, struct exchange *exchange)
{
	struct call *call = exchange_data(exchange);

	(void)context;
	call->exchange = NULL;
	if (!event_pending(call->timer, EV_TIMEOUT, NULL))
		call_free(call);
}

const struct http_handler call_site_handler = {NULL,        on_site_headers, on_body,
					       on_complete, on_gone,         on_release};
const struct http_handler call_storage_handler = {NULL,    on_storage_headers, on_body, on_complete,
						  on_gone, on_release};
