/*
 * guard.c - nobody reads our memory, not even after a crash.           [supervisor, its children]
 */
#include "supervisor/guard.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* core(5), "Controlling which mappings are written": anonymous shared memory (bit 1) and the first
 * page of what is ELF (bit 4). Anonymous private memory, bit 0, is heaps, stacks and written data.
 */
static const char shared_only[] = "0x12";

static bool without_private_memory;

void
guard_memory(void)
{
	/* While we still may: the file belongs to root once we are not dumpable. */
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		without_private_memory =
			write(fd, shared_only, strlen(shared_only)) == (ssize_t)strlen(shared_only);
		(void)close(fd);
	}
	(void)prctl(PR_SET_DUMPABLE, 0);
}

void
guard_allow_cores(void)
{
	if (without_private_memory)
		(void)prctl(PR_SET_DUMPABLE, 1);
}
