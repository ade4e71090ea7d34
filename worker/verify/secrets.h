#ifndef WORKER_VERIFY_SECRETS_H
#define WORKER_VERIFY_SECRETS_H
/*
 * secrets.h - does a text hold one of our secrets? (I12)               [verify command]
 *
 * Of a secret nothing is kept but its length and a hash, so that the tokens of half a million users
 * take little room and lie in no memory of this process. Every place of a text is compared with all
 * of them at once, by a rolling hash (R. M. Karp and M. O. Rabin, "Efficient randomized
 * pattern-matching algorithms", 1987).
 */
#include <stdbool.h>
#include <stddef.h>

struct secrets;

#define SECRETS_LEAST_SIZE 8 /* shorter ones would be found everywhere */

struct secrets *secrets_new(void);
void secrets_free(struct secrets *secrets);

/* `what` is what it is called ("the client secret"); static storage. Short ones are passed over,
 * and so are further ones where there is no memory, or of too many different lengths. */
void secrets_add(struct secrets *secrets, const char *what, const char *secret);

/* What the first secret in the text is called; NULL: there is none. */
const char *secrets_find(const struct secrets *secrets, const char *text);

#endif
