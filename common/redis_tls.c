/*
 * redis_tls.c - rediss://.                                             [worker, dispatcher]
 *
 * Only where the build has hiredis_ssl (hiredis 1.0 and later); elsewhere rediss:// is refused,
 * never spoken in the clear. The certificate must come from the system's CA store and be for the
 * host that was asked for.
 */
#include "common/redis_internal.h"

#ifdef HAVE_REDIS_TLS
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/redis_url.h"
#endif

#include "common/failure.h"

#ifdef HAVE_REDIS_TLS

static bool
tls_failure(const char *what, struct failure *why)
{
	char words[160];
	unsigned long code = ERR_get_error();

	ERR_error_string_n(code, words, sizeof(words));
	ERR_clear_error();
	return failure_set(why, FAILURE_AWAY, "Redis: TLS: %s: %s", what,
			   code != 0 ? words : "the other side hung up");
}

/* One context a connection object: the system's CA store, read at the first connect only. */
static bool
tls_prepare(struct redis *redis, struct failure *why)
{
	if (redis->tls_context != NULL)
		return true;
	ERR_clear_error();
	redis->tls_context = SSL_CTX_new(TLS_client_method());
	if (redis->tls_context == NULL)
		return tls_failure("no context", why);
	if (SSL_CTX_set_min_proto_version(redis->tls_context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_default_verify_paths(redis->tls_context) != 1) {
		SSL_CTX_free(redis->tls_context);
		redis->tls_context = NULL;
		return tls_failure("no CA store", why);
	}
	SSL_CTX_set_verify(redis->tls_context, SSL_VERIFY_PEER, NULL);
	return true;
}

/* The certificate must be for this host: a name (also sent as SNI) or an address. */
static bool
tls_expect_host(SSL *tls, const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host) == 1;
	return SSL_set_tlsext_host_name(tls, host) == 1 && SSL_set1_host(tls, host) == 1;
}

/* Why a handshake did not succeed. */
static bool
handshake_failure(SSL *tls, struct failure *why)
{
	long verified = SSL_get_verify_result(tls);

	if (verified != X509_V_OK)
		return failure_set(why, FAILURE_AWAY, "Redis: TLS: the certificate is refused: %s",
				   X509_verify_cert_error_string(verified));
	return tls_failure("handshake", why);
}

/*
 * hiredis only starts the handshake and leaves the rest to the first write, where nobody outside
 * can see for which direction to wait; so it is brought to its end here.
 */
static bool
tls_handshake(const struct redis *redis, SSL *tls, int64_t deadline_ms, struct failure *why)
{
	enum redis_poll result;
	short ready = 0;
	int rc;

	for (;;) {
		ERR_clear_error();
		rc = SSL_connect(tls);
		if (rc == 1)
			return true;
		rc = SSL_get_error(tls, rc);
		if (rc != SSL_ERROR_WANT_READ && rc != SSL_ERROR_WANT_WRITE)
			return handshake_failure(tls, why);
		result = redis_poll_until(redis, redis_fd(redis),
					  rc == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms,
					  &ready);
		if (result != REDIS_POLL_READY)
			return redis_poll_failure(result, "shaking hands", why);
	}
}

bool
redis_tls_start(struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	SSL *tls;

	if (!tls_prepare(redis, why))
		return false;
	tls = SSL_new(redis->tls_context);
	if (tls == NULL)
		return tls_failure("no session", why);
	if (!tls_expect_host(tls, redis->address->host)) {
		SSL_free(tls);
		return tls_failure("the host's name", why);
	}
	if (redisInitiateSSL(redis->context, tls) != REDIS_OK) {
		/* Only when it has taken the session does it free it, with the context. */
		handshake_failure(tls, why);
		SSL_free(tls);
		return false;
	}
	redis->tls = tls;
	return tls_handshake(redis, tls, deadline_ms, why);
}

#else

bool
redis_tls_start(struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	(void)redis;
	(void)deadline_ms;
	return failure_set(
		why, FAILURE_OPERATOR,
		"Redis: rediss:// needs a build with hiredis_ssl (hiredis 1.0 or later)");
}

#endif
