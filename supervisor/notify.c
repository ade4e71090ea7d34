/*
 * notify.c - tells systemd how the service is, where systemd asks.     [supervisor]
 *
 * Invariant: a datagram that cannot be sent at once is not sent.
 */
#include "supervisor/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int notify_fd = -1;
static struct sockaddr_un address;
static socklen_t address_size;
static bool has_watchdog;

void
notify_setup(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const char *watchdog = getenv("WATCHDOG_USEC");
	size_t size = path != NULL ? strlen(path) : 0;

	if (size < 2 || size >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, size);
	if (path[0] == '@') /* an abstract address */
		address.sun_path[0] = '\0';
	address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	has_watchdog = watchdog != NULL && watchdog[0] != '\0';
}

static void
send_text(const char *text)
{
	if (notify_fd >= 0)
		(void)sendto(notify_fd, text, strlen(text), MSG_NOSIGNAL,
			     (const struct sockaddr *)&address, address_size);
}

void
notify_ready(void)
{
	send_text("READY=1");
}

void
notify_reloading(void)
{
	struct timespec now;
	char text[80];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		       (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	send_text(text);
}

void
notify_stopping(void)
{
	send_text("STOPPING=1");
}

void
notify_alive(void)
{
	if (has_watchdog)
		send_text("WATCHDOG=1");
}

void
notify_status(const char *format, ...)
{
	char text[200] = "STATUS=";
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text + used, sizeof(text) - used, format, arguments);
	va_end(arguments);
	send_text(text);
}
