/*
 * child.c - the table of children.                                     [supervisor]
 *
 * Invariant: a record has a pid exactly from a fork() that worked to the waitpid() that reaped it,
 * so a number that the kernel has given to somebody else is never signalled. What a child is, is
 * known from here alone.
 */
#include "supervisor/child.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/child_process.h"

/* Orders are single bytes: a page each is enough, and 1024 pipes stay within what a user may hold.
 */
#define PIPE_BYTES 4096

struct ready_watch {
	struct child_table *table;
	int slot;
};

struct child_table {
	struct child_world world;
	pid_t supervisor;
	int idle_fd;
	int slots_used;
	struct child_record records[SCOREBOARD_SLOTS];
	struct ready_watch watches[SCOREBOARD_SLOTS];
};

/* ---------------------------------------------------------------- the table */

struct child_table *
child_table_new(const struct child_world *world, struct failure *why)
{
	struct child_table *table = calloc(1, sizeof(*table));

	if (table == NULL) {
		failure_set(why, FAILURE_UNKNOWN, "out of memory");
		return NULL;
	}
	table->idle_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (table->idle_fd < 0) {
		failure_set(why, FAILURE_UNKNOWN, "eventfd: %s", strerror(errno));
		free(table);
		return NULL;
	}
	table->world = *world;
	table->supervisor = getpid();
	for (int slot = 0; slot < SCOREBOARD_SLOTS; slot++) {
		table->records[slot].control_fd = table->records[slot].ready_fd = -1;
		table->watches[slot] = (struct ready_watch){.table = table, .slot = slot};
	}
	return table;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* READY was said, or nothing more is to be expected on that pipe. */
static void
end_ready_watch(struct child_record *record)
{
	if (record->ready_event != NULL)
		event_free(record->ready_event);
	record->ready_event = NULL;
	close_fd(&record->ready_fd);
}

void
child_table_free(struct child_table *table)
{
	if (table == NULL)
		return;
	for (int slot = 0; slot < table->slots_used; slot++) {
		end_ready_watch(&table->records[slot]);
		close_fd(&table->records[slot].control_fd);
	}
	close_fd(&table->idle_fd);
	free(table);
}

int
child_slots_used(const struct child_table *table)
{
	return table->slots_used;
}

const struct child_record *
child_at(const struct child_table *table, int slot)
{
	return &table->records[slot];
}

int
child_free_slot(const struct child_table *table)
{
	int pausing = 0;

	for (int slot = SCOREBOARD_DISPATCHER + 1; slot < SCOREBOARD_SLOTS; slot++) {
		if (table->records[slot].life == CHILD_ABSENT)
			return slot;
		if (table->records[slot].life == CHILD_WAITING && pausing == 0)
			pausing = slot;
	}
	return pausing;
}

/* ---------------------------------------------------------------- READY */

/* True once the byte is there. */
static bool
read_ready(struct child_record *record)
{
	char byte;

	if (record->ready_fd < 0 || read(record->ready_fd, &byte, 1) != 1)
		return false;
	record->was_ready = true;
	if (record->life == CHILD_STARTING)
		record->life = CHILD_READY;
	return true;
}

static void
on_ready_readable(evutil_socket_t fd, short what, void *argument)
{
	const struct ready_watch *watch = argument;
	struct child_table *table = watch->table;
	struct child_record *record = &table->records[watch->slot];
	bool ready = read_ready(record);

	(void)fd;
	(void)what;
	if (!ready && (errno == EINTR || errno == EAGAIN))
		return;
	end_ready_watch(record);
	if (ready)
		table->world.on_ready(table->world.argument, watch->slot);
}

void
child_hear_ready(struct child_table *table)
{
	for (int slot = 0; slot < table->slots_used; slot++) {
		struct child_record *record = &table->records[slot];

		if (record->pid == 0 || !read_ready(record))
			continue;
		end_ready_watch(record);
		table->world.on_ready(table->world.argument, slot);
	}
}

/* ---------------------------------------------------------------- birth */

struct birth_pipes {
	int control[2], ready[2];
};

static void
close_pipes(struct birth_pipes *pipes)
{
	for (int end = 0; end < 2; end++) {
		close_fd(&pipes->control[end]);
		close_fd(&pipes->ready[end]);
	}
}

static bool
open_pipes(struct birth_pipes *pipes, struct failure *why)
{
	*pipes = (struct birth_pipes){.control = {-1, -1}, .ready = {-1, -1}};
	if (pipe2(pipes->control, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    pipe2(pipes->ready, O_CLOEXEC | O_NONBLOCK) < 0) {
		failure_set(why, FAILURE_AWAY, "pipe: %s", strerror(errno));
		close_pipes(pipes);
		return false;
	}
	(void)fcntl(pipes->control[1], F_SETPIPE_SZ, PIPE_BYTES);
	(void)fcntl(pipes->ready[1], F_SETPIPE_SZ, PIPE_BYTES);
	return true;
}

static pid_t
fork_blocked(const struct child *child, const struct child_table *table)
{
	sigset_t all, saved;
	pid_t pid;

	/* A handler of libevent's that ran in the child would wake the supervisor's loop. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &saved);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		child_process(child, table->supervisor, table->world.health);
	(void)sigprocmask(SIG_SETMASK, &saved, NULL);
	return pid;
}

/* The supervisor's side of a birth. */
static void
adopt(struct child_table *table, int slot, pid_t pid, struct birth_pipes *pipes)
{
	struct child_record *record = &table->records[slot];

	record->pid = pid;
	record->life = CHILD_STARTING;
	record->was_ready = record->killed = false;
	record->started_ms = clock_mono_ms();
	record->leaving_since_ms = 0;
	record->control_fd = pipes->control[1];
	record->ready_fd = pipes->ready[0];
	pipes->control[1] = pipes->ready[0] = -1;
	close_pipes(pipes);
	record->ready_event = event_new(table->world.base, record->ready_fd, EV_READ | EV_PERSIST,
					on_ready_readable, &table->watches[slot]);
	/* Without the event child_hear_ready() hears it, at the next tick. */
	if (record->ready_event == NULL || event_add(record->ready_event, NULL) < 0)
		log_event(LOG_WARN, "a child's readiness is looked for once a second",
			  (struct log_field[]){LOG_INT("slot", slot), LOG_END});
}

bool
child_start(struct child_table *table, int slot, const struct config *config,
	    uint64_t config_generation, struct failure *why)
{
	struct child_record *record = &table->records[slot];
	struct birth_pipes pipes;
	struct child child;
	pid_t pid;

	if (!open_pipes(&pipes, why))
		return false;
	record->generation++;
	identity_token(table->world.instance, slot, record->generation, record->token);
	scoreboard_assign(table->world.board, slot, record->generation, record->token);
	if (slot >= table->slots_used)
		table->slots_used = slot + 1;
	child = (struct child){
		.config = config,
		.board = table->world.board,
		.slot = slot,
		.generation = record->generation,
		.instance = table->world.instance,
		.token = record->token,
		.control_fd = pipes.control[0],
		.ready_fd = pipes.ready[1],
		.idle_fd = table->idle_fd,
		.at_start = table->world.at_start(table->world.argument),
	};
	pid = fork_blocked(&child, table);
	if (pid < 0) {
		failure_set(why, FAILURE_AWAY, "fork: %s", strerror(errno));
		scoreboard_vacate(table->world.board, slot);
		close_pipes(&pipes);
		return false;
	}
	record->config_generation = config_generation;
	adopt(table, slot, pid, &pipes);
	return true;
}

/* ---------------------------------------------------------------- life */

void
child_order(struct child_table *table, int slot, enum child_order order)
{
	struct child_record *record = &table->records[slot];
	char byte = (char)order;

	if (record->pid == 0)
		return;
	if (order != CHILD_ORDER_LOOK && record->life != CHILD_LEAVING) {
		record->life = CHILD_LEAVING;
		record->leaving_since_ms = clock_mono_ms();
	}
	/* A full pipe or a closed one: the child does not listen, and the watchdog knows what to
	 * do. */
	while (write(record->control_fd, &byte, 1) < 0 && errno == EINTR)
		continue;
}

void
child_kill(struct child_table *table, int slot)
{
	struct child_record *record = &table->records[slot];

	if (record->pid == 0)
		return;
	record->killed = true;
	(void)kill(record->pid, SIGKILL);
}

void
child_has_job(struct child_table *table, int slot, int64_t now_ms)
{
	table->records[slot].leaving_since_ms = now_ms;
}

/* ---------------------------------------------------------------- death */

static int
slot_of(const struct child_table *table, pid_t pid)
{
	for (int slot = 0; slot < table->slots_used; slot++)
		if (table->records[slot].pid == pid)
			return slot;
	return -1;
}

static void
bury(struct child_table *table, int slot, int wait_status, struct child_death *death)
{
	struct child_record *record = &table->records[slot];

	(void)read_ready(record); /* it may have said READY and died before the loop came round */
	*death = (struct child_death){
		.slot = slot,
		.pid = record->pid,
		.wait_status = wait_status,
		.generation = record->generation,
		.config_generation = record->config_generation,
		.was_ready = record->was_ready,
		.was_ordered = record->life == CHILD_LEAVING,
		.was_killed = record->killed,
		.lived_ms = clock_mono_ms() - record->started_ms,
	};
	memcpy(death->token, record->token, sizeof(death->token));
	end_ready_watch(record);
	close_fd(&record->control_fd);
	record->pid = 0;
	record->life = CHILD_ABSENT;
}

bool
child_reap(struct child_table *table, struct child_death *death)
{
	int wait_status, slot;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &wait_status, WNOHANG);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid <= 0)
			return false;
		slot = slot_of(table, pid);
		if (slot >= 0)
			break;
		log_event(LOG_DEBUG, "reaped a process that is not ours",
			  (struct log_field[]){LOG_INT("childPid", pid), LOG_END});
	}
	bury(table, slot, wait_status, death);
	return true;
}

void
child_wait(struct child_table *table, int slot, int64_t due_ms)
{
	table->records[slot].life = CHILD_WAITING;
	table->records[slot].due_ms = due_ms;
}

void
child_forget(struct child_table *table, int slot, bool forgiven)
{
	table->records[slot].life = CHILD_ABSENT;
	if (forgiven)
		table->records[slot].history = (struct restart_history){.streak = 0};
}

int64_t
child_pause(struct child_table *table, int slot, enum child_end end, bool was_ready,
	    int64_t lived_ms)
{
	uint32_t chance = 0;

	/* Without entropy there is no jitter, and no harm. */
	(void)!getrandom(&chance, sizeof(chance), GRND_NONBLOCK);
	return policy_restart_delay(&table->records[slot].history, end, was_ready, lived_ms,
				    chance);
}
