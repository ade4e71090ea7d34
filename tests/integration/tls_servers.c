/*
 * tls_servers.c - four Redis with certificates; see tls_servers.h.     [tests]
 */
#include "tests/integration/tls_servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L

static const char here[] = "DNS:localhost,IP:127.0.0.1";
/* As Redis writes it in a rule. */
static const char password_rule[] = ">" TLS_PASSWORD;

int
tls_free_port(void)
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

/* ---- certificates ---- */

/* Adds the certificate or, where there is none, the key to the end of the file. */
static bool
append_pem(const char *path, X509 *x, EVP_PKEY *key)
{
	FILE *file = fopen(path, "ae");
	bool ok = file != NULL;

	if (ok && x != NULL)
		ok = PEM_write_X509(file, x) == 1;
	else if (ok)
		ok = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (file != NULL && fclose(file) != 0)
		ok = false;
	return ok;
}

static bool
add_hosts(X509 *x, const char *hosts)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, hosts);
	bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return ok;
}

/* Each is its own authority. */
static X509 *
make_certificate(EVP_PKEY *key, const char *name, const char *hosts, long valid_s)
{
	X509 *x = X509_new();
	X509_NAME *subject = x == NULL ? NULL : X509_get_subject_name(x);

	if (x != NULL && key != NULL && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	    X509_set_version(x, X509_VERSION_3) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -2 * DAY_S) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), valid_s) != NULL &&
	    X509_set_pubkey(x, key) == 1 &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
				       -1, 0) == 1 &&
	    X509_set_issuer_name(x, subject) == 1 && add_hosts(x, hosts) &&
	    X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

static bool
make_identity(const struct tls_server *server, const char *name, const char *hosts, long valid_s,
	      const char *trusted)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make_certificate(key, name, hosts, valid_s);
	bool ok = x != NULL && append_pem(server->certificate, x, NULL) &&
		  append_pem(server->key, NULL, key) &&
		  (trusted == NULL || append_pem(trusted, x, NULL));

	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}

/* ---- servers ---- */

static bool
start(struct tls_server *server, const char *dir, const char *name, const char *hosts, long valid_s,
      const char *trusted)
{
	const char *options[] = {"--tls-port",
				 server->port_text,
				 "--bind",
				 "127.0.0.1",
				 "127.0.0.2",
				 "--tls-cert-file",
				 server->certificate,
				 "--tls-key-file",
				 server->key,
				 "--tls-auth-clients",
				 "no",
				 "--user",
				 TLS_USER,
				 "on",
				 password_rule,
				 "~*",
				 "&*",
				 "+@all",
				 "--user",
				 "default",
				 "off",
				 NULL};

	server->port = tls_free_port();
	snprintf(server->port_text, sizeof(server->port_text), "%d", server->port);
	snprintf(server->certificate, sizeof(server->certificate), "%s/%s.pem", dir, name);
	snprintf(server->key, sizeof(server->key), "%s/%s.key", dir, name);
	memcpy(server->options, options, sizeof(options));
	return make_identity(server, name, hosts, valid_s, trusted) &&
	       redis_server_start(&server->redis, server->options);
}

bool
tls_servers_start(struct tls_servers *servers)
{
	*servers = (struct tls_servers){.dir = "/tmp/publisher-tls.XXXXXX"};
	if (mkdtemp(servers->dir) == NULL)
		return false;
	snprintf(servers->trusted, sizeof(servers->trusted), "%s/trusted.pem", servers->dir);
	return start(&servers->ours, servers->dir, "ours", here, DAY_S, servers->trusted) &&
	       start(&servers->misnamed, servers->dir, "misnamed", "DNS:redis.invalid", DAY_S,
		     servers->trusted) &&
	       start(&servers->expired, servers->dir, "expired", here, -DAY_S, servers->trusted) &&
	       start(&servers->stranger, servers->dir, "stranger", here, DAY_S, NULL);
}

static void
stop(struct tls_server *server)
{
	if (server->redis.dir[0] != '\0')
		redis_server_stop(&server->redis);
	unlink(server->certificate);
	unlink(server->key);
}

void
tls_servers_stop(struct tls_servers *servers)
{
	stop(&servers->ours);
	stop(&servers->misnamed);
	stop(&servers->expired);
	stop(&servers->stranger);
	unlink(servers->trusted);
	rmdir(servers->dir);
}
