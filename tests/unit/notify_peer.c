/*
 * notify_peer.c - systemd's end of $NOTIFY_SOCKET.
 */
#include "tests/unit/notify_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
notify_peer_open(struct notify_peer *peer, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(name);

	assert_true(size < sizeof(peer->name) && size < sizeof(address.sun_path));
	(void)snprintf(peer->name, sizeof(peer->name), "%s", name);
	memcpy(address.sun_path, name, size);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	else
		(void)unlink(name);
	peer->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(peer->fd >= 0);
	assert_int_equal(bind(peer->fd, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
			 0);
}

const char *
notify_peer_next(struct notify_peer *peer, int wait_ms)
{
	struct pollfd ready = {.fd = peer->fd, .events = POLLIN};
	ssize_t size;

	if (poll(&ready, 1, wait_ms) <= 0)
		return NULL;
	size = recv(peer->fd, peer->text, sizeof(peer->text) - 1, 0);
	if (size < 0)
		return NULL;
	peer->text[size] = '\0';
	return peer->text;
}

void
notify_peer_close(struct notify_peer *peer)
{
	(void)close(peer->fd);
	if (peer->name[0] != '@')
		(void)unlink(peer->name);
}
