#ifndef SUPERVISOR_GUARD_H
#define SUPERVISOR_GUARD_H
/*
 * guard.h - nobody reads our memory, not even after a crash.           [supervisor, its children]
 *
 * Secrets pass through memory that is not ours to wipe (libpq, libcurl, OpenSSL, every stack). So
 * no core file ever holds private memory: none is written at all, unless one is asked for, and then
 * it has registers, the mappings, and shared memory (the scoreboard: who had which job), from which
 * a debugger tells where the process stood. Whoever needs more attaches a debugger as root.
 */
#include <stdbool.h>

/*
 * Once, before the first secret is read; forked children inherit it. From now on no core file, and
 * no look into /proc/<pid>/mem, environ and the like, for anybody without CAP_SYS_PTRACE.
 */
void guard_memory(void);

/* Core files as described above, where the system is set up for them; debuggers of the same user as
 * well. Nothing changes where the kernel cannot leave private memory out. */
void guard_allow_cores(void);

#endif
