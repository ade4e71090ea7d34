/*
 * digest.c - SHA-256 of a stream and HMAC-SHA-256, by libcrypto.       [sandbox]
 *
 * libcrypto fails here only for lack of memory or of the algorithm: both end the sandbox.
 */
#include "tests/sandbox/digest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/text.h"

struct digest {
	EVP_MD_CTX *context;
};

static void
must(bool done)
{
	if (!done) {
		fputs("deviantart-sandbox: libcrypto cannot do SHA-256\n", stderr);
		exit(EX_OSERR);
	}
}

struct digest *
digest_new(void)
{
	struct digest *digest = memory_alloc(sizeof(*digest));

	digest->context = EVP_MD_CTX_new();
	must(digest->context != NULL);
	must(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1);
	return digest;
}

void
digest_add(struct digest *digest, const void *data, size_t length)
{
	must(EVP_DigestUpdate(digest->context, data, length) == 1);
}

void
digest_finish(struct digest *digest, char hex[DIGEST_HEX_BYTES])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int size = 0;

	must(EVP_DigestFinal_ex(digest->context, bytes, &size) == 1 && size == DIGEST_BYTES);
	text_hex(hex, bytes, DIGEST_BYTES);
}

void
digest_free(struct digest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

void
digest_of(const void *data, size_t length, char hex[DIGEST_HEX_BYTES])
{
	struct digest *digest = digest_new();

	digest_add(digest, data, length);
	digest_finish(digest, hex);
	digest_free(digest);
}

void
digest_hmac(unsigned char out[DIGEST_BYTES], const void *key, size_t key_length, const char *text)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	const unsigned char *done = HMAC(EVP_sha256(), key, (int)key_length,
					 (const unsigned char *)text, strlen(text), bytes, &size);

	must(done != NULL && size == DIGEST_BYTES);
	memcpy(out, bytes, DIGEST_BYTES);
}
