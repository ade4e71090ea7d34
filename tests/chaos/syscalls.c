/*
 * syscalls.c - system calls by name, and by what can go wrong with them.   [tests]
 */
#include "tests/chaos/syscalls.h"

#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#define CALL(name)                                                                                 \
	{                                                                                          \
		SYS_##name, #name, CALL_OTHER, CALL_CARRIES_NOTHING                                \
	}
#define OF(name, class)                                                                            \
	{                                                                                          \
		SYS_##name, #name, class, CALL_CARRIES_NOTHING                                     \
	}
#define WITH(name, class, data)                                                                    \
	{                                                                                          \
		SYS_##name, #name, class, data                                                     \
	}

/* A socket's reads and writes are told from others' by whoever knows the descriptor. */
static const struct call_kind kinds[] = {
	WITH(write, CALL_WRITE, CALL_CARRIES_OUT),
	WITH(pwrite64, CALL_WRITE, CALL_CARRIES_OUT),
	WITH(writev, CALL_WRITE, CALL_CARRIES_OUT_IOV),
	WITH(sendto, CALL_SEND, CALL_CARRIES_OUT),
	WITH(sendmsg, CALL_SEND, CALL_CARRIES_OUT_MSG),
	WITH(read, CALL_READ, CALL_CARRIES_IN),
	WITH(pread64, CALL_READ, CALL_CARRIES_IN),
	WITH(readv, CALL_READ, CALL_CARRIES_IN_IOV),
	WITH(recvfrom, CALL_RECV, CALL_CARRIES_IN),
	WITH(recvmsg, CALL_RECV, CALL_CARRIES_IN_MSG),
	OF(connect, CALL_CONNECT),
	OF(socket, CALL_SOCKET),
	WITH(openat, CALL_OPEN, CALL_CARRIES_PATH_AT),
#ifdef SYS_open
	WITH(open, CALL_OPEN, CALL_CARRIES_PATH),
	OF(poll, CALL_POLL),
	OF(select, CALL_POLL),
	OF(epoll_wait, CALL_POLL),
	OF(fork, CALL_FORK),
	OF(vfork, CALL_FORK),
	OF(pipe, CALL_PIPE),
	WITH(readlink, CALL_OTHER, CALL_CARRIES_PATH),
	WITH(access, CALL_OTHER, CALL_CARRIES_PATH),
	WITH(stat, CALL_OTHER, CALL_CARRIES_PATH),
	CALL(lstat),
	CALL(getdents),
	OF(time, CALL_FIRM),
	OF(dup2, CALL_SLOW),
	OF(alarm, CALL_FIRM),
	OF(arch_prctl, CALL_FIRM),
#endif
	OF(ppoll, CALL_POLL),
	OF(pselect6, CALL_POLL),
	OF(epoll_pwait, CALL_POLL),
	OF(restart_syscall, CALL_SLOW),
	OF(mmap, CALL_MEMORY),
	OF(mremap, CALL_MEMORY),
	OF(brk, CALL_MEMORY),
	OF(clone, CALL_FORK),
#ifdef SYS_clone3
	OF(clone3, CALL_FORK),
#endif
	OF(fcntl, CALL_FCNTL),
	OF(setsockopt, CALL_OPTION),
	OF(getsockopt, CALL_OPTION),
	OF(getsockname, CALL_OPTION),
	OF(getpeername, CALL_OPTION),
	OF(pipe2, CALL_PIPE),
	OF(eventfd2, CALL_PIPE),
	OF(socketpair, CALL_PIPE),
	OF(epoll_create1, CALL_PIPE),
	OF(epoll_ctl, CALL_PIPE),
	OF(timerfd_create, CALL_PIPE),
	OF(timerfd_settime, CALL_PIPE),
	OF(signalfd4, CALL_PIPE),
	OF(accept4, CALL_SLOW),
	CALL(bind),
	CALL(listen),
	CALL(shutdown),
	OF(close, CALL_SLOW),
	CALL(fstat),
	CALL(newfstatat),
	OF(lseek, CALL_FIRM),
	OF(munmap, CALL_FIRM),
	CALL(mprotect),
	CALL(madvise),
	CALL(ioctl),
	OF(futex, CALL_FIRM),
	OF(wait4, CALL_SLOW),
	OF(waitid, CALL_SLOW),
	OF(exit, CALL_FIRM),
	OF(exit_group, CALL_FIRM),
	OF(kill, CALL_FIRM),
	OF(tgkill, CALL_FIRM),
	OF(getpid, CALL_FIRM),
	OF(getppid, CALL_FIRM),
	OF(gettid, CALL_FIRM),
	OF(getuid, CALL_FIRM),
	OF(geteuid, CALL_FIRM),
	OF(getgid, CALL_FIRM),
	OF(getegid, CALL_FIRM),
	OF(uname, CALL_FIRM),
	OF(getrandom, CALL_SLOW),
	OF(clock_gettime, CALL_FIRM),
	OF(clock_getres, CALL_FIRM),
	OF(clock_nanosleep, CALL_SLOW),
	OF(nanosleep, CALL_SLOW),
	OF(gettimeofday, CALL_FIRM),
	OF(rt_sigaction, CALL_FIRM),
	OF(rt_sigprocmask, CALL_FIRM),
	OF(rt_sigreturn, CALL_FIRM),
	OF(sigaltstack, CALL_FIRM),
	CALL(prctl),
	OF(set_robust_list, CALL_FIRM),
	OF(set_tid_address, CALL_FIRM),
	CALL(prlimit64),
	OF(getrusage, CALL_FIRM),
	OF(sysinfo, CALL_FIRM),
	OF(sched_yield, CALL_FIRM),
	CALL(sched_getaffinity),
	CALL(getdents64),
	OF(dup, CALL_SLOW),
	OF(dup3, CALL_SLOW),
	OF(umask, CALL_FIRM),
	CALL(execve),
	OF(setitimer, CALL_FIRM),
#ifdef SYS_rseq
	CALL(rseq),
#endif
#ifdef SYS_close_range
	CALL(close_range),
#endif
	WITH(readlinkat, CALL_OTHER, CALL_CARRIES_PATH_AT),
	WITH(faccessat, CALL_OTHER, CALL_CARRIES_PATH_AT),
};

static const char *const class_names[] = {
	[CALL_OTHER] = "other",   [CALL_SEND] = "send", [CALL_RECV] = "recv",
	[CALL_WRITE] = "write",   [CALL_READ] = "read", [CALL_CONNECT] = "connect",
	[CALL_SOCKET] = "socket", [CALL_OPEN] = "open", [CALL_POLL] = "poll",
	[CALL_MEMORY] = "memory", [CALL_FORK] = "fork", [CALL_FCNTL] = "fcntl",
	[CALL_OPTION] = "option", [CALL_PIPE] = "pipe", [CALL_SLOW] = "slow",
	[CALL_FIRM] = "firm",
};
#define CLASS_COUNT (sizeof(class_names) / sizeof(class_names[0]))

const struct call_kind *
call_kind(long number)
{
	static const struct call_kind unknown = {.name = "?"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].number == number)
			return &kinds[i];
	return &unknown;
}

bool
call_class_named(const char *name, enum call_class *class)
{
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		if (strcmp(class_names[i], name) == 0) {
			*class = (enum call_class)i;
			return true;
		}
	}
	return false;
}

const char *call_class_name(enum call_class class)
{
	return class_names[class];
}
