/*
 * config_file.c - a whole small file in memory.                        [every process]
 */
#include "common/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#define WAIT_MS 2000

static bool
wait_readable(int fd, int64_t deadline_ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int64_t left_ms = deadline_ms - clock_mono_ms();

	return left_ms > 0 && (poll(&ready, 1, (int)left_ms) >= 0 || errno == EINTR);
}

/* Fills the buffer of limit + 1 bytes: one more than allowed tells that there are too many. */
static bool
read_all(int fd, char *text, size_t limit, size_t *size, struct failure *why)
{
	int64_t deadline_ms = clock_mono_ms() + WAIT_MS;

	for (*size = 0; *size <= limit;) {
		ssize_t got = read(fd, text + *size, limit + 1 - *size);

		if (got > 0) {
			*size += (size_t)got;
		} else if (got == 0) {
			return true;
		} else if (errno == EAGAIN || errno == EINTR) {
			if (!wait_readable(fd, deadline_ms))
				return failure_set(why, FAILURE_OPERATOR,
						   "did not come to an end within %d ms", WAIT_MS);
		} else {
			return failure_set(why, FAILURE_OPERATOR, "cannot be read: %s",
					   strerror(errno));
		}
	}
	return failure_set(why, FAILURE_OPERATOR, "is larger than %zu bytes", limit);
}

bool
config_file_read(const char *path, size_t limit, struct config_file *file, struct failure *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	size_t size = 0;
	bool done = false;

	if (fd < 0)
		return failure_set(why, FAILURE_OPERATOR, "cannot be opened: %s", strerror(errno));
	text = malloc(limit + 2);
	if (text == NULL)
		failure_set(why, FAILURE_OPERATOR, "out of memory");
	else
		done = read_all(fd, text, limit, &size, why);
	close(fd);
	if (!done) {
		*file = (struct config_file){text, size};
		config_file_free(file);
		return false;
	}
	text[size] = '\0';
	*file = (struct config_file){text, size};
	return true;
}

void
config_file_free(struct config_file *file)
{
	if (file->text != NULL)
		explicit_bzero(file->text, file->size);
	free(file->text);
	*file = (struct config_file){NULL, 0};
}
