#ifndef SANDBOX_CALL_RUN_H
#define SANDBOX_CALL_RUN_H
/*
 * call_run.h - a call from its last byte on: delay, effect, answer.    [sandbox]
 */
#include "tests/sandbox/call.h"

bool call_has_fault(const struct call *call, enum fault_action action);

/* Goes on with call_on_timer() after the delay. */
void call_wait(struct call *call, enum call_step step, int64_t delay_ms);
void call_on_timer(int fd, short what, void *context);

/* The whole request is there, and its time has come. */
void call_run(struct call *call);

/* Answers with what the fault says, without any effect. */
void call_refuse(struct call *call);

/* The answer is made: out with it, or with the connection, as the fault wants it. */
void call_finish(struct call *call);

/* Ends the exchange without an answer; the outcome is for the log. */
void call_end(struct call *call, const char *outcome, void (*end)(struct exchange *));

void call_free(struct call *call);

#endif
