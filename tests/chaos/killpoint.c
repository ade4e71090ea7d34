/*
 * killpoint.c - kills a process at its n-th system call, or lets that call fail.   [tests]
 *
 * It holds one thread of the process, and tells on standard output what happened, a JSON object a
 * line. It strikes once; at the end of its standard input it lets the process go and says how far
 * that had counted. How it is called: below.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/chaos/tracee.h"

static const char usage[] =
	"usage: killpoint -p PID STRIKE [OPTION]...\n"
	"       killpoint STRIKE [OPTION]... -l FILE -x PROGRAM [ARGUMENT]...\n"
	"\n"
	"A process that runs, or a program that is started and writes to FILE. STRIKE is one of\n"
	"  -k N           kill it before its N-th call is made\n"
	"  -K N [-s M]    after its N-th call was made [and M instructions of its own later]\n"
	"  -f N -e ERROR  the N-th call is not made and gives ERROR: the name of an errno, EOF\n"
	"                 (0 bytes), or SHORT (the call is made, with half of its bytes)\n"
	"and OPTION\n"
	"  -c CLASS       only calls of this class count (syscalls.h: send, recv, open ...)\n"
	"  -o TEXT        counting begins anew with each call that carries TEXT; \"=TEXT\":\n"
	"                 nothing but TEXT\n"
	"  -O TEXT        the same, and nothing counts before the first one\n"
	"  -w TEXT        tell whether TEXT had been sent when it struck; may be repeated\n"
	"  -t             tell every call that counts, before it is made\n"
	"  -T             tell every call that counts, after it was made\n";

#define DATA_MOST    65536
#define WATCHED_MOST 8
#define SHOWN_MOST   48

enum strike {
	STRIKE_NOT,
	STRIKE_KILL_BEFORE,
	STRIKE_KILL_AFTER,
	STRIKE_FAIL,
};

struct error_name {
	const char *name;
	int number;
};

enum special_error { ERROR_EOF = 0, ERROR_SHORT = -1 };

static const struct error_name error_names[] = {
	{"EOF", ERROR_EOF},
	{"SHORT", ERROR_SHORT},
	{"EAGAIN", EAGAIN},
	{"EINTR", EINTR},
	{"ECONNRESET", ECONNRESET},
	{"EPIPE", EPIPE},
	{"ETIMEDOUT", ETIMEDOUT},
	{"ECONNREFUSED", ECONNREFUSED},
	{"ENOMEM", ENOMEM},
	{"EMFILE", EMFILE},
	{"ENFILE", ENFILE},
	{"ENOBUFS", ENOBUFS},
	{"EADDRNOTAVAIL", EADDRNOTAVAIL},
	{"ENETUNREACH", ENETUNREACH},
	{"EACCES", EACCES},
	{"ENOENT", ENOENT},
	{"EIO", EIO},
	{"ENOSPC", ENOSPC},
	{"EPERM", EPERM},
	{"ENOSYS", ENOSYS},
};

struct killpoint {
	struct tracee tracee;
	pid_t pid;
	char **program;
	const char *output;
	enum strike strike;
	long at, steps;
	int error;
	bool any_class, tells_all, tells_results, waits_for_origin;
	enum call_class class;
	const char *origin, *watched[WATCHED_MOST];
	size_t watched_count;
	bool watched_seen[WATCHED_MOST];
	/* How it goes. */
	long count, origins, steps_left;
	bool counts_now; /* the call that is being made counts */
	bool changed;    /* its arguments are not what the program gave */
	bool fails_now;
	bool struck, released;
};

/* ---------------------------------------------------------------- telling */

static long long
wall_ms(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The beginning of it, enough to know the call by. Of a form (which may hold a token) the first
 * name only. */
static void
tell_data(const struct killpoint *k)
{
	static char data[DATA_MOST];
	size_t size = tracee_data(&k->tracee, data, sizeof(data));

	for (size_t i = 0; i < size && i < SHOWN_MOST; i++) {
		if (data[i] == '"' || data[i] == '\\' || data[i] < ' ' || data[i] > '~')
			(void)putchar('.');
		else
			(void)putchar(data[i]);
		if (data[i] == '=' && call_kind(k->tracee.number)->class != CALL_OPEN)
			break;
	}
}

/* What it says of the call that it is about. */
static void
tell_call(const struct killpoint *k, const char *event, const char *side)
{
	printf("{\"event\":\"%s\",\"n\":%ld,\"side\":\"%s\",\"call\":\"%s\",\"number\":%ld,"
	       "\"class\":\"%s\",\"on\":\"%s\",\"fd\":%lld,\"result\":%lld,\"data\":\"",
	       event, k->count, side, call_kind(k->tracee.number)->name, k->tracee.number,
	       call_class_name(tracee_call_class(&k->tracee)), tracee_descriptor_family(&k->tracee),
	       (long long)k->tracee.args[0], (long long)k->tracee.result);
	tell_data(k);
	printf("\",\"origins\":%ld,\"atMs\":%lld,\"seen\":[", k->origins, wall_ms());
	for (size_t i = 0; i < k->watched_count; i++)
		printf("%s%s", i > 0 ? "," : "", k->watched_seen[i] ? "true" : "false");
	printf("]}\n");
	(void)fflush(stdout);
}

static void
tell_end(const struct killpoint *k)
{
	int status = k->tracee.status;

	printf("{\"event\":\"ended\",\"code\":%d,\"signal\":%d,\"count\":%ld,\"origins\":%ld}\n",
	       WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	       WIFSIGNALED(status) ? WTERMSIG(status) : 0, k->count, k->origins);
	(void)fflush(stdout);
}

/* ---------------------------------------------------------------- what a call carries */

static void
look_at_data(struct killpoint *k)
{
	static char data[DATA_MOST];
	size_t size;

	if ((k->origin == NULL && k->watched_count == 0) || k->tracee.result < 0 ||
	    (size = tracee_data(&k->tracee, data, sizeof(data))) == 0)
		return;
	for (size_t i = 0; i < k->watched_count; i++)
		if (memmem(data, size, k->watched[i], strlen(k->watched[i])) != NULL)
			k->watched_seen[i] = true;
	if (k->origin == NULL)
		return;
	if (k->origin[0] == '='
		    ? size == strlen(k->origin + 1) && memcmp(data, k->origin + 1, size) == 0
		    : memmem(data, size, k->origin, strlen(k->origin)) != NULL) {
		k->count = 0;
		k->origins++;
	}
}

/* ---------------------------------------------------------------- striking */

static void
strike_dead(struct killpoint *k, const char *side)
{
	k->struck = true;
	tell_call(k, "killed", side);
	(void)kill(k->tracee.pid, SIGKILL);
}

/* With such an error a connection is at its end; what comes after must see that as well. */
static bool
breaks_connection(const struct killpoint *k)
{
	enum call_class class = tracee_call_class(&k->tracee);

	return (class == CALL_SEND || class == CALL_RECV) &&
	       (k->error == ERROR_EOF || k->error == ECONNRESET || k->error == EPIPE ||
		k->error == ETIMEDOUT);
}

static void
fail_call(struct killpoint *k)
{
	k->struck = k->changed = true;
	if (k->error == ERROR_SHORT) {
		(void)tracee_cut_call(&k->tracee, (k->tracee.args[2] + 1) / 2);
		tell_call(k, "failed", "short");
	} else if (k->tracee.number == SYS_brk) {
		(void)tracee_starve_brk(&k->tracee);
		tell_call(k, "failed", "empty");
	} else if (breaks_connection(k) ? tracee_break_socket(&k->tracee)
					: tracee_skip_call(&k->tracee)) {
		k->fails_now = true;
		tell_call(k, "failed", "instead");
	}
}

static void
before_call(struct killpoint *k)
{
	k->counts_now = k->any_class || tracee_call_class(&k->tracee) == k->class;
	if (!k->counts_now || (k->waits_for_origin && k->origins == 0))
		return;
	k->count++;
	if (k->tells_all)
		tell_call(k, "call", "before");
	if (k->struck || k->count != k->at)
		return;
	if (k->strike == STRIKE_KILL_BEFORE) {
		/* A process that is killed here does not make the call; this says so twice. */
		(void)tracee_skip_call(&k->tracee);
		strike_dead(k, "before");
	} else if (k->strike == STRIKE_FAIL) {
		fail_call(k);
	}
}

static void
after_call(struct killpoint *k)
{
	if (k->changed)
		(void)tracee_put_back(&k->tracee);
	k->changed = false;
	if (k->fails_now) {
		k->fails_now = false;
		(void)tracee_give_result(&k->tracee, -k->error);
		return;
	}
	/* Before the data is looked at: it may begin the count anew. */
	if (k->counts_now && !k->struck && k->strike == STRIKE_KILL_AFTER && k->count == k->at) {
		if (k->steps == 0) {
			look_at_data(k);
			k->count = k->at;
			strike_dead(k, "after");
			return;
		}
		k->steps_left = k->steps;
	}
	look_at_data(k);
	if (k->tells_results && k->counts_now)
		tell_call(k, "call", "after");
}

/* One stop of the process; false: it has ended. */
static bool
at_stop(struct killpoint *k, int status)
{
	enum tracee_stop stop = tracee_understand(&k->tracee, status);

	switch (stop) {
	case TRACEE_BEFORE:
		before_call(k);
		break;
	case TRACEE_AFTER:
		after_call(k);
		break;
	case TRACEE_STEPPED:
		if (k->steps_left > 0 && --k->steps_left == 0) {
			k->count = k->at;
			strike_dead(k, "later");
		}
		break;
	case TRACEE_AT_SIGNAL:
	case TRACEE_AT_STOP:
		break;
	case TRACEE_ENDED:
		tell_end(k);
		return false;
	}
	if (k->released)
		k->steps_left = 0;
	if (k->released && stop != TRACEE_BEFORE && !k->fails_now &&
	    !tracee_owes_step(&k->tracee)) {
		printf("{\"event\":\"released\",\"count\":%ld,\"origins\":%ld}\n", k->count,
		       k->origins);
		(void)fflush(stdout);
		tracee_let_go(&k->tracee, stop);
		return false;
	}
	if (k->steps_left > 0)
		tracee_step(&k->tracee);
	else
		tracee_go_on(&k->tracee, stop);
	return true;
}

/* ---------------------------------------------------------------- the loop */

static void
on_child(int signo)
{
	(void)signo;
}

/* The end of standard input: whoever started us wants the process back. */
static void
hear_input(struct killpoint *k)
{
	char bytes[64];

	if (k->released || read(STDIN_FILENO, bytes, sizeof(bytes)) > 0)
		return;
	k->released = true;
	/* It may wait in a call for long. */
	tracee_interrupt(&k->tracee);
}

static void
follow(struct killpoint *k, const sigset_t *waiting)
{
	for (;;) {
		struct pollfd input = {.fd = k->released ? -1 : STDIN_FILENO, .events = POLLIN};
		int status;
		pid_t pid = waitpid(k->tracee.pid, &status, WNOHANG | __WALL);

		if (pid == k->tracee.pid && !at_stop(k, status))
			return;
		if (pid == k->tracee.pid)
			continue;
		if (pid < 0)
			return;
		if (ppoll(&input, 1, NULL, waiting) > 0)
			hear_input(k);
	}
}

/* ---------------------------------------------------------------- beginning */

static bool
read_error(const char *name, int *error)
{
	for (size_t i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++) {
		if (strcmp(error_names[i].name, name) == 0) {
			*error = error_names[i].number;
			return true;
		}
	}
	return false;
}

static bool
read_number(const char *text, long least, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *out >= least;
}

static bool
read_option(struct killpoint *k, int option, const char *value)
{
	long number;

	switch (option) {
	case 'p':
		k->pid = read_number(value, 1, &number) ? (pid_t)number : 0;
		return k->pid != 0;
	case 'k':
		k->strike = STRIKE_KILL_BEFORE;
		return read_number(value, 1, &k->at);
	case 'K':
		k->strike = STRIKE_KILL_AFTER;
		return read_number(value, 1, &k->at);
	case 'f':
		k->strike = STRIKE_FAIL;
		return read_number(value, 1, &k->at);
	case 's':
		return read_number(value, 0, &k->steps);
	case 'e':
		return read_error(value, &k->error);
	case 'c':
		k->any_class = false;
		return call_class_named(value, &k->class);
	case 'O':
		k->waits_for_origin = true;
		k->origin = value;
		return true;
	case 'o':
		k->origin = value;
		return true;
	case 'w':
		if (k->watched_count == WATCHED_MOST)
			return false;
		k->watched[k->watched_count++] = value;
		return true;
	case 'l':
		k->output = value;
		return true;
	case 't':
		k->tells_all = true;
		return true;
	case 'T':
		k->tells_results = true;
		return true;
	default:
		return false;
	}
}

static bool
read_options(struct killpoint *k, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+p:k:K:f:s:e:c:o:O:w:l:tTx")) != -1) {
		if (option == 'x')
			break;
		if (!read_option(k, option, optarg))
			return false;
	}
	if (option == 'x')
		k->program = argv + optind;
	return (k->pid != 0) != (k->program != NULL && k->program[0] != NULL && k->output != NULL);
}

int
main(int argc, char **argv)
{
	struct killpoint k = {.any_class = true};
	struct sigaction action = {.sa_handler = on_child};
	sigset_t child, before;

	if (!read_options(&k, argc, argv)) {
		(void)fputs(usage, stderr);
		return 64;
	}
	/* Before a stop can be missed: the first waitpid() comes after this. */
	if (k.pid != 0 ? !tracee_seize(&k.tracee, k.pid)
		       : !tracee_start(&k.tracee, k.program, k.output))
		return EXIT_FAILURE;
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigaction(SIGCHLD, &action, NULL);
	(void)sigprocmask(SIG_BLOCK, &child, &before);
	printf("{\"event\":\"seized\",\"pid\":%d}\n", (int)k.tracee.pid);
	(void)fflush(stdout);
	follow(&k, &before);
	return EXIT_SUCCESS;
}
