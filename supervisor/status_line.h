#ifndef SUPERVISOR_STATUS_LINE_H
#define SUPERVISOR_STATUS_LINE_H
/*
 * status_line.h - how the pool does, in one line for `systemctl status`. [supervisor]
 */
#include <stddef.h>
#include <stdint.h>

#include "health/view.h"

/* What the supervisor does besides; the pool's phase is in the view. */
enum status_doing {
	STATUS_STARTING,
	STATUS_SERVING,
	STATUS_RELOADING,
	STATUS_FINISHING, /* a drain: jobs in hand may go on for left_ms */
	STATUS_STOPPING,  /* they are given back now */
	STATUS_STOPPED
};

/*
 * Writes "4/5 busy, 340 waiting, oldest due 42 s, 1 breaker open" or what else is to be said into
 * out (size bytes, at least 1). Pure. What the dispatcher does not know at the moment is called
 * unknown; a reason why the pool is not ready comes first, as in /ready.
 */
void status_line(char *out, size_t size, const struct health_view *view, enum status_doing doing,
		 int64_t left_ms);

#endif
