#ifndef WORKER_EXPLAIN_COMPLAINT_H
#define WORKER_EXPLAIN_COMPLAINT_H
/*
 * complaint.h - why a command could not do what it was asked, on standard error.   [commands]
 *
 * Each gives the exit status that says the same.
 */
#include "common/failure.h"

/* A server that could not be asked, and the setting that says where it is: 69. */
int complaint_of_server(const char *server, const char *setting, const struct failure *why);

/* Nothing is called so: 1. */
int complaint_of_id(const char *id);

int complaint_of_memory(void);

#endif
