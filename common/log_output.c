/*
 * log_output.c - the writes of log.c.                                  [every process]
 *
 * How it is kept that a write never blocks depends on what standard output is:
 *   pipe, terminal   opened again through /proc, which gives a file description of our own that may
 * be O_NONBLOCK without changing that of the shell we share it with socket send(MSG_DONTWAIT)
 *   anything else    a file or /dev/null, which never wait
 * Where it cannot be opened again (it belongs to another user), RWF_NOWAIT asks for the same per
 * write, and where the kernel does not know that for pipes (before 6.4), poll() tells whether a
 * page is free.
 */
#include "common/log_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define WRITE_TRIES 3 /* after EINTR; then the line is dropped */

/* How a line leaves. */
enum output {
	OUTPUT_UNKNOWN,
	OUTPUT_DIRECT, /* a write cannot block */
	OUTPUT_SOCKET,
	OUTPUT_SHARED, /* a write could block; ask first */
	OUTPUT_CLOSED
};

static enum output output = OUTPUT_UNKNOWN;
static bool set_up;
static uint64_t dropped;
static bool torn;

/* Gives descriptor 1 a file description of our own that does not block. */
static bool
reopen_nonblocking(void)
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = dup2(fd, STDOUT_FILENO) == STDOUT_FILENO;
	close(fd);
	return done;
}

/* `ours`: standard output may be made fit; else it is taken as it is (a test, a tool). */
static enum output
choose_output(bool ours)
{
	struct stat status;

	if (fstat(STDOUT_FILENO, &status) < 0) {
		if (!ours)
			return OUTPUT_CLOSED;
		/* Closed. The number must not go to a connection, or our lines would go into it. */
		int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (fd >= 0 && fd != STDOUT_FILENO) {
			dup2(fd, STDOUT_FILENO);
			close(fd);
		}
		return OUTPUT_CLOSED;
	}
	if (S_ISSOCK(status.st_mode))
		return OUTPUT_SOCKET;
	if (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(STDOUT_FILENO)))
		return ours && reopen_nonblocking() ? OUTPUT_DIRECT : OUTPUT_SHARED;
	return OUTPUT_DIRECT;
}

void
log_output_setup(void)
{
	if (set_up)
		return;
	set_up = true;
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(), no more */
	output = choose_output(true);
}

static ssize_t
write_shared(const char *line, size_t size)
{
	struct iovec piece = {.iov_base = (void *)(uintptr_t)line, .iov_len = size};
	struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
	ssize_t written = pwritev2(STDOUT_FILENO, &piece, 1, -1, RWF_NOWAIT);

	if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
		return written;
	if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(STDOUT_FILENO, line, size);
}

static ssize_t
write_once(const char *line, size_t size)
{
	if (output == OUTPUT_UNKNOWN)
		output = choose_output(false);
	switch (output) {
	case OUTPUT_DIRECT:
		return write(STDOUT_FILENO, line, size);
	case OUTPUT_SOCKET:
		return send(STDOUT_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	case OUTPUT_SHARED:
		return write_shared(line, size);
	case OUTPUT_UNKNOWN:
	case OUTPUT_CLOSED:
	default:
		errno = EBADF;
		return -1;
	}
}

bool
log_output_write(const char *line, size_t size)
{
	ssize_t written = -1;

	for (int attempt = 0; attempt < WRITE_TRIES; attempt++) {
		written = write_once(line, size);
		if (written >= 0 || errno != EINTR)
			break;
	}
	if (written > 0)
		torn = (size_t)written < size;
	if (written != (ssize_t)size) {
		dropped++;
		return false;
	}
	return true;
}

bool
log_output_torn(void)
{
	return torn;
}

uint64_t
log_output_dropped(void)
{
	return dropped;
}
