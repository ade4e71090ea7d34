/*
 * starve.c - lets one allocation of one process fail.                    [tests]
 *
 * Preloaded into the program. STARVE_FILE is a page that the test shares with all its processes
 * (struct page below): the process whose number stands in it counts its allocations, and the n-th
 * fails; so do as many after it as are asked for. Where that was is written to STARVE_FILE.trace.
 * Strings are copied by malloc() as well, so that strdup() and asprintf() take part. The process
 * whose number stands in no_random gets no random numbers of libcrypto, as after a generator that
 * was denied memory.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/rand.h>

/* Read and written by the test, in this order and size. */
struct page {
	_Atomic int32_t pid;   /* 0: nobody */
	_Atomic int32_t burst; /* how many fail */
	_Atomic int64_t at;    /* the first one that fails */
	_Atomic int64_t count; /* so far */
	_Atomic int64_t fired; /* how many have failed */
	_Atomic int32_t no_random;
};

#define FRAMES 24

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct page *page;
static char trace_name[256];
static _Thread_local bool inside;

__attribute__((constructor)) static void
starve_open(void)
{
	const char *name = getenv("STARVE_FILE");
	void *frames[1];
	int fd;

	(void)backtrace(frames, 1); /* the first time it loads a library */
	if (name == NULL)
		return;
	(void)snprintf(trace_name, sizeof(trace_name), "%s.trace", name);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		page = NULL;
	(void)close(fd);
}

static void
write_trace(void)
{
	void *frames[FRAMES];
	int count = backtrace(frames, FRAMES);
	int fd = open(trace_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	backtrace_symbols_fd(frames, count, fd);
	(void)close(fd);
}

/* Whether this allocation is one that fails. */
static bool
is_denied(void)
{
	int64_t count;

	if (page == NULL || inside || page->pid == 0 || page->pid != getpid())
		return false;
	count = ++page->count;
	if (count < page->at || count >= page->at + page->burst)
		return false;
	inside = true;
	if (page->fired++ == 0)
		write_trace();
	inside = false;
	errno = ENOMEM;
	return true;
}

/* libc's headers name the parameters otherwise.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

void *
malloc(size_t size)
{
	return is_denied() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return is_denied() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return is_denied() ? NULL : __libc_realloc(old, size);
}

void *
memalign(size_t alignment, size_t size)
{
	return is_denied() ? NULL : __libc_memalign(alignment, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return is_denied() ? NULL : __libc_memalign(alignment, size);
}

int
posix_memalign(void **out, size_t alignment, size_t size)
{
	void *got = is_denied() ? NULL : __libc_memalign(alignment, size);

	if (got == NULL)
		return ENOMEM;
	*out = got;
	return 0;
}

int
RAND_bytes(unsigned char *bytes, int size)
{
	int (*real)(unsigned char *, int);

	if (page != NULL && page->no_random == getpid())
		return 0;
	*(void **)&real = dlsym(RTLD_NEXT, "RAND_bytes");
	return real != NULL ? real(bytes, size) : 0;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
