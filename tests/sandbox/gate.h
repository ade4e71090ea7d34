#ifndef SANDBOX_GATE_H
#define SANDBOX_GATE_H
/*
 * gate.h - the rules that hold for every API call (deviantart-api.md 4, 8). [sandbox]
 */
#include <stdbool.h>

struct answer;
struct call;

/*
 * CDN rules, limits (once a call), access token, in this order. True: call->user is the owner of
 * the token, if the endpoint needs one. False: *answer is the refusal.
 */
bool gate_admit(struct call *call, struct answer *answer);

#endif
