#ifndef WORKER_SHORTAGE_H
#define WORKER_SHORTAGE_H
/*
 * shortage.h - is this process out of memory for good?                  [worker]
 *
 * Libraries tell in many ways that they were denied memory, and some only by a connection that
 * seems lost. So nobody is asked to tell: whoever was let down, whatever the reason that was given,
 * looks whether there is memory. A look costs a few microseconds.
 */
#include <stdbool.h>

struct tools;

/*
 * True: what one job needs of memory cannot be had, or libcrypto got none when it needed it and
 * gives no random numbers any more; and so for a whole second (in which orders are heard): an
 * allocation that failed alone, or a peak of somebody else's, is over by then. Said in the log
 * once, and remembered: from then on the answer is true without a wait.
 */
bool shortage_is_for_good(struct tools *tools);

#endif
