/*
 * fuzz_seal.c - a sealed secret opens for its user and key, unchanged, or not at all.  [tests]
 *
 * Input: user, "---", secret, "---", which byte from the end becomes what
 * ("INDEX BYTE"), "---", a text that was never sealed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tests/fuzz/input.h"
#include "worker/seal.h"

static const char key[] = "client secret";

/* Another letter of base64: such that the last one's spare bits are tried, too. */
static char
another_letter(char was, unsigned int step)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789+/";
	const char *at = strchr(letters, was);

	return at == NULL ? 'A' : letters[((size_t)(at - letters) + 1 + step % 63) % 64];
}

static void
try_change(const char *user, char *sealed, int64_t from_end, int64_t byte)
{
	size_t size = strlen(sealed), at = size - 1 - (size_t)from_end % size;
	char was = sealed[at];

	sealed[at] =
		byte < 64 ? another_letter(was, (unsigned int)byte) : (char)(unsigned char)byte;
	if (sealed[at] != was)
		FUZZ_CHECK(seal_open(key, user, sealed) == NULL);
	sealed[at] = was;
}

static void
try_seal(const char *user, const char *secret, const char *change)
{
	char *sealed = seal_close(key, user, secret), *opened, *other;
	int64_t from_end = fuzz_number(&change), byte = fuzz_number(&change);

	if (sealed == NULL) {
		FUZZ_CHECK(strlen(secret) > 65536);
		return;
	}
	FUZZ_CHECK(strlen(secret) < 8 || strstr(sealed, secret) == NULL);
	opened = seal_open(key, user, sealed);
	FUZZ_CHECK(fuzz_same(opened, secret));
	other = malloc(strlen(user) + 2);
	FUZZ_CHECK(other != NULL);
	memcpy(other, user, strlen(user) + 1);
	strncat(other, "x", 2);
	FUZZ_CHECK(seal_open(key, other, sealed) == NULL);
	FUZZ_CHECK(seal_open("another", user, sealed) == NULL);
	try_change(user, sealed, from_end, byte);
	free(other);
	text_free_secret(opened);
	free(sealed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size};
	char *user = fuzz_part(&input, NULL), *secret = fuzz_part(&input, NULL);
	char *change = fuzz_part(&input, NULL), *foreign = fuzz_part(&input, NULL);

	try_seal(user, secret, change);
	FUZZ_CHECK(seal_open(key, user, foreign) == NULL);
	free(user);
	free(secret);
	free(change);
	free(foreign);
	return 0;
}
