#ifndef TESTS_UNIT_NOTIFY_PEER_H
#define TESTS_UNIT_NOTIFY_PEER_H
/*
 * notify_peer.h - systemd's end of $NOTIFY_SOCKET.
 */
#include <stddef.h>

struct notify_peer {
	int fd;
	char name[96]; /* as in $NOTIFY_SOCKET */
	char text[4096];
};

/* Binds a path, or an abstract address that begins with "@". A failure fails the test. */
void notify_peer_open(struct notify_peer *peer, const char *name);
/* The next datagram, in the peer's own room; NULL: none came within wait_ms. */
const char *notify_peer_next(struct notify_peer *peer, int wait_ms);
void notify_peer_close(struct notify_peer *peer);

#endif
