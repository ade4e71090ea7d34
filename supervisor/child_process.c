/*
 * child_process.c - the first steps of a freshly forked child.         [worker, dispatcher]
 *
 * Invariant: nothing of the supervisor's lives on in a child but memory: no handler, no descriptor
 * besides those in the list below, and its event base is never touched (epoll and the signal
 * socketpair are shared with the parent).
 */
#include "supervisor/child_process.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "health/health.h"
#include "supervisor/guard.h"
#include "supervisor/title.h"

/*
 * A child that has lost its supervisor first tries to give its job back (end of file on its control
 * pipe). This ends it in any case, within the 5 s of contract.md.
 */
#define ORPHAN_SECONDS 4

/* For handlers and hooks, which are told nothing. */
static const struct child *self;
static pid_t supervisor_pid;

/* The kernel gives an orphan its new parent before it sends this: whoever still has the old one got
 * a signal that was meant for its process group, or for nobody. */
static void
on_supervisor_death(int signo)
{
	(void)signo;
	if (getppid() == supervisor_pid)
		return;
	(void)signal(SIGALRM, SIG_DFL); /* ends the process */
	(void)alarm(ORPHAN_SECONDS);
}

/*
 * Signals that reach the whole process group stop no child (contract.md, signals): all are ignored
 * that would end a process and tell of no fault of its own.
 */
static void
reset_signals(void)
{
	static const int ignored[] = {
		SIGTERM,   SIGINT,  SIGHUP,    SIGQUIT, SIGPIPE, SIGUSR1,
		SIGALRM,   SIGPROF, SIGVTALRM, SIGIO,   SIGPWR,
#ifdef SIGSTKFLT
		SIGSTKFLT,
#endif
	};
	struct sigaction death = {.sa_handler = on_supervisor_death, .sa_flags = SA_RESTART};

	for (int signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL); /* fails for KILL, STOP and libc's own */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++)
		(void)signal(signo, SIG_IGN);
	(void)sigemptyset(&death.sa_mask);
	(void)sigaction(SIGUSR2, &death, NULL);
}

static void
unblock_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Where close_range(2) is missing (before Linux 5.9). */
static void
close_listed(int first, int last)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && fd >= first && fd <= last && fd != dirfd(directory))
			(void)close((int)fd);
	}
	(void)closedir(directory);
}

static void
close_between(int first, int last)
{
	if (first > last)
		return;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0U) == 0)
		return;
#endif
	close_listed(first, last);
}

static int
by_number(const void *left, const void *right)
{
	const int *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static void
keep_only(const struct child *child)
{
	int kept[] = {STDERR_FILENO, child->control_fd, child->ready_fd, child->idle_fd};
	const size_t count = sizeof(kept) / sizeof(kept[0]);

	qsort(kept, count, sizeof(kept[0]), by_number);
	for (size_t i = 0; i + 1 < count; i++)
		close_between(kept[i] + 1, kept[i + 1] - 1);
	close_between(kept[count - 1] + 1, ~0U >> 1);
}

static void
set_names(const struct child *child)
{
	char name[16];

	if (child->slot == SCOREBOARD_DISPATCHER)
		(void)snprintf(name, sizeof(name), "publisher-disp");
	else
		(void)snprintf(name, sizeof(name), "publisher-w%d", child->slot);
	(void)prctl(PR_SET_NAME, name);
	if (child->slot == SCOREBOARD_DISPATCHER)
		title_set("isekai-publisher: dispatcher");
	else
		title_set("isekai-publisher: worker %d", child->slot);
}

/* Each child needs a sequence of its own, whoever uses random(3). */
static void
seed_random(const struct child *child)
{
	unsigned seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		seed = (unsigned)getpid() * 2654435761U ^ (unsigned)child->generation;
	srandom(seed);
}

static void
count_dropped_line(void)
{
	scoreboard_count(self->board, self->slot, COUNTER_LOG_DROPPED, 1);
}

_Noreturn void
child_process(const struct child *child, pid_t supervisor, struct health *health)
{
	self = child;
	supervisor_pid = supervisor;
	log_on_drop(count_dropped_line);
	reset_signals();
	(void)prctl(PR_SET_PDEATHSIG, SIGUSR2);
	/* It may have died before the line above, and nothing would tell. */
	if (getppid() != supervisor)
		_exit(CHILD_EXIT_ASKED);
	if (health != NULL)
		health_close_in_child(health);
	keep_only(child);
	set_names(child);
	guard_follow(child->config->log_level);
	seed_random(child);
	unblock_signals();
	if (child->slot == SCOREBOARD_DISPATCHER)
		dispatcher_main(child);
	worker_main(child);
}
