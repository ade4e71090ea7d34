#ifndef WORKER_HANDS_GATE_WORDS_H
#define WORKER_HANDS_GATE_WORDS_H
/*
 * gate_words.h - what a gate is, in words and as JSON.                 [commands]
 *
 * Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/queue/queue.h"
#include "worker/explain/facts.h"
#include "worker/hands/hands.h"

struct cJSON;

/* The gates of a user, or of everybody, as they were before anything was changed. */
struct gate_view {
	const char *who; /* borrowed; HANDS_APPLICATION: everybody's */
	bool is_application;
	int64_t now_ms; /* Redis' clock */
	struct facts_gates gates;
	int64_t in_line, last_slot_ms; /* places in a user's line, and when the last one's is */
	struct queue_limits limits;    /* of everybody */
	int64_t base_delay_ms;         /* of the settings; FACTS_NONE: nobody is paced */
	int threshold;                 /* refusals in a row that open a circuit */
	bool breaker_enabled;
};

/* Whether it holds nothing back, and opening it would change nothing. */
bool gate_is_open(const struct gate_view *view, enum hands_gate gate);

/* A line, without its end. reset: the gate was opened; woken: so many posts that waited for it. */
#define GATE_TEXT_SIZE 800
const char *gate_words(const struct gate_view *view, enum hands_gate gate, bool reset,
		       int64_t woken, char out[GATE_TEXT_SIZE]);

/* The same as members of an object. */
void gate_json(struct cJSON *to, const struct gate_view *view, enum hands_gate gate, bool reset,
	       int64_t woken);

#endif
