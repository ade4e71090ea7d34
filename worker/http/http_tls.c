/*
 * http_tls.c - one set of trusted certificates for all workers.        [supervisor, worker]
 *
 * Parsing the bundle costs 15 ms and half a megabyte in every process that does it (speed.md 2, 3).
 * So the supervisor parses it before it forks, and every TLS context borrows the store. Where
 * libcurl was built with another TLS library than OpenSSL, it loads its own bundle, as usual.
 */
#include "worker/http/http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static X509_STORE *store; /* NULL: libcurl looks after itself */

static bool
libcurl_uses_openssl(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	return info->ssl_version != NULL && strncmp(info->ssl_version, "OpenSSL/", 8) == 0;
}

/* Where libcurl was built to look, then where systems keep it. NULL: nowhere. */
static const char *
find_bundle(void)
{
	static const char *const usual[] = {"/etc/ssl/certs/ca-certificates.crt",
					    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
					    "/etc/ssl/ca-bundle.pem"};
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (info->age >= CURLVERSION_SEVENTH && info->cainfo != NULL &&
	    access(info->cainfo, R_OK) == 0)
		return info->cainfo;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (access(usual[i], R_OK) == 0)
			return usual[i];
	return NULL;
}

/* OpenSSL takes a certificate's extensions apart when it is first asked, and keeps the result: now,
 * in shared pages. */
static void
prepare_certificates(void)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (certificate != NULL)
			(void)X509_check_purpose(certificate, -1, 0);
	}
}

bool
http_crypto_works(void)
{
	unsigned char byte;
	bool works = RAND_bytes(&byte, 1) == 1 && RAND_priv_bytes(&byte, 1) == 1;

	ERR_clear_error();
	return works;
}

/*
 * OpenSSL makes its generators of random numbers and its digests when they are first asked for;
 * those that it had no memory for then never work in that process again. So they are made now,
 * where failing is an end with a reason, and children inherit them.
 */
static bool
prepare_crypto(struct failure *why)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size;

	if (http_crypto_works() && EVP_Digest("", 0, sum, &size, EVP_sha256(), NULL) == 1)
		return true;
	ERR_clear_error();
	return failure_set(why, FAILURE_UNKNOWN, "libcrypto gives no random numbers or digests");
}

bool
http_tls_load(struct failure *why)
{
	const char *wanted = getenv("SSL_CERT_FILE");
	const char *bundle;
	bool is_loaded;

	if (!prepare_crypto(why))
		return false;
	if (!libcurl_uses_openssl() || store != NULL)
		return true;
	store = X509_STORE_new();
	if (store == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	if (wanted == NULL || wanted[0] == '\0')
		wanted = NULL;
	bundle = wanted != NULL ? wanted : find_bundle();
	is_loaded = bundle != NULL && X509_STORE_load_file(store, bundle) == 1;
	if (!is_loaded && wanted == NULL) /* a directory of hashed names, read as needed */
		is_loaded = X509_STORE_set_default_paths(store) == 1;
	ERR_clear_error();
	if (is_loaded) {
		prepare_certificates();
		return true;
	}
	X509_STORE_free(store);
	store = NULL;
	return failure_set(why, FAILURE_UNKNOWN,
			   "SSL_CERT_FILE: no certificates can be read from this file");
}

static CURLcode
use_store(CURL *easy, void *context, void *arg)
{
	(void)easy;
	(void)arg;
	SSL_CTX_set1_cert_store(context, store);
	return CURLE_OK;
}

void
http_tls_apply(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CAPATH,
			 NULL); /* else libcurl parses anew for each connection */
	if (store == NULL ||
	    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, use_store) != CURLE_OK)
		return;
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
}
