#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H
/*
 * notify.h - tells systemd how the service is, where systemd asks.     [supervisor]
 *
 * sd_notify(3): a datagram to the socket that $NOTIFY_SOCKET names. Without that variable every
 * call does nothing; no call blocks or fails.
 */
#include <stdbool.h>
#include <stdint.h>

/* What is kept of a status line, its end included. */
#define NOTIFY_STATUS_SIZE 400

/*
 * Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID and takes them out of the environment:
 * they are for this process alone. Once, before the others and before the first fork; says in the
 * log what it does not understand.
 */
void notify_setup(void);
/* Somebody listens: what costs something to find out is worth finding out. */
bool notify_is_on(void);

void notify_ready(void);
/* RELOADING=1 with its time; systemd expects notify_ready() after it, however the reload ended. */
void notify_reloading(void);
void notify_stopping(void);
/* Sends what of the three above could not be sent when it was due. */
void notify_again(void);

/* How often notify_alive() is wanted: half of $WATCHDOG_USEC, in microseconds; 0: not at all. */
uint64_t notify_watchdog_us(void);
void notify_alive(void);

/* What is being done takes so long from now on, whatever the unit's time limits are. */
void notify_extend(int64_t for_ms);

/* One line for `systemctl status`; sent only if it is another than the last. Control characters
 * become blanks. */
void notify_status(const char *line);

#endif
