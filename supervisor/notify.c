/*
 * notify.c - tells systemd how the service is, where systemd asks.     [supervisor]
 *
 * Invariant: nothing waits for systemd. A change of state that it does not take at once is kept,
 * and sent in its order; anything else is sent again by itself, newer.
 */
#include "supervisor/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"

#define MESSAGE_SIZE 96
/* States that wait to be told; of more, the oldest are history. */
#define OWED_MOST 4

static int notify_fd = -1;
static struct sockaddr_un address;
static socklen_t address_size;
static uint64_t watchdog_us;
static char owed[OWED_MOST][MESSAGE_SIZE];
static size_t owed_count;
static char told_status[NOTIFY_STATUS_SIZE];

/* ---------------------------------------------------------------- what systemd asks for */

static void
complain(const char *name, const char *value, const char *why)
{
	log_event(LOG_WARN, "systemd's request is not understood and left alone",
		  (struct log_field[]){LOG_STR("variable", name), LOG_STR("value", value),
				       LOG_STR("error", why), LOG_END});
}

/* A path, or an abstract address that is written with "@" for its first byte. */
static void
open_socket(const char *path)
{
	size_t size = strlen(path);

	if (size < 2 || (path[0] != '/' && path[0] != '@')) {
		complain("NOTIFY_SOCKET", path, "it is no path and no abstract address");
		return;
	}
	/* The kernel takes a path that fills the room and has no NUL behind it. */
	if (size > sizeof(address.sun_path)) {
		complain("NOTIFY_SOCKET", path, "it is too long for a socket");
		return;
	}
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, size);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify_fd < 0)
		complain("NOTIFY_SOCKET", path, strerror(errno));
}

/* A whole number above 0, digits only. */
static bool
parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *number > 0;
}

/* sd_watchdog_enabled(3): a $WATCHDOG_PID that names another process means that one. */
static void
read_watchdog(const char *interval, const char *pid)
{
	uint64_t number;

	if (pid != NULL && !parse_number(pid, &number))
		complain("WATCHDOG_PID", pid, "it is no process id");
	else if (pid != NULL && number != (uint64_t)getpid())
		return;
	else if (!parse_number(interval, &number) || number == UINT64_MAX)
		complain("WATCHDOG_USEC", interval, "it is no number of microseconds");
	else
		watchdog_us = number;
}

void
notify_setup(void)
{
	/* Their memory stays ours after unsetenv(3). */
	const char *path = getenv("NOTIFY_SOCKET");
	const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (path != NULL && path[0] != '\0')
		open_socket(path);
	if (interval != NULL && interval[0] != '\0')
		read_watchdog(interval, pid);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

bool
notify_is_on(void)
{
	return notify_fd >= 0;
}

/* ---------------------------------------------------------------- sending */

static bool
send_text(const char *text)
{
	size_t size = strlen(text);

	return notify_fd >= 0 &&
	       sendto(notify_fd, text, size, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		      address_size) == (ssize_t)size;
}

static void
drop_oldest(void)
{
	owed_count--;
	memmove(owed[0], owed[1], owed_count * sizeof(owed[0]));
}

void
notify_again(void)
{
	while (owed_count > 0 && send_text(owed[0]))
		drop_oldest();
}

/* A service of Type=notify is nothing but what it has said of its state. */
static void
tell_state(const char *text)
{
	if (notify_fd < 0)
		return;
	notify_again();
	if (owed_count == 0) {
		if (send_text(text))
			return;
		log_event(LOG_WARN, "systemd does not take what it is told; trying again",
			  (struct log_field[]){LOG_STR("error", strerror(errno)), LOG_END});
	}
	if (owed_count == OWED_MOST)
		drop_oldest();
	(void)snprintf(owed[owed_count++], MESSAGE_SIZE, "%s", text);
}

void
notify_ready(void)
{
	tell_state("READY=1");
}

void
notify_reloading(void)
{
	struct timespec now;
	char text[MESSAGE_SIZE];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		       (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell_state(text);
}

void
notify_stopping(void)
{
	tell_state("STOPPING=1");
}

uint64_t
notify_watchdog_us(void)
{
	return notify_fd < 0 ? 0 : (watchdog_us + 1) / 2;
}

void
notify_alive(void)
{
	(void)send_text("WATCHDOG=1");
}

void
notify_extend(int64_t for_ms)
{
	char text[MESSAGE_SIZE];

	(void)snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%" PRId64, for_ms * 1000);
	(void)send_text(text);
}

/* A line break would begin another message: an error text of others must not be able to. */
static void
make_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			*text = ' ';
}

void
notify_status(const char *line)
{
	static const char head[] = "STATUS=";
	char text[sizeof(head) - 1 + NOTIFY_STATUS_SIZE];
	char *status = text + sizeof(head) - 1;

	if (notify_fd < 0)
		return;
	memcpy(text, head, sizeof(head));
	(void)text_copy(status, NOTIFY_STATUS_SIZE, line);
	make_one_line(status);
	if (strcmp(status, told_status) != 0 && send_text(text))
		(void)snprintf(told_status, sizeof(told_status), "%s", status);
}
