#ifndef WORKER_SEAL_H
#define WORKER_SEAL_H
/*
 * seal.h - a secret that has to lie in Redis for a moment.               [worker, dispatcher]
 *
 * AES-256-GCM (libcrypto) under a key derived from the client secret by HKDF-SHA256; a fresh random
 * nonce each time; the user's id is authenticated with it, so that one user's sealed pair cannot be
 * passed off as another's. Text form: base64 of nonce, text, tag.
 */
#include <stdbool.h>

/* Both: result is free()d by the caller (wiped first where it is the secret); NULL when it cannot
 * be done or was tampered with. */
char *seal_close(const char *key_material, const char *user_id, const char *secret);
char *seal_open(const char *key_material, const char *user_id, const char *sealed);

#endif
