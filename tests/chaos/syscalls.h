#ifndef TESTS_CHAOS_SYSCALLS_H
#define TESTS_CHAOS_SYSCALLS_H
/*
 * syscalls.h - system calls by name, and by what can go wrong with them.   [tests]
 */
#include <stdbool.h>

/* What a sweep can pick out. Reading and writing is told apart by what the descriptor is: SEND and
 * RECV are of sockets, WRITE and READ of all else. */
enum call_class {
	CALL_OTHER = 0, /* may fail, but is over before a signal could interrupt it */
	CALL_SEND,
	CALL_RECV,
	CALL_WRITE,
	CALL_READ,
	CALL_CONNECT,
	CALL_SOCKET,
	CALL_OPEN,
	CALL_POLL,
	CALL_MEMORY,
	CALL_FORK,
	CALL_FCNTL,
	CALL_OPTION, /* of a socket */
	CALL_PIPE,   /* and eventfd, epoll, socketpair */
	CALL_SLOW,   /* may be interrupted (EINTR in its man page), and has no class of its own */
	CALL_FIRM,   /* never fails for who passes what is right, signal or none */
};

/* Where a call has what it carries. */
enum call_data {
	CALL_CARRIES_NOTHING = 0,
	CALL_CARRIES_OUT,     /* args[1], args[2] bytes */
	CALL_CARRIES_IN,      /* the same, as many as it gave */
	CALL_CARRIES_OUT_IOV, /* args[1]: struct iovec[args[2]] */
	CALL_CARRIES_IN_IOV,
	CALL_CARRIES_OUT_MSG, /* args[1]: struct msghdr */
	CALL_CARRIES_IN_MSG,
	CALL_CARRIES_PATH,    /* args[0], a string */
	CALL_CARRIES_PATH_AT, /* args[1], a string */
};

struct call_kind {
	long number;
	const char *name;
	enum call_class class;
	enum call_data data;
};

/* Never NULL; of a call that is not in the list the name is "?". */
const struct call_kind *call_kind(long number);

/* The class with this name ("send", "recv" ...); false: there is none. */
bool call_class_named(const char *name, enum call_class *class);

const char *call_class_name(enum call_class class);

#endif
