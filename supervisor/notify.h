#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H
/*
 * notify.h - tells systemd how the service is, where systemd asks.     [supervisor]
 *
 * sd_notify(3): a datagram to the socket that $NOTIFY_SOCKET names. Without that variable every
 * call does nothing; no call blocks or fails.
 */
#include "common/failure.h"

/* Reads $NOTIFY_SOCKET and $WATCHDOG_USEC. Once, before the others. */
void notify_setup(void);

void notify_ready(void);
/* RELOADING=1 with its time; systemd expects notify_ready() after it, however the reload ended. */
void notify_reloading(void);
void notify_stopping(void);
/* Keeps the watchdog quiet; call it more often than every $WATCHDOG_USEC. */
void notify_alive(void);
/* One line for `systemctl status`. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
