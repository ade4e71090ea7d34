/*
 * peer.c - an HTTP server that misbehaves as told.
 */
#include "tests/integration/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int
listen_somewhere(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 64) < 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		abort();
	*port = ntohs(address.sin_port);
	return fd;
}

int
peer_closed_port(void)
{
	int port;

	close(listen_somewhere(&port));
	return port;
}

static bool
send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data += sent;
		size -= (size_t)sent;
	}
	return true;
}

/* Up to the blank line, byte by byte; false: the other side went away. */
static bool
read_head(int fd, char *head, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		if (recv(fd, head + used, 1, 0) != 1)
			return false;
		head[++used] = '\0';
		if (used >= 4 && memcmp(head + used - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

static int64_t
body_size(const char *head)
{
	const char *line = strcasestr(head, "\r\nContent-Length:");

	return line != NULL ? strtoll(line + 17, NULL, 10) : 0;
}

static void
read_body(int fd, struct peer_count *count, size_t rule, int64_t size)
{
	char data[16384];
	int64_t done = 0;

	memset(count->body[rule], 0, sizeof(count->body[rule]));
	while (done < size) {
		ssize_t got = recv(fd, data, sizeof(data), 0);

		if (got <= 0)
			return;
		if ((size_t)done < sizeof(count->body[rule]) - 1) {
			size_t room = sizeof(count->body[rule]) - 1 - (size_t)done;

			memcpy(count->body[rule] + done, data,
			       (size_t)got < room ? (size_t)got : room);
		}
		done += got;
		count->bytes[rule] += got;
	}
	count->whole[rule]++;
}

static bool
send_with_body(int fd, const struct peer_rule *rule)
{
	const char *head = rule->answer != NULL ? rule->answer : "HTTP/1.1 200 OK\r\n";
	char length[64];

	(void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", strlen(rule->body));
	return send_all(fd, head, strlen(head)) && send_all(fd, length, strlen(length)) &&
	       send_all(fd, rule->body, strlen(rule->body));
}

static bool
play(int fd, const struct peer_rule *rule)
{
	static const char filler[65536];
	size_t size = rule->answer_size;

	if (rule->body != NULL)
		return send_with_body(fd, rule);
	if (rule->answer != NULL && size == 0)
		size = strlen(rule->answer);
	if (size > 0 && !send_all(fd, rule->answer, size))
		return false;
	for (int64_t left = rule->filler_size; left > 0;) {
		size_t piece = left < (int64_t)sizeof(filler) ? (size_t)left : sizeof(filler);

		if (!send_all(fd, filler, piece))
			return false;
		left -= (int64_t)piece;
	}
	return true;
}

static void
hang(int fd)
{
	char data[16384];

	while (recv(fd, data, sizeof(data), 0) > 0)
		;
}

static bool
serve_one(int fd, const struct peer_rule *rules, size_t rule_count, struct peer_count *count)
{
	struct linger abrupt = {.l_onoff = 1, .l_linger = 0};
	char head[4096];
	const char *target;
	size_t i;

	if (!read_head(fd, head, sizeof(head)))
		return false;
	target = strchr(head, ' ');
	for (i = 0; i < rule_count; i++)
		if (target != NULL &&
		    strncmp(target + 1, rules[i].path, strlen(rules[i].path)) == 0)
			break;
	if (i == rule_count)
		return false;
	memcpy(count->head[i], head, sizeof(head));
	count->requests[i]++;
	if (!rules[i].at_once)
		read_body(fd, count, i, body_size(head));
	if (!play(fd, &rules[i]))
		return false;
	if (rules[i].then == PEER_HANG)
		hang(fd);
	if (rules[i].then == PEER_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
	return rules[i].then == PEER_KEEP;
}

static void
serve(int listener, const struct peer_rule *rules, size_t rule_count, struct peer_count *count)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		count->connections++;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (serve_one(fd, rules, rule_count, count))
				;
			close(fd);
			_exit(0);
		}
		close(fd);
	}
}

void
peer_start(struct peer *peer, const struct peer_rule *rules, size_t count)
{
	pid_t parent = getpid();
	int listener = listen_somewhere(&peer->port);

	peer->count = mmap(NULL, sizeof(*peer->count), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (peer->count == MAP_FAILED || count > PEER_RULES)
		abort();
	(void)snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%d", peer->port);
	peer->pid = fork();
	if (peer->pid < 0)
		abort();
	if (peer->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		serve(listener, rules, count, peer->count);
	}
	close(listener);
}

void
peer_stop(struct peer *peer)
{
	kill(peer->pid, SIGKILL);
	(void)waitpid(peer->pid, NULL, 0);
	munmap(peer->count, sizeof(*peer->count));
	peer->count = NULL;
}
