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
	CALL(time),
	CALL(dup2),
	CALL(alarm),
	CALL(arch_prctl),
#endif
	OF(ppoll, CALL_POLL),
	OF(pselect6, CALL_POLL),
	OF(epoll_pwait, CALL_POLL),
	OF(restart_syscall, CALL_OTHER),
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
	CALL(accept4),
	CALL(bind),
	CALL(listen),
	CALL(shutdown),
	CALL(close),
	CALL(fstat),
	CALL(newfstatat),
	CALL(lseek),
	OF(munmap, CALL_FIRM),
	CALL(mprotect),
	CALL(madvise),
	CALL(ioctl),
	OF(futex, CALL_FIRM),
	CALL(wait4),
	CALL(waitid),
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
	CALL(uname),
	CALL(getrandom),
	OF(clock_gettime, CALL_FIRM),
	CALL(clock_getres),
	CALL(clock_nanosleep),
	CALL(nanosleep),
	OF(gettimeofday, CALL_FIRM),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	OF(rt_sigreturn, CALL_FIRM),
	CALL(sigaltstack),
	CALL(prctl),
	CALL(set_robust_list),
	CALL(set_tid_address),
	CALL(prlimit64),
	CALL(getrusage),
	CALL(sysinfo),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(getdents64),
	CALL(dup),
	CALL(dup3),
	CALL(umask),
	CALL(execve),
	CALL(setitimer),
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
	[CALL_OPTION] = "option", [CALL_PIPE] = "pipe", [CALL_FIRM] = "firm",
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
