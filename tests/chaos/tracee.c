/*
 * tracee.c - a process whose system calls are held, looked at and made to fail.   [tests]
 */
#include "tests/chaos/tracee.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL_STOP    (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */
#define PIECES       16
#define PENDING_MOST 32

static bool
complain(const char *what)
{
	fprintf(stderr, "killpoint: %s: %s\n", what, strerror(errno));
	return false;
}

/* ---------------------------------------------------------------- holding */

bool
tracee_seize(struct tracee *tracee, pid_t pid)
{
	*tracee = (struct tracee){.pid = pid};
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0)
		return complain("cannot seize the process");
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		return complain("cannot stop the process");
	return true;
}

/* In the child. */
_Noreturn static void
become(char *const argv[], const char *output)
{
	int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
		(void)complain(output);
		_exit(127);
	}
	(void)raise(SIGSTOP);
	(void)execvp(argv[0], argv);
	(void)complain(argv[0]);
	_exit(127);
}

bool
tracee_start(struct tracee *tracee, char *const argv[], const char *output)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return complain("fork");
	if (pid == 0)
		become(argv, output);
	if (waitpid(pid, &status, WUNTRACED) < 0 || !WIFSTOPPED(status))
		return complain("the program did not start");
	*tracee = (struct tracee){.pid = pid};
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
		return complain("cannot seize the program");
	return kill(pid, SIGCONT) == 0 && ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0;
}

enum tracee_stop
tracee_understand(struct tracee *tracee, int status)
{
	struct __ptrace_syscall_info info;

	tracee->status = status;
	if (!WIFSTOPPED(status))
		return TRACEE_ENDED;
	if (status >> 16 != 0)
		return TRACEE_AT_STOP;
	if (WSTOPSIG(status) == SIGTRAP)
		return TRACEE_STEPPED;
	if (WSTOPSIG(status) != CALL_STOP)
		return TRACEE_AT_SIGNAL;
	memset(&info, 0, sizeof(info));
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid, sizeof(info), &info) < 0)
		return TRACEE_AT_STOP; /* it has just been killed */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		tracee->number = (long)info.entry.nr;
		for (size_t i = 0; i < 6; i++)
			tracee->args[i] = info.entry.args[i];
		return TRACEE_BEFORE;
	}
	tracee->result = info.exit.rval;
	return TRACEE_AFTER;
}

/* The process may have been killed meanwhile; the next waitpid() tells. */
void
tracee_go_on(const struct tracee *tracee, enum tracee_stop stop)
{
	int signo = stop == TRACEE_AT_SIGNAL ? WSTOPSIG(tracee->status) : 0;

	if (stop == TRACEE_AT_STOP && WSTOPSIG(tracee->status) != SIGTRAP)
		(void)ptrace(PTRACE_LISTEN, tracee->pid, NULL, NULL);
	else
		(void)ptrace(PTRACE_SYSCALL, tracee->pid, NULL, (void *)(intptr_t)signo);
}

void
tracee_interrupt(const struct tracee *tracee)
{
	(void)ptrace(PTRACE_INTERRUPT, tracee->pid, NULL, NULL);
}

void
tracee_step(const struct tracee *tracee)
{
	(void)ptrace(PTRACE_SINGLESTEP, tracee->pid, NULL, NULL);
}

bool
tracee_owes_step(const struct tracee *tracee)
{
	struct __ptrace_peeksiginfo_args all = {.nr = PENDING_MOST};
	siginfo_t pending[PENDING_MOST];
	long count = ptrace(PTRACE_PEEKSIGINFO, tracee->pid, &all, pending);

	for (long i = 0; i < count; i++)
		if (pending[i].si_signo == SIGTRAP)
			return true;
	return false;
}

void
tracee_let_go(const struct tracee *tracee, enum tracee_stop stop)
{
	int signo = stop == TRACEE_AT_SIGNAL ? WSTOPSIG(tracee->status) : 0;

	(void)ptrace(PTRACE_DETACH, tracee->pid, NULL, (void *)(intptr_t)signo);
}

/* ---------------------------------------------------------------- changing a call */

#if defined(__x86_64__)
static bool
set_register(const struct tracee *tracee, size_t offset, uint64_t value)
{
	return ptrace(PTRACE_POKEUSER, tracee->pid, offset, value) == 0;
}

bool
tracee_skip_call(const struct tracee *tracee)
{
	return set_register(tracee, offsetof(struct user, regs.orig_rax), UINT64_MAX);
}

bool
tracee_give_result(const struct tracee *tracee, int64_t result)
{
	return set_register(tracee, offsetof(struct user, regs.rax), (uint64_t)result);
}

bool
tracee_cut_call(const struct tracee *tracee, uint64_t size)
{
	return set_register(tracee, offsetof(struct user, regs.rdx), size);
}

bool
tracee_starve_brk(const struct tracee *tracee)
{
	return set_register(tracee, offsetof(struct user, regs.rdi), 0);
}

bool
tracee_break_socket(const struct tracee *tracee)
{
	return set_register(tracee, offsetof(struct user, regs.orig_rax), SYS_shutdown) &&
	       set_register(tracee, offsetof(struct user, regs.rsi), SHUT_RDWR);
}

bool
tracee_put_back(const struct tracee *tracee)
{
	return set_register(tracee, offsetof(struct user, regs.rdi), tracee->args[0]) &&
	       set_register(tracee, offsetof(struct user, regs.rsi), tracee->args[1]) &&
	       set_register(tracee, offsetof(struct user, regs.rdx), tracee->args[2]);
}
#elif defined(__aarch64__)
static bool
set_register(const struct tracee *tracee, int which, uint64_t value)
{
	struct user_regs_struct regs;
	struct iovec io = {.iov_base = &regs, .iov_len = sizeof(regs)};

	if (ptrace(PTRACE_GETREGSET, tracee->pid, NT_PRSTATUS, &io) < 0)
		return false;
	regs.regs[which] = value;
	return ptrace(PTRACE_SETREGSET, tracee->pid, NT_PRSTATUS, &io) == 0;
}

static bool
set_call(const struct tracee *tracee, int number)
{
	struct iovec io = {.iov_base = &number, .iov_len = sizeof(number)};

	return ptrace(PTRACE_SETREGSET, tracee->pid, NT_ARM_SYSTEM_CALL, &io) == 0;
}

bool
tracee_skip_call(const struct tracee *tracee)
{
	return set_call(tracee, -1);
}

bool
tracee_break_socket(const struct tracee *tracee)
{
	return set_call(tracee, SYS_shutdown) && set_register(tracee, 1, SHUT_RDWR);
}

bool
tracee_put_back(const struct tracee *tracee)
{
	/* The first is where the result is. */
	return set_register(tracee, 1, tracee->args[1]) && set_register(tracee, 2, tracee->args[2]);
}

bool
tracee_give_result(const struct tracee *tracee, int64_t result)
{
	return set_register(tracee, 0, (uint64_t)result);
}

bool
tracee_cut_call(const struct tracee *tracee, uint64_t size)
{
	return set_register(tracee, 2, size);
}

bool
tracee_starve_brk(const struct tracee *tracee)
{
	return set_register(tracee, 0, 0);
}
#else
/* Where it is not known which registers hold a system call, processes can be killed, but no call
 * can be made to fail. */
bool
tracee_skip_call(const struct tracee *tracee)
{
	return tracee == NULL;
}

bool
tracee_give_result(const struct tracee *tracee, int64_t result)
{
	return tracee == NULL && result == 0;
}

bool
tracee_cut_call(const struct tracee *tracee, uint64_t size)
{
	return tracee == NULL && size == 0;
}

bool
tracee_starve_brk(const struct tracee *tracee)
{
	return tracee == NULL;
}

bool
tracee_break_socket(const struct tracee *tracee)
{
	return tracee == NULL;
}

bool
tracee_put_back(const struct tracee *tracee)
{
	return tracee == NULL;
}
#endif

/* ---------------------------------------------------------------- looking at a call */

static size_t
peek(const struct tracee *tracee, uint64_t address, void *out, size_t size)
{
	const struct iovec local = {.iov_base = out, .iov_len = size};
	/* An address of another process. */
	const struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t n = size > 0 ? process_vm_readv(tracee->pid, &local, 1, &remote, 1, 0) : 0;

	return n > 0 ? (size_t)n : 0;
}

/* Up to the end of the page: what lies behind may not be there. */
static size_t
peek_text(const struct tracee *tracee, uint64_t address, char *out, size_t size)
{
	size_t most = 4096 - (size_t)(address % 4096);

	return strnlen(out, peek(tracee, address, out, most < size ? most : size));
}

static size_t
peek_pieces(const struct tracee *tracee, uint64_t address, uint64_t count, char *out, size_t size)
{
	struct iovec pieces[PIECES];
	size_t got = peek(tracee, address, pieces,
			  (count < PIECES ? count : PIECES) * sizeof(pieces[0]));
	size_t used = 0;

	for (size_t i = 0; i < got / sizeof(pieces[0]) && used < size; i++) {
		size_t most = pieces[i].iov_len < size - used ? pieces[i].iov_len : size - used;

		used += peek(tracee, (uint64_t)(uintptr_t)pieces[i].iov_base, out + used, most);
	}
	return used;
}

size_t
tracee_data(const struct tracee *tracee, char *out, size_t out_size)
{
	uint64_t at = tracee->args[1], most = tracee->args[2];
	uint64_t given = tracee->result > 0 ? (uint64_t)tracee->result : 0;
	struct msghdr message;
	size_t n;

	switch (call_kind(tracee->number)->data) {
	case CALL_CARRIES_OUT:
		return peek(tracee, at, out, most < out_size ? most : out_size);
	case CALL_CARRIES_IN:
		return peek(tracee, at, out, given < out_size ? given : out_size);
	case CALL_CARRIES_OUT_IOV:
	case CALL_CARRIES_IN_IOV:
		n = peek_pieces(tracee, at, most, out, out_size);
		return call_kind(tracee->number)->data == CALL_CARRIES_OUT_IOV || n < given ? n
											    : given;
	case CALL_CARRIES_OUT_MSG:
	case CALL_CARRIES_IN_MSG:
		if (peek(tracee, at, &message, sizeof(message)) != sizeof(message))
			return 0;
		n = peek_pieces(tracee, (uint64_t)(uintptr_t)message.msg_iov, message.msg_iovlen,
				out, out_size);
		return call_kind(tracee->number)->data == CALL_CARRIES_OUT_MSG || n < given ? n
											    : given;
	case CALL_CARRIES_PATH:
		return peek_text(tracee, tracee->args[0], out, out_size);
	case CALL_CARRIES_PATH_AT:
		return peek_text(tracee, at, out, out_size);
	case CALL_CARRIES_NOTHING:
		return 0;
	}
	return 0;
}

static bool
has_descriptor(const struct call_kind *kind)
{
	return (kind->data >= CALL_CARRIES_OUT && kind->data <= CALL_CARRIES_IN_MSG) ||
	       kind->class == CALL_CONNECT || kind->class == CALL_OPTION ||
	       kind->class == CALL_FCNTL;
}

/* What /proc says the descriptor is: "socket:[12345]". */
static bool
read_link(const struct tracee *tracee, char *out, size_t out_size)
{
	char link[64];
	ssize_t n = -1;

	if (has_descriptor(call_kind(tracee->number))) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)tracee->pid,
			 (int)tracee->args[0]);
		n = readlink(link, out, out_size - 1);
	}
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

const char *
tracee_descriptor(const struct tracee *tracee)
{
	char target[64];

	if (!read_link(tracee, target, sizeof(target)))
		return "";
	if (strncmp(target, "socket:", 7) == 0)
		return "socket";
	return strncmp(target, "pipe:", 5) == 0 ? "pipe" : "file";
}

/* Whether the kernel's list of unix sockets has one with this inode ("12345]"). */
static bool
is_unix_socket(const struct tracee *tracee, const char *inode)
{
	char name[64], line[512], word[64];
	bool found = false;
	FILE *list;

	snprintf(name, sizeof(name), "/proc/%d/net/unix", (int)tracee->pid);
	list = fopen(name, "r");
	if (list == NULL)
		return false;
	snprintf(word, sizeof(word), " %.*s", (int)strcspn(inode, "]"), inode);
	while (!found && fgets(line, sizeof(line), list) != NULL) {
		char *at = strstr(line, word);

		found = at != NULL && (at[strlen(word)] == ' ' || at[strlen(word)] == '\n');
	}
	(void)fclose(list);
	return found;
}

const char *
tracee_descriptor_family(const struct tracee *tracee)
{
	char target[64];

	if (!read_link(tracee, target, sizeof(target)) || strncmp(target, "socket:[", 8) != 0)
		return tracee_descriptor(tracee);
	return is_unix_socket(tracee, target + 8) ? "unix" : "inet";
}

enum call_class
tracee_call_class(const struct tracee *tracee)
{
	enum call_class class = call_kind(tracee->number)->class;

	if (class != CALL_WRITE && class != CALL_READ)
		return class;
	if (strcmp(tracee_descriptor(tracee), "socket") != 0)
		return class;
	return class == CALL_WRITE ? CALL_SEND : CALL_RECV;
}
