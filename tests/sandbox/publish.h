#ifndef SANDBOX_PUBLISH_H
#define SANDBOX_PUBLISH_H
/*
 * publish.h - POST /stash/publish (deviantart-api.md 6).               [sandbox]
 */
struct answer;
struct call;

void publish_endpoint(struct call *call, struct answer *answer);

/* A publish request whose effect a fault takes away: it was sent, so the ledger has it. */
void publish_note_refused(struct call *call);

#endif
