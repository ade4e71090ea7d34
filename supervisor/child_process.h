#ifndef SUPERVISOR_CHILD_PROCESS_H
#define SUPERVISOR_CHILD_PROCESS_H
/*
 * child_process.h - the first steps of a freshly forked child.         [worker, dispatcher]
 */
#include <sys/types.h>

#include "worker/worker.h"

struct health;

/*
 * Turns the copy of a supervisor into a child: signals, parent-death signal, descriptors, names;
 * then worker_main() or dispatcher_main(). Called with all signals blocked. health may be NULL.
 */
_Noreturn void child_process(const struct child *child, pid_t supervisor, struct health *health);

#endif
