#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H
/*
 * control.h - the sandbox's own interface, /_sandbox/...               [sandbox]
 */
struct answer;
struct call;

void control_endpoint(struct call *call, struct answer *answer);

#endif
