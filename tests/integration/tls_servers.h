#ifndef TESTS_INTEGRATION_TLS_SERVERS_H
#define TESTS_INTEGRATION_TLS_SERVERS_H
/*
 * tls_servers.h - four Redis with certificates, right and wrong.       [tests]
 *
 * Each has two users: TLS_USER, who may everything, and "default", who may nothing.
 */
#include <stdbool.h>

#include "tests/integration/redis_server.h"

#define TLS_USER     "publisher"
#define TLS_PASSWORD "hidden-pass"

struct tls_server {
	struct redis_server redis; /* its plain port and socket */
	int port;                  /* of TLS, on 127.0.0.1 and 127.0.0.2 */
	char certificate[96], key[96], port_text[16];
	const char *options[24];
};

struct tls_servers {
	char dir[64];
	char trusted[96];           /* a file with the certificates of all but the stranger */
	struct tls_server ours;     /* for localhost and 127.0.0.1 */
	struct tls_server misnamed; /* for another host */
	struct tls_server expired;  /* yesterday */
	struct tls_server stranger; /* self-signed, and nobody knows it */
};

/* False if one does not come up; stop them in any case. They must not move in memory. */
bool tls_servers_start(struct tls_servers *servers);
void tls_servers_stop(struct tls_servers *servers);

/* A port of 127.0.0.1 that was free a moment ago; -1 if there is none. */
int tls_free_port(void);

#endif
