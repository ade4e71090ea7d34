/*
 * quick_exit.c - a process that exits leaves its memory to the kernel.    [tests]
 *
 * Preloaded into the tests' PostgreSQL. Each of its backends is a fork that, when it exits, takes
 * apart what the postmaster's libraries had built (OpenSSL's tables before all), and has every page
 * of that copied for it: two thirds of the time that an exit takes, and a run has thousands.
 * PostgreSQL's own work at exit is done before it calls exit().
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* As exit(3), without the handlers of libraries. */
void
exit(int status)
{
	fflush(NULL);
	_exit(status);
}
