#ifndef SANDBOX_CALL_LOG_H
#define SANDBOX_CALL_LOG_H
/*
 * call_log.h - what is told of a call: for faults, the request log, the state. [sandbox]
 */
struct call;
struct user;

/* Title and itemid, from the fields that are there so far. */
void call_log_learn(struct call *call);

/* Whose request it is, by access token or refresh token; NULL: not known (yet). */
struct user *call_log_user(struct call *call);

/* The one line of the request log, and the count. `outcome` NULL: the status. */
void call_log_end(struct call *call, const char *outcome, int status);

#endif
