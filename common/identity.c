/*
 * identity.c - who holds a lock: names that can be proven dead.        [every process]
 *
 * Invariant: a supervisor that may still live is never called dead. Everything that cannot be
 * read, parsed or compared counts as alive; the stalled check is there for what is left.
 */
#include "common/identity.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_DIGITS 8

/* Reads at most size - 1 bytes of a small file of /proc. False when it is not there or is empty. */
static bool
read_text(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	do {
		got = read(fd, out, size - 1);
	} while (got < 0 && errno == EINTR);
	(void)close(fd);
	if (got <= 0)
		return false;
	out[got] = '\0';
	return true;
}

static bool
read_boot(char out[BOOT_DIGITS + 1])
{
	char text[64];

	if (!read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)))
		return false;
	for (int i = 0; i < BOOT_DIGITS; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	memcpy(out, text, BOOT_DIGITS);
	out[BOOT_DIGITS] = '\0';
	return true;
}

/*
 * State and start time (clock ticks since boot) of a process, proc(5) fields 3 and 22. The
 * command's name stands in parentheses before them and may hold anything, so the last ")" is where
 * counting begins.
 */
static bool
read_stat(const char *path, char *state, uint64_t *start)
{
	char text[1024];
	const char *at;
	char *end;

	if (!read_text(path, text, sizeof(text)))
		return false;
	at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ' || at[2] == '\0')
		return false;
	at += 2;
	*state = *at;
	for (int field = 3; field < 22; field++) {
		at = strchr(at, ' ');
		if (at == NULL)
			return false;
		at++;
	}
	errno = 0;
	*start = strtoull(at, &end, 10);
	return errno == 0 && end != at;
}

bool
identity_local_prefix(char out[IDENTITY_INSTANCE_SIZE])
{
	char boot[BOOT_DIGITS + 1];
	struct stat namespace;

	if (!read_boot(boot) || stat("/proc/self/ns/pid", &namespace) < 0)
		return false;
	(void)snprintf(out, IDENTITY_INSTANCE_SIZE, "ip.%s.%ju.", boot,
		       (uintmax_t) namespace.st_ino);
	return true;
}

bool
identity_instance(char out[IDENTITY_INSTANCE_SIZE])
{
	char prefix[IDENTITY_INSTANCE_SIZE];
	char state;
	uint64_t start;
	int size;

	if (!identity_local_prefix(prefix) || !read_stat("/proc/self/stat", &state, &start))
		return false;
	size = snprintf(out, IDENTITY_INSTANCE_SIZE, "%s%ld.%" PRIu64, prefix, (long)getpid(),
			start);
	return size > 0 && size < IDENTITY_INSTANCE_SIZE;
}

void
identity_token(const char *instance, int slot, uint64_t generation, char out[IDENTITY_TOKEN_SIZE])
{
	(void)snprintf(out, IDENTITY_TOKEN_SIZE, "%s.%d.%" PRIu64, instance, slot, generation);
}

/* A whole number without sign, followed by `end` ('\0' too); *text moves behind it. */
static bool
take_number(const char **text, char end, uint64_t *number)
{
	char *after;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*number = strtoull(*text, &after, 10);
	if (errno != 0 || *after != end)
		return false;
	*text = after + (end != '\0');
	return true;
}

/* What follows the local prefix in a token: pid, start time, slot, generation. */
static bool
parse_rest(const char *rest, pid_t *pid, uint64_t *start)
{
	uint64_t process, slot, generation;

	if (!take_number(&rest, '.', &process) || !take_number(&rest, '.', start) ||
	    !take_number(&rest, '.', &slot) || !take_number(&rest, '\0', &generation))
		return false;
	if (process < 1 || process > INT_MAX)
		return false;
	*pid = (pid_t)process;
	return true;
}

/* Does /proc show our own pid namespace? (Not so after `unshare --pid` without a new /proc.) */
static bool
proc_is_ours(void)
{
	char link[32];
	ssize_t size = readlink("/proc/self", link, sizeof(link) - 1);

	if (size <= 0)
		return false;
	link[size] = '\0';
	return strtol(link, NULL, 10) == (long)getpid();
}

bool
identity_supervisor_is_dead(const char *token)
{
	char prefix[IDENTITY_INSTANCE_SIZE], path[64];
	uint64_t token_start, start;
	size_t prefix_size;
	pid_t pid;
	char state;

	if (token == NULL || !identity_local_prefix(prefix))
		return false;
	prefix_size = strlen(prefix);
	if (strncmp(token, prefix, prefix_size) != 0 ||
	    !parse_rest(token + prefix_size, &pid, &token_start))
		return false;
	/* First the kernel's own word: with hidepid=2, /proc hides processes that are alive. */
	if (kill(pid, 0) < 0 && errno == ESRCH)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (!proc_is_ours() || !read_stat(path, &state, &start))
		return false;
	/* Another process has the number, or it is dead and only not buried. */
	return start != token_start || state == 'Z' || state == 'X';
}
