/*
 * http_socket.c - is the other side of a kept connection still there?  [worker]
 *
 * A way that was forgotten while nobody used it (by a NAT, a load balancer) says nothing: a
 * connection on it takes what it is given until its buffer is full, and the kernel gives up after a
 * quarter of an hour. A server that is only slow is another thing: its kernel acknowledges, also
 * that it has no room. TCP_USER_TIMEOUT would not tell the two apart: it ends connections to the
 * slow ones, too (tcp_probe_timer() of Linux). Of a connection that was just made the way was
 * there: it is given the time to come back that the request has.
 */
#include "worker/http/http_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define KEEPALIVE_IDLE_S     15
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES     3

/* For an answer that is waited for: nothing is under way then that could be acknowledged. */
static void
keep_alive(curl_socket_t fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
	};

	/* Each makes things better and none is needed. */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
}

/* Called for each socket that is made. */
static int
note_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	struct http_sockets *sockets = arg;
	size_t i = 0;

	(void)purpose;
	while (i < sockets->count && sockets->fds[i] != fd)
		i++;
	if (i == sockets->count && i < HTTP_SOCKETS)
		sockets->fds[sockets->count++] = fd;
	return CURL_SOCKOPT_OK;
}

static int
local_port(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return -1;
	if (address.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
	if (address.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
	return -1;
}

/*
 * Called when a request is about to be sent, whether on a kept connection or a new one. libcurl
 * tells which socket that is only when all is over (CURLINFO_ACTIVESOCKET), its port already now.
 */
static int
note_request(void *arg, char *remote_ip, char *local_ip, int remote_port, int port)
{
	struct http_exchange *x = arg;
	const struct http_sockets *sockets = http_sockets(x->http);
	long made = 1;

	(void)remote_ip, (void)local_ip, (void)remote_port;
	x->kept_fd = -1;
	if (curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &made) != CURLE_OK || made != 0)
		return CURL_PREREQFUNC_OK;
	for (size_t i = 0; i < sockets->count; i++)
		if (port > 0 && local_port(sockets->fds[i]) == port)
			x->kept_fd = sockets->fds[i];
	if (x->kept_fd >= 0)
		keep_alive(x->kept_fd);
	return CURL_PREREQFUNC_OK;
}

void
http_socket_watch(struct http_exchange *x)
{
	x->kept_fd = -1;
	curl_easy_setopt(x->easy, CURLOPT_SOCKOPTFUNCTION, note_socket);
	curl_easy_setopt(x->easy, CURLOPT_SOCKOPTDATA, http_sockets(x->http));
	curl_easy_setopt(x->easy, CURLOPT_PREREQFUNCTION, note_request);
	curl_easy_setopt(x->easy, CURLOPT_PREREQDATA, x);
}

/* Probes are counted since the last one that was answered; the first may just be on its way. */
bool
http_socket_is_unheard(const struct http_exchange *x)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	return x->kept_fd >= 0 &&
	       getsockopt(x->kept_fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       (info.tcpi_unacked > 0 || info.tcpi_probes > 1) &&
	       info.tcpi_last_ack_recv >= HTTP_UNHEARD_MS;
}
