/*
 * main.c - deviantart-sandbox: a stand-in for DeviantArt's API and for S3 storage. [sandbox]
 *
 * One process, one event loop. It listens on the loopback interface only, and holds no file in
 * memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>

#include "tests/sandbox/call.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/limits.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/options.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/tokens.h"

static void
on_stop(evutil_socket_t signal_number, short what, void *context)
{
	(void)signal_number;
	(void)what;
	(void)event_base_loopbreak(context);
}

/* A parent that died before the request to be told of it is noticed by its absence. */
static bool
follow_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) {
		perror("deviantart-sandbox: prctl");
		return false;
	}
	return getppid() == parent;
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* A reader sees no file, or all of it. */
static bool
write_port_file(const char *path, uint16_t port)
{
	char *temporary, text[8];
	int length = snprintf(text, sizeof(text), "%u\n", port);
	bool written = false;
	int file;

	if (path == NULL)
		return true;
	temporary = memory_format("%s.%ld", path, (long)getpid());
	file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file >= 0) {
		written = write(file, text, (size_t)length) == length;
		written = close(file) == 0 && written && rename(temporary, path) == 0;
	}
	if (!written)
		fprintf(stderr, "deviantart-sandbox: %s: %s\n", path, strerror(errno));
	free(temporary);
	return written;
}

static bool
check_root(const char *root)
{
	struct stat info;

	if (root == NULL || (stat(root, &info) == 0 && S_ISDIR(info.st_mode)))
		return true;
	fprintf(stderr, "deviantart-sandbox: --s3-root %s is not a directory\n", root);
	return false;
}

static bool
sandbox_open(struct sandbox *sandbox, const struct options *options)
{
	memset(sandbox, 0, sizeof(*sandbox));
	sandbox->options = options;
	sandbox->base = event_base_new();
	settings_init(&sandbox->settings);
	state_init(&sandbox->state);
	sandbox->tokens = tokens_new();
	sandbox->limits = limits_new();
	sandbox->faults = faults_new();
	sandbox->ledger = ledger_new();
	LIST_INIT(&sandbox->calls);
	sandbox->site_handler = call_site_handler;
	sandbox->site_handler.context = sandbox;
	sandbox->storage_handler = call_storage_handler;
	sandbox->storage_handler.context = sandbox;
	if (sandbox->base == NULL)
		fputs("deviantart-sandbox: no event loop\n", stderr);
	return sandbox->base != NULL && (options->ledger_file == NULL ||
					 ledger_open_file(sandbox->ledger, options->ledger_file));
}

static bool
sandbox_listen(struct sandbox *sandbox)
{
	const struct options *options = sandbox->options;
	uint16_t port = 0, s3_port = 0;

	sandbox->site =
		http_server_new(sandbox->base, options->port, &sandbox->site_handler, &port);
	if (sandbox->site == NULL)
		return false;
	if (options->s3_root != NULL) {
		sandbox->storage = http_server_new(sandbox->base, options->s3_port,
						   &sandbox->storage_handler, &s3_port);
		if (sandbox->storage == NULL)
			return false;
	}
	if (!options->quiet) {
		printf("listening on http://127.0.0.1:%u\n", port);
		if (sandbox->storage != NULL)
			printf("storage on http://127.0.0.1:%u\n", s3_port);
		(void)fflush(stdout);
	}
	/* The storage's first: who waits for the other may use both. */
	return write_port_file(sandbox->storage != NULL ? options->s3_port_file : NULL, s3_port) &&
	       write_port_file(options->port_file, port);
}

static bool
sandbox_serve(struct sandbox *sandbox)
{
	struct event *term = evsignal_new(sandbox->base, SIGTERM, on_stop, sandbox->base);
	struct event *interrupt = evsignal_new(sandbox->base, SIGINT, on_stop, sandbox->base);
	bool served = event_add(term, NULL) == 0 && event_add(interrupt, NULL) == 0 &&
		      event_base_dispatch(sandbox->base) == 0;

	if (!served)
		fputs("deviantart-sandbox: the event loop failed\n", stderr);
	event_free(term);
	event_free(interrupt);
	return served;
}

static void
sandbox_close(struct sandbox *sandbox)
{
	http_server_free(sandbox->site);
	http_server_free(sandbox->storage);
	call_abandon_all(sandbox);
	ledger_free(sandbox->ledger);
	faults_free(sandbox->faults);
	limits_free(sandbox->limits);
	tokens_free(sandbox->tokens);
	state_fini(&sandbox->state);
	settings_fini(&sandbox->settings);
	if (sandbox->base != NULL)
		event_base_free(sandbox->base);
}

int
main(int argc, char **argv)
{
	pid_t parent = getppid();
	struct options options;
	struct sandbox sandbox;
	bool served;

	memory_install();
	options_parse(&options, argc, argv);
	if (options.die_with_parent && !follow_parent(parent))
		return EXIT_SUCCESS;
	(void)signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	if (!check_root(options.s3_root))
		return EX_USAGE;
	served = sandbox_open(&sandbox, &options) && sandbox_listen(&sandbox) &&
		 sandbox_serve(&sandbox);
	sandbox_close(&sandbox);
	return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
