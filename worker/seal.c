/*
 * seal.c - a secret that has to lie in Redis for a moment.               [worker, dispatcher]
 */
#include "worker/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE   32
#define NONCE_SIZE 12
#define TAG_SIZE   16
#define TEXT_MAX   65536

static const unsigned char purpose[] = "isekai-publisher parked tokens 1";

static bool
derive_key(const char *material, unsigned char key[KEY_SIZE])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t size = KEY_SIZE;
	bool done;

	done = context != NULL && EVP_PKEY_derive_init(context) > 0 &&
	       EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set1_hkdf_key(context, (const unsigned char *)material,
					  (int)strlen(material)) > 0 &&
	       EVP_PKEY_CTX_add1_hkdf_info(context, purpose, (int)sizeof(purpose) - 1) > 0 &&
	       EVP_PKEY_derive(context, key, &size) > 0;
	EVP_PKEY_CTX_free(context);
	return done;
}

/* nonce | ciphertext | tag into out, which has room for it. */
static bool
encrypt(const unsigned char key[KEY_SIZE], const char *user_id, const char *secret,
	unsigned char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int size = (int)strlen(secret), n = 0;
	unsigned char *text = out + NONCE_SIZE;
	bool done;

	done = context != NULL && RAND_bytes(out, NONCE_SIZE) == 1 &&
	       EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
	       EVP_EncryptUpdate(context, NULL, &n, (const unsigned char *)user_id,
				 (int)strlen(user_id)) == 1 &&
	       EVP_EncryptUpdate(context, text, &n, (const unsigned char *)secret, size) == 1 &&
	       EVP_EncryptFinal_ex(context, text + n, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, text + size) == 1;
	EVP_CIPHER_CTX_free(context);
	return done;
}

static bool
decrypt(const unsigned char key[KEY_SIZE], const char *user_id, unsigned char *in, int size,
	char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int text_size = size - NONCE_SIZE - TAG_SIZE, n = 0;
	bool done;

	done = context != NULL &&
	       EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, in) == 1 &&
	       EVP_DecryptUpdate(context, NULL, &n, (const unsigned char *)user_id,
				 (int)strlen(user_id)) == 1 &&
	       EVP_DecryptUpdate(context, (unsigned char *)out, &n, in + NONCE_SIZE, text_size) ==
		       1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_SIZE,
				   in + NONCE_SIZE + text_size) == 1 &&
	       EVP_DecryptFinal_ex(context, (unsigned char *)out + n, &n) == 1;
	EVP_CIPHER_CTX_free(context);
	return done;
}

char *
seal_close(const char *key_material, const char *user_id, const char *secret)
{
	unsigned char key[KEY_SIZE];
	size_t size = strlen(secret), raw_size = NONCE_SIZE + size + TAG_SIZE;
	unsigned char *raw = size <= TEXT_MAX ? malloc(raw_size) : NULL;
	char *sealed = NULL;

	if (raw != NULL && derive_key(key_material, key) && encrypt(key, user_id, secret, raw)) {
		sealed = malloc(4 * ((raw_size + 2) / 3) + 1);
		if (sealed != NULL)
			EVP_EncodeBlock((unsigned char *)sealed, raw, (int)raw_size);
	}
	OPENSSL_cleanse(key, sizeof(key));
	free(raw);
	return sealed;
}

/* The one way to write these bytes: a decoder overlooks blanks around, and bits that count for
 * nothing in a last letter. */
static bool
is_text_of(const unsigned char *raw, int raw_size, const char *sealed, size_t size)
{
	unsigned char *again = malloc(size + 4);
	bool same = again != NULL && EVP_EncodeBlock(again, raw, raw_size) == (int)size &&
		    memcmp(again, sealed, size) == 0;

	free(again);
	return same;
}

char *
seal_open(const char *key_material, const char *user_id, const char *sealed)
{
	unsigned char key[KEY_SIZE];
	size_t size = strlen(sealed);
	unsigned char *raw = NULL;
	char *secret = NULL;
	int raw_size;
	bool exact;

	if (size % 4 != 0 || size < 4 * ((NONCE_SIZE + TAG_SIZE + 2) / 3) || size > 2 * TEXT_MAX)
		return NULL;
	raw = malloc(size);
	if (raw == NULL)
		return NULL;
	raw_size = EVP_DecodeBlock(raw, (const unsigned char *)sealed, (int)size);
	/* EVP_DecodeBlock counts the padding as bytes. */
	raw_size -= (sealed[size - 1] == '=') + (sealed[size - 2] == '=');
	exact = raw_size >= NONCE_SIZE + TAG_SIZE && is_text_of(raw, raw_size, sealed, size);
	if (exact && derive_key(key_material, key)) {
		secret = calloc(1, (size_t)raw_size - NONCE_SIZE - TAG_SIZE + 1);
		if (secret != NULL && !decrypt(key, user_id, raw, raw_size, secret)) {
			OPENSSL_cleanse(secret, (size_t)raw_size - NONCE_SIZE - TAG_SIZE);
			free(secret);
			secret = NULL;
		}
	}
	OPENSSL_cleanse(key, sizeof(key));
	free(raw);
	return secret;
}
