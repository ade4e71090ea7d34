/*
 * process.c - coroutines, and the system calls by which the program waits.   [simulator]
 *
 * poll(), read(), write(), close() and _exit() come here (ld --wrap) wherever the program calls
 * them; descriptors that are not the simulator's go on to the kernel.
 */
#include "tests/chaos/simulator/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include "tests/chaos/simulator/checks.h"
#include "tests/chaos/simulator/host.h"
#include "tests/chaos/simulator/server.h"
#include "tests/chaos/simulator/sim.h"

#define PROCESSES   64
#define STACK_BYTES (256L * 1024 * SIM_STACK_FACTOR)
#ifdef WITH_ASAN
#define SIM_STACK_FACTOR 4
#else
#define SIM_STACK_FACTOR 1
#endif

static struct process table[PROCESSES];
static struct coroutine {
	ucontext_t context;
	void *stack;
} coroutines[PROCESSES];
static ucontext_t scheduler;
static struct process *current;
static int serials;

struct process *
process_current(void)
{
	return current;
}

const char *
process_name(const struct process *p)
{
	static char name[32];

	if (p == NULL)
		return "-";
	snprintf(name, sizeof(name), "%c%d%s%d.%llu", 'A' + p->host->number, p->serial,
		 p->child.slot == SCOREBOARD_DISPATCHER ? "d" : "w", p->child.slot,
		 (unsigned long long)p->child.generation);
	return name;
}

/* ---- switching ---- */

#ifdef WITH_ASAN
static const void *scheduler_stack;
static size_t scheduler_stack_size;
#endif

static void
switch_to_scheduler(struct process *p, bool for_ever)
{
#ifdef WITH_ASAN
	void *fake = NULL;

	__sanitizer_start_switch_fiber(for_ever ? NULL : &fake, scheduler_stack,
				       scheduler_stack_size);
#endif
	(void)for_ever;
	swapcontext(&coroutines[p->number].context, &scheduler);
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(fake, &scheduler_stack, &scheduler_stack_size);
#endif
}

static void
resume(struct process *p)
{
#ifdef WITH_ASAN
	void *fake = NULL;

	__sanitizer_start_switch_fiber(&fake, coroutines[p->number].stack, STACK_BYTES);
#endif
	current = p;
	swapcontext(&scheduler, &coroutines[p->number].context);
	current = NULL;
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

static void
run_process(void)
{
	struct process *p = current;

#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_stack_size);
#endif
	if (p->child.slot == SCOREBOARD_DISPATCHER)
		dispatcher_main(&p->child);
	worker_main(&p->child);
}

/* ---- birth and death ---- */

static void
make_context(struct coroutine *c)
{
	getcontext(&c->context);
	c->context.uc_stack.ss_sp = c->stack;
	c->context.uc_stack.ss_size = STACK_BYTES;
	c->context.uc_link = NULL;
	makecontext(&c->context, run_process, 0);
}

struct process *
process_start(struct host *host, const struct child *child)
{
	struct process *p = table;
	struct coroutine *c;

	while (p < table + PROCESSES && p->alive)
		p++;
	if (p == table + PROCESSES)
		return NULL;
	*p = (struct process){.number = (int)(p - table),
			      .serial = ++serials,
			      .host = host,
			      .child = *child,
			      .alive = true,
			      .wake_ms = sim_now_ms() + sim_between(0, 20),
			      .last_stopped_ms = INT64_MIN / 2,
			      .at = "start"};
	snprintf(p->token, sizeof(p->token), "%s", child->token);
	snprintf(p->instance, sizeof(p->instance), "%s", child->instance);
	p->child.token = p->token;
	p->child.instance = p->instance;
	p->child.control_fd = SIM_FD_CONTROL + p->number;
	p->child.ready_fd = -1;
	p->child.idle_fd = SIM_FD_IDLE + host->number;
	c = &coroutines[p->number];
	if (c->stack == NULL) {
		c->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (c->stack == MAP_FAILED)
			abort();
	}
#ifdef WITH_ASAN
	/* Who had this stack before may have been killed in the middle of a function. */
	__asan_unpoison_memory_region(c->stack, STACK_BYTES);
#endif
	make_context(c);
	TRACE("%s starts", process_name(p));
	return p;
}

static void
die(struct process *p, int wait_status)
{
	p->alive = false;
	p->wait_status = wait_status;
	check_process_died(p);
	server_forget_process(p);
	host_child_died(p->host, p);
}

void
process_kill(struct process *p, int signal)
{
	if (!p->alive)
		return;
	TRACE("%s killed by signal %d at \"%s\"", process_name(p), signal, p->at);
	/* What had left before may still arrive, a while later. */
	if (p->detach != NULL && sim_chance(6000)) {
		p->detach(p->request, sim_now_ms() + sim_between(0, 3000));
		sim_count(SIM_LATE_EFFECTS);
	}
	die(p, signal);
}

_Noreturn void __wrap__exit(int status);
_Noreturn void
__wrap__exit(int status)
{
	struct process *p = current;

	if (p == NULL)
		_Exit(status);
	TRACE("%s leaves with status %d", process_name(p), status);
	die(p, (status & 0xFF) << 8);
	switch_to_scheduler(p, true);
	abort();
}

void
process_order(struct process *p, char order)
{
	if (p->order_count < sizeof(p->orders))
		p->orders[p->order_count++] = order;
	process_wake(p);
}

void
process_close_control(struct process *p)
{
	p->control_closed = true;
	process_wake(p);
}

void
process_wake(struct process *p)
{
	p->woken = true;
}

struct process *
process_next(int *at)
{
	while (*at < PROCESSES) {
		struct process *p = &table[(*at)++];

		if (p->alive)
			return p;
	}
	return NULL;
}

bool
process_is_alive(int serial)
{
	struct process *p;

	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->serial == serial)
			return true;
	}
	return false;
}

struct process *
process_by_token(const char *token)
{
	struct process *p;

	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (strcmp(p->token, token) == 0)
			return p;
	}
	return NULL;
}

/* ---- waiting ---- */

void
process_wait(int64_t until_ms, bool interruptible)
{
	struct process *p = current;

	if (p == NULL)
		return;
	p->wake_ms = until_ms;
	p->interruptible = interruptible;
	switch_to_scheduler(p, false);
	p->woken = false;
}

void
process_latency(void)
{
	int64_t ms = sim_chance(6000) ? 0 : sim_between(0, 4);

	if (sim_strikes(weather.slow))
		ms = sim_chance(5000) ? sim_between(5, 400) : sim_between(400, 12000);
	process_wait(sim_now_ms() + ms, false);
}

/* ---- the scheduler ---- */

static int64_t
due_ms(const struct process *p)
{
	int64_t at_ms = p->interruptible && p->woken ? sim_now_ms() : p->wake_ms;

	if (p->stopped_until_ms > at_ms)
		at_ms = p->stopped_until_ms;
	if (p->host->frozen_until_ms > at_ms)
		at_ms = p->host->frozen_until_ms;
	return at_ms;
}

/* Moments of which there are few, and on which all depends. */
static unsigned
weight(const struct process *p)
{
	static const char *const moments[] = {"publisher_publishing", "publisher_published",
					      "publisher_submitted",  "publisher_token_store",
					      "stash/publish",        "oauth2/token"};

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		if (strcmp(p->at, moments[i]) == 0)
			return 5;
	}
	return 1;
}

/* Whether this is where its story ends, or stands still for a while. */
static bool
strikes(struct process *p)
{
	if (sim_strikes(weight(p) * weather.kill)) {
		sim_count(SIM_KILLS);
		process_kill(p, SIGKILL);
		return true;
	}
	if (sim_strikes(weight(p) * weather.stop)) {
		int64_t lock_ms = p->child.config->lock_duration_ms;

		p->stopped_until_ms =
			sim_now_ms() + (sim_chance(5000) ? sim_between(1, lock_ms)
							 : sim_between(lock_ms, 8 * lock_ms));
		p->last_stopped_ms = sim_now_ms();
		sim_count(SIM_STOPS);
		TRACE("%s stopped for %lld ms at \"%s\"", process_name(p),
		      (long long)(p->stopped_until_ms - sim_now_ms()), p->at);
		return true;
	}
	return false;
}

bool
process_run_one(void)
{
	struct process *ready[PROCESSES];
	uint32_t count = 0;
	struct process *p;

	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (due_ms(p) <= sim_now_ms())
			ready[count++] = p;
	}
	if (count == 0)
		return false;
	p = ready[sim_below(count)];
	sim_count(SIM_STEPS);
	if (!strikes(p))
		resume(p);
	return true;
}

int64_t
process_next_ms(bool *all_rest)
{
	int64_t next_ms = INT64_MAX;
	struct process *p;

	*all_rest = true;
	for (int at = 0; (p = process_next(&at)) != NULL;) {
		int64_t at_ms = due_ms(p);

		if (at_ms < next_ms)
			next_ms = at_ms;
		if (!p->interruptible || host_has_job(p->host, p->child.slot))
			*all_rest = false;
	}
	return next_ms;
}

void
process_sleep_until(int64_t ms)
{
	struct process *p;

	for (int at = 0; (p = process_next(&at)) != NULL;) {
		if (p->wake_ms < ms)
			p->wake_ms = ms;
	}
}

void
process_forget_all(void)
{
	for (int i = 0; i < PROCESSES; i++)
		table[i].alive = false;
	serials = 0;
}

/* ---- system calls ---- */

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t size);
int __real_close(int fd);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
int __wrap_close(int fd);

static bool
is_readable(int fd)
{
	if (fd >= SIM_FD_REDIS)
		return server_is_readable(fd - SIM_FD_REDIS);
	if (fd >= SIM_FD_IDLE)
		return current->host->idle_count > 0;
	if (fd >= SIM_FD_CONTROL)
		return current->order_count > 0 || current->control_closed;
	return false;
}

static int
count_readable(struct pollfd *fds, nfds_t count)
{
	int readable = 0;

	for (nfds_t i = 0; i < count; i++) {
		fds[i].revents = fds[i].fd >= 0 && is_readable(fds[i].fd) ? POLLIN : 0;
		readable += fds[i].revents != 0;
	}
	return readable;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int64_t end_ms = timeout_ms < 0 ? INT64_MAX : sim_now_ms() + timeout_ms;
	int readable;

	if (current == NULL)
		return __real_poll(fds, count, timeout_ms);
	/* Once around in any case: a loop over a readable descriptor is work too. */
	readable = count_readable(fds, count);
	process_wait(readable > 0 ? sim_now_ms() : end_ms, true);
	while ((readable = count_readable(fds, count)) == 0 && sim_now_ms() < end_ms)
		process_wait(end_ms, true);
	return readable;
}

ssize_t
__wrap_read(int fd, void *bytes, size_t size)
{
	struct process *p = current;

	if (p != NULL && fd >= SIM_FD_IDLE && fd < SIM_FD_REDIS) {
		uint64_t value = p->host->idle_count;

		if (value == 0) {
			errno = EAGAIN;
			return -1;
		}
		p->host->idle_count = 0;
		memcpy(bytes, &value, sizeof(value) < size ? sizeof(value) : size);
		return (ssize_t)sizeof(value);
	}
	if (p == NULL || fd < SIM_FD_CONTROL)
		return __real_read(fd, bytes, size);
	if (p->order_count == 0) {
		errno = EAGAIN;
		return p->control_closed ? 0 : -1;
	}
	if (size > p->order_count)
		size = p->order_count;
	memcpy(bytes, p->orders, size);
	memmove(p->orders, p->orders + size, p->order_count - size);
	p->order_count -= size;
	return (ssize_t)size;
}

ssize_t
__wrap_write(int fd, const void *bytes, size_t size)
{
	if (current != NULL && fd == -1) { /* READY, which a worker says once */
		host_child_ready(current->host, current);
		return (ssize_t)size;
	}
	if (current != NULL && fd >= SIM_FD_IDLE) {
		current->host->idle_count++;
		host_wake_dispatcher(current->host);
		return (ssize_t)size;
	}
	return __real_write(fd, bytes, size);
}

int
__wrap_close(int fd)
{
	return current != NULL ? 0 : __real_close(fd);
}
