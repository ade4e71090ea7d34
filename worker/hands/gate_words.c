/*
 * gate_words.c - what a gate is, in words and as JSON.                 [commands]
 *
 * Pure.
 */
#include "worker/hands/gate_words.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "worker/explain/words.h"
#include "worker/hands/output.h"

/* A line that grows; what does not fit is cut. */
struct line {
	char *out;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static void
add(struct line *line, const char *format, ...)
{
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(line->out + line->size, GATE_TEXT_SIZE - line->size, format, arguments);
	va_end(arguments);
	if (size > 0)
		line->size += (size_t)size < GATE_TEXT_SIZE - line->size
				      ? (size_t)size
				      : GATE_TEXT_SIZE - line->size - 1;
}

static void
add_when(struct line *line, const struct gate_view *view, int64_t at_ms)
{
	char when[WORDS_WHEN_SIZE];

	add(line, "%s", words_when(at_ms, view->now_ms, when));
}

/* ---- circuits ---- */

struct circuit {
	bool closed, probing;
	int64_t until_ms;
};

static struct circuit
circuit_of(const struct gate_view *view)
{
	const struct facts_gates *gates = &view->gates;

	return view->is_application ? (struct circuit){.closed = gates->application_closed,
						       .probing = gates->application_probing,
						       .until_ms = gates->application_until_ms}
				    : (struct circuit){.closed = gates->circuit_closed,
						       .probing = gates->circuit_probing,
						       .until_ms = gates->circuit_until_ms};
}

static const char *
circuit_state(const struct circuit *circuit)
{
	if (circuit->closed)
		return "closed";
	return circuit->probing || circuit->until_ms == FACTS_NONE ? "half_open" : "open";
}

static void
add_circuit(struct line *line, const struct gate_view *view)
{
	struct circuit circuit = circuit_of(view);

	if (circuit.closed) {
		add(line, "closed");
		return;
	}
	if (circuit.until_ms == FACTS_NONE) {
		add(line, "half open: the next post tries whether DeviantArt is willing again");
		return;
	}
	add(line, circuit.probing ? "half open: one post tries whether DeviantArt is willing "
				    "again, at most until "
				  : "open until ");
	add_when(line, view, circuit.until_ms);
}

static void
add_refusals(struct line *line, const struct gate_view *view)
{
	if (!view->is_application && view->gates.refusals > 0)
		add(line, "; DeviantArt has refused %" PRId64 " in a row, %d open it",
		    view->gates.refusals, view->threshold);
	if (!view->is_application && !view->breaker_enabled)
		add(line, "; CIRCUIT_BREAKER_ENABLED is off, nobody heeds it");
}

static void
say_circuit(struct line *line, const struct gate_view *view, bool reset)
{
	add(line, "the circuit is ");
	if (!reset) {
		add_circuit(line, view);
		add_refusals(line, view);
		return;
	}
	if (gate_is_open(view, HANDS_BREAKER)) {
		add(line, "closed already; nothing was changed");
		return;
	}
	add(line, "closed; it was ");
	add_circuit(line, view);
	add_refusals(line, view);
	if (!view->is_application && view->gates.blocked_until_ms != FACTS_NONE) {
		add(line, "; that DeviantArt asked to wait until ");
		add_when(line, view, view->gates.blocked_until_ms);
		add(line, " still holds: \"limit %s --reset\" takes it back", view->who);
	}
}

/* ---- paces ---- */

static int64_t
delay_of(const struct gate_view *view)
{
	return view->gates.delay_ms != FACTS_NONE && view->gates.delay_ms > view->base_delay_ms
		       ? view->gates.delay_ms
		       : view->base_delay_ms;
}

static void
add_pace(struct line *line, const struct gate_view *view)
{
	char span[WORDS_SPAN_SIZE];

	if (view->base_delay_ms == FACTS_NONE)
		add(line, "no pace (RATE_LIMITER_ENABLED is off)");
	else
		add(line, "a file every %s", words_span(delay_of(view), span));
	if (view->in_line > 0) {
		add(line, "; %" PRId64 " in line, the last of them until ", view->in_line);
		add_when(line, view, view->last_slot_ms);
	}
	if (view->gates.blocked_until_ms != FACTS_NONE) {
		add(line, "; DeviantArt asked to wait until ");
		add_when(line, view, view->gates.blocked_until_ms);
	}
}

static void
say_pace(struct line *line, const struct gate_view *view, bool reset)
{
	char span[WORDS_SPAN_SIZE];

	if (reset && gate_is_open(view, HANDS_LIMIT)) {
		add(line, "nothing holds the posts back; nothing was changed");
		return;
	}
	if (reset && view->base_delay_ms != FACTS_NONE)
		add(line, "begins anew with a file every %s; it was ",
		    words_span(view->base_delay_ms, span));
	else if (reset)
		add(line, "nothing holds the posts back any more; it was ");
	add_pace(line, view);
}

static void
add_concurrency(struct line *line, const struct queue_limits *limits)
{
	if (limits->concurrency >= 0)
		add(line, "; at most %" PRId64 " at a time, %" PRId64 " are in hand",
		    limits->concurrency, limits->active);
}

static void
say_queue(struct line *line, const struct gate_view *view, bool reset)
{
	const struct queue_limits *limits = &view->limits;
	char period[WORDS_SPAN_SIZE], shut[WORDS_SPAN_SIZE];

	if (reset && limits->shut_ms == 0) {
		add(line, "the queue's rate limit is open already");
		add_concurrency(line, limits);
		return;
	}
	if (reset)
		add(line, "the queue's rate limit begins anew; it was shut for %s more; ",
		    words_span(limits->shut_ms, shut));
	if (limits->max < 0)
		add(line, "no limit to how many jobs are started");
	else
		add(line, "at most %" PRId64 " jobs are started in %s", limits->max,
		    words_span(limits->period_ms, period));
	if (!reset && limits->shut_ms > 0)
		add(line, "; it is used up for %s more", words_span(limits->shut_ms, shut));
	add_concurrency(line, limits);
}

/* ---- both ---- */

bool
gate_is_open(const struct gate_view *view, enum hands_gate gate)
{
	struct circuit circuit = circuit_of(view);

	if (gate == HANDS_BREAKER)
		return circuit.closed && (view->is_application || view->gates.refusals == 0);
	if (view->is_application)
		return view->limits.shut_ms == 0;
	return view->in_line == 0 && view->gates.blocked_until_ms == FACTS_NONE &&
	       (view->base_delay_ms == FACTS_NONE || delay_of(view) == view->base_delay_ms);
}

const char *
gate_words(const struct gate_view *view, enum hands_gate gate, bool reset, int64_t woken,
	   char out[GATE_TEXT_SIZE])
{
	struct line line = {.out = out};
	char who[300];

	out[0] = '\0';
	if (view->is_application)
		add(&line, "everybody: ");
	else
		add(&line, "user %s: ", words_clean(who, sizeof(who), view->who));
	if (gate == HANDS_BREAKER)
		say_circuit(&line, view, reset);
	else if (view->is_application)
		say_queue(&line, view, reset);
	else
		say_pace(&line, view, reset);
	if (reset && woken > 0)
		add(&line,
		    woken == 1 ? "; %" PRId64 " post that waited is looked at now"
			       : "; %" PRId64 " posts that waited are looked at now",
		    woken);
	return out;
}

static void
add_limit(cJSON *to, const char *name, int64_t number)
{
	if (number >= 0)
		cJSON_AddNumberToObject(to, name, (double)number);
	else
		cJSON_AddNullToObject(to, name);
}

static void
circuit_json(cJSON *to, const struct gate_view *view)
{
	struct circuit circuit = circuit_of(view);

	cJSON_AddStringToObject(to, "state", circuit_state(&circuit));
	output_time(to, "until", circuit.until_ms);
	cJSON_AddBoolToObject(to, "probing", circuit.probing);
	if (!view->is_application)
		cJSON_AddNumberToObject(to, "refusals", (double)view->gates.refusals);
}

static void
queue_json(cJSON *to, const struct queue_limits *limits)
{
	add_limit(to, "max", limits->max);
	add_limit(to, "periodMs", limits->period_ms);
	add_limit(to, "shutForMs", limits->shut_ms);
	add_limit(to, "concurrency", limits->concurrency);
	add_limit(to, "active", limits->active);
}

static void
pace_json(cJSON *to, const struct gate_view *view)
{
	add_limit(to, "delayMs", view->base_delay_ms == FACTS_NONE ? -1 : delay_of(view));
	add_limit(to, "waiting", view->in_line);
	output_time(to, "lastAt", view->in_line > 0 ? view->last_slot_ms : FACTS_NONE);
	output_time(to, "askedToWaitUntil", view->gates.blocked_until_ms);
}

void
gate_json(struct cJSON *to, const struct gate_view *view, enum hands_gate gate, bool reset,
	  int64_t woken)
{
	if (view->is_application)
		cJSON_AddBoolToObject(to, "everybody", true);
	else
		output_text(to, "userId", view->who);
	if (gate == HANDS_BREAKER)
		circuit_json(to, view);
	else if (view->is_application)
		queue_json(to, &view->limits);
	else
		pace_json(to, view);
	if (!reset)
		return;
	cJSON_AddBoolToObject(to, "changed", !gate_is_open(view, gate));
	cJSON_AddNumberToObject(to, "woken", (double)woken);
}
