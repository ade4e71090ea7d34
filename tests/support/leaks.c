/*
 * leaks.c - makes a process that leaves by _exit() look for leaks first.    [tests]
 *
 * Preloaded into the program with sanitizers (sanitized.sh): workers leave by _exit(), where the
 * leak checker never gets its turn.
 */
#include <sys/syscall.h>
#include <unistd.h>

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void
_exit(int status)
{
	if (__lsan_do_recoverable_leak_check != NULL)
		(void)__lsan_do_recoverable_leak_check();
	for (;;)
		(void)syscall(SYS_exit_group, status);
}
