#ifndef SANDBOX_STASH_H
#define SANDBOX_STASH_H
/*
 * stash.h - POST /stash/submit (deviantart-api.md 5).                  [sandbox]
 */
struct answer;
struct call;

void stash_submit(struct call *call, struct answer *answer);

#endif
