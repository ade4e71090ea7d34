#ifndef SANDBOX_DIGEST_H
#define SANDBOX_DIGEST_H
/*
 * digest.h - SHA-256 of a stream and HMAC-SHA-256, by libcrypto.       [sandbox]
 */
#include <stddef.h>

#define DIGEST_BYTES     32
#define DIGEST_HEX_BYTES 65 /* with the NUL */

struct digest;

struct digest *digest_new(void);
void digest_add(struct digest *digest, const void *data, size_t length);

/* The hex of everything added; the digest may not be added to afterwards. */
void digest_finish(struct digest *digest, char hex[DIGEST_HEX_BYTES]);
void digest_free(struct digest *digest);

/* Both at once for a short text. */
void digest_of(const void *data, size_t length, char hex[DIGEST_HEX_BYTES]);

void digest_hmac(unsigned char out[DIGEST_BYTES], const void *key, size_t key_length,
		 const char *text);

#endif
