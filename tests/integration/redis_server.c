/*
 * redis_server.c - starts and stops a Redis for a test; see redis_server.h.   [tests]
 */
#include "tests/integration/redis_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#define START_MS    10000
#define OPTIONS_MAX 32
#define FIXED_COUNT 15

static int
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = -1;

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &size) == 0)
		port = ntohs(address.sin_port);
	if (fd >= 0)
		close(fd);
	return port;
}

static _Noreturn void
become_server(const struct redis_server *server)
{
	char port[16];
	const char *argv[FIXED_COUNT + OPTIONS_MAX + 1] = {
		"redis-server", "--port",     port,        "--bind", "127.0.0.1", "--unixsocket",
		server->socket, "--dir",      server->dir, "--save", "",          "--appendonly",
		"no",           "--loglevel", "warning",
	};

	snprintf(port, sizeof(port), "%d", server->port);
	for (int i = 0; server->options != NULL && server->options[i] != NULL && i < OPTIONS_MAX;
	     i++)
		argv[FIXED_COUNT + i] = server->options[i];
	/* Not one of them outlives a test that crashed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (freopen("/dev/null", "w", stdout) == NULL)
		_exit(126);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Any answer to PING will do: with a password it is an error. */
static bool
answers(const struct redis_server *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;
	bool ok;

	if (fd < 0)
		return false;
	strncpy(address.sun_path, server->socket, sizeof(address.sun_path) - 1);
	ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	     send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && recv(fd, &byte, 1, 0) == 1;
	close(fd);
	return ok;
}

bool
redis_server_again(struct redis_server *server)
{
	int64_t deadline_ms = clock_mono_ms() + START_MS;

	fflush(NULL);
	server->pid = fork();
	if (server->pid < 0)
		return false;
	if (server->pid == 0)
		become_server(server);
	while (!answers(server)) {
		if (clock_mono_ms() > deadline_ms ||
		    waitpid(server->pid, NULL, WNOHANG) == server->pid) {
			server->pid = 0;
			return false;
		}
		poll(NULL, 0, 5);
	}
	return true;
}

bool
redis_server_start(struct redis_server *server, const char *const *options)
{
	*server = (struct redis_server){.dir = "/tmp/publisher-redis.XXXXXX", .options = options};
	if (mkdtemp(server->dir) == NULL)
		return false;
	snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", server->dir);
	server->port = free_port();
	return server->port > 0 && redis_server_again(server);
}

void
redis_server_kill(struct redis_server *server)
{
	if (server->pid > 0) {
		kill(server->pid, SIGKILL);
		waitpid(server->pid, NULL, 0);
	}
	server->pid = 0;
}

void
redis_server_stop(struct redis_server *server)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;

	redis_server_kill(server);
	dir = opendir(server->dir);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", server->dir, entry->d_name);
		unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(server->dir);
}
