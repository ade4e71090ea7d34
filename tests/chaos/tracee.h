#ifndef TESTS_CHAOS_TRACEE_H
#define TESTS_CHAOS_TRACEE_H
/*
 * tracee.h - a process whose system calls are held, looked at and made to fail.   [tests]
 *
 * One thread of it, the one that is seized; others (curl's resolver, the dispatcher's pulse) run as
 * they like. ptrace(2); the kernel has to tell what a stop is about (PTRACE_GET_SYSCALL_INFO,
 * Linux 5.3).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/chaos/syscalls.h"

enum tracee_stop {
	TRACEE_BEFORE,  /* a call is about to be made */
	TRACEE_AFTER,   /* it was made */
	TRACEE_STEPPED, /* one instruction further */
	TRACEE_AT_SIGNAL,
	TRACEE_AT_STOP, /* as it was asked to, or as by SIGSTOP */
	TRACEE_ENDED,
};

struct tracee {
	pid_t pid;
	int status;  /* waitpid()'s last */
	long number; /* of the call that is being made */
	uint64_t args[6];
	int64_t result; /* once it was made; a negative errno, as the kernel gives it */
};

/* Takes hold of a running process and stops it; tells on standard error why it could not. */
bool tracee_seize(struct tracee *tracee, pid_t pid);

/* Starts a program (argv[0] is searched for), stopped before its first instruction; what it says
 * goes to a file. */
bool tracee_start(struct tracee *tracee, char *const argv[], const char *output);

/* What waitpid() gave, `status`, is about. */
enum tracee_stop tracee_understand(struct tracee *tracee, int status);

/* On to the next call, with a signal that it was stopped at. */
void tracee_go_on(const struct tracee *tracee, enum tracee_stop stop);

/* Stops it wherever it is, also in a call that waits; the next waitpid() tells. */
void tracee_interrupt(const struct tracee *tracee);

/* One instruction further. */
void tracee_step(const struct tracee *tracee);

/* Whether it has made a step that it was not seen to have made: the trap of it, if nobody waits for
 * it, kills the process. It has to be stopped. */
bool tracee_owes_step(const struct tracee *tracee);

/* Lets it run free; it has to be stopped, in this way. A signal that it stands before is its own.
 */
void tracee_let_go(const struct tracee *tracee, enum tracee_stop stop);

/* Before a call: it is not made. */
bool tracee_skip_call(const struct tracee *tracee);

/* Before brk(): it is made, and gives no memory; it has no errors of its own. */
bool tracee_starve_brk(const struct tracee *tracee);

/* Before a call on a socket: the connection ends instead, both ways, as one that fails does. */
bool tracee_break_socket(const struct tracee *tracee);

/* After a call that was changed: its arguments are what they were, as the program relies on. */
bool tracee_put_back(const struct tracee *tracee);

/* After a call: what the program gets from it. */
bool tracee_give_result(const struct tracee *tracee, int64_t result);

/* Before a call that carries bytes: only so many of them. */
bool tracee_cut_call(const struct tracee *tracee, uint64_t size);

/* What the call carries; as many bytes as there are and fit. Of a call that reads, once it was
 * made. */
size_t tracee_data(const struct tracee *tracee, char *out, size_t out_size);

/* "socket", "pipe", "file" or "" for a call without a descriptor. */
const char *tracee_descriptor(const struct tracee *tracee);

/* The same, of a socket "unix" or "inet". Takes longer. */
const char *tracee_descriptor_family(const struct tracee *tracee);

/* With SEND and READ told apart by the descriptor. */
enum call_class tracee_call_class(const struct tracee *tracee);

#endif
