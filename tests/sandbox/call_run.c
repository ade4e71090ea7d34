/*
 * call_run.c - a call from its last byte on: delay, effect, answer.    [sandbox]
 */
#include "tests/sandbox/call_run.h"

#include <event2/event.h>

#include "tests/sandbox/call_log.h"
#include "tests/sandbox/gate.h"
#include "tests/sandbox/router.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/shape.h"
#include "tests/sandbox/text.h"

bool
call_has_fault(const struct call *call, enum fault_action action)
{
	return call->fault != NULL && call->fault->action == action;
}

void
call_wait(struct call *call, enum call_step step, int64_t delay_ms)
{
	struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};

	call->step = step;
	(void)event_add(call->timer, &delay);
}

static void
send_answer(struct call *call)
{
	struct answer answer = call->answer;
	const char *retry_after = http_headers_get(&answer.headers, "Retry-After");

	answer_init(&call->answer, 0);
	if (retry_after == NULL || !text_parse_integer(retry_after, &call->retry_after_s))
		call->retry_after_s = 0;
	if (call->step != CALL_EFFECT_LATE)
		call->step = CALL_ANSWERED;
	call_log_end(call, NULL, answer.status);
	exchange_answer(call->exchange, &answer);
}

void
call_end(struct call *call, const char *outcome, void (*end)(struct exchange *))
{
	if (call->step != CALL_EFFECT_LATE)
		call->step = CALL_ANSWERED;
	call_log_end(call, outcome, 0);
	end(call->exchange);
}

static bool
is_deaf(const struct call *call)
{
	return call_has_fault(call, FAULT_DEAF) || call_has_fault(call, FAULT_DEAF_AFTER);
}

void
call_finish(struct call *call)
{
	if (call_has_fault(call, FAULT_RESET_AFTER) || call_has_fault(call, FAULT_RESET_MIDDLE) ||
	    call_has_fault(call, FAULT_RESET_BEFORE)) {
		call_end(call, "reset", exchange_reset);
	} else if (call_has_fault(call, FAULT_CLOSE)) {
		call_end(call, "closed", exchange_close);
	} else if (is_deaf(call)) {
		call->step = CALL_HANGING;
		exchange_deafen(call->exchange);
	} else if (call_has_fault(call, FAULT_HANG) || call_has_fault(call, FAULT_STALL)) {
		call->step = CALL_HANGING;
		if (exchange_client_gone(call->exchange))
			call_end(call, "gone", exchange_close);
	} else {
		send_answer(call);
	}
}

static void
work(struct call *call, struct answer *answer)
{
	if (gate_admit(call, answer)) {
		call->endpoint->handle(call, answer);
		call->user = NULL;
	}
}

/* The answer that goes out: the endpoint's, or the fault's alone. */
static void
make_answer(struct call *call, bool effect, bool late)
{
	if (effect)
		work(call, &call->answer);
	else if (!late && call->endpoint->without_effect != NULL)
		call->endpoint->without_effect(call);
	if (call->fault != NULL)
		shape_by_fault(&call->answer, call->fault, effect);
	if ((call->endpoint->flags & (ENDPOINT_CONTROL | ENDPOINT_STORAGE)) == 0)
		shape_by_settings(&call->answer, &call->sandbox->settings, call->takes_gzip);
}

void
call_refuse(struct call *call)
{
	make_answer(call, false, false);
	call_finish(call);
}

void
call_run(struct call *call)
{
	const struct fault *fault = call->fault;
	bool late = fault != NULL && fault->effect_delay_ms > 0 &&
		    (call->endpoint->flags & ENDPOINT_LATE_EFFECT) != 0;
	bool effect = (fault == NULL || fault->effect) && !late;

	/* What hangs before its effect can still be released to have it. */
	if (call_has_fault(call, FAULT_HANG) && !fault->effect) {
		call_finish(call);
		return;
	}
	make_answer(call, effect, late);
	if (late)
		call_wait(call, CALL_EFFECT_LATE, fault->effect_delay_ms);
	if (!late && fault != NULL && fault->answer_delay_ms > 0)
		call_wait(call, CALL_ANSWER_DELAYED, fault->answer_delay_ms);
	else
		call_finish(call);
}

static void
late_effect(struct call *call)
{
	struct answer unsent;

	work(call, &unsent);
	answer_fini(&unsent);
	call_free(call);
}

void
call_on_timer(evutil_socket_t fd, short what, void *context)
{
	struct call *call = context;

	(void)fd;
	(void)what;
	if (call->step == CALL_DELAYED)
		call_run(call);
	else if (call->step == CALL_ANSWER_DELAYED)
		call_finish(call);
	else if (call->exchange == NULL)
		late_effect(call);
	else /* the answer is still on its way: the effect waits for it */
		call_wait(call, call->step, 10);
}

size_t
call_release_hanging(struct sandbox *sandbox)
{
	struct call *call, *next;
	size_t released = 0;

	for (call = LIST_FIRST(&sandbox->calls); call != NULL; call = next) {
		bool effect_done;

		next = LIST_NEXT(call, entry);
		if (call->step != CALL_HANGING)
			continue;
		released++;
		if (call_has_fault(call, FAULT_STALL) || is_deaf(call)) {
			call_end(call, "reset", exchange_reset);
			continue;
		}
		effect_done = call->fault->effect;
		fault_release(call->fault);
		call->fault = NULL;
		if (effect_done)
			call_finish(call);
		else
			call_run(call);
	}
	return released;
}

void
call_abandon_all(struct sandbox *sandbox)
{
	struct call *call, *next;

	for (call = LIST_FIRST(&sandbox->calls); call != NULL; call = next) {
		next = LIST_NEXT(call, entry);
		(void)event_del(call->timer);
		if (call->exchange != NULL)
			exchange_close(call->exchange);
		else
			call_free(call);
	}
}
