#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H
/*
 * input.h - what the fuzzers share: inputs that people can read, and checks that end the run.
 * [tests]
 *
 * A fuzzer whose parser takes more than one text divides its input at lines that are "---", so that
 * a corpus is files one can write by hand.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct failure;

/* libFuzzer calls these. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Ends the run, with the input kept, where `what` does not hold. */
#define FUZZ_CHECK(what) ((what) ? (void)0 : fuzz_fail(#what, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *what, const char *file, int line);

struct fuzz_input {
	const char *at;
	size_t left;
};

/*
 * The next part: up to a line that is "---", or to the end (then empty for ever). A block of its
 * own, as large as its text and a NUL, so that a sanitizer sees who reads further. *size (may be
 * NULL) is without that NUL. Free with free().
 */
char *fuzz_part(struct fuzz_input *input, size_t *size);

/* Everything as one such text. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A copy in which each newline without a CR before it got one; as long as *wire_size. free(). */
char *fuzz_crlf(const char *text, size_t size, size_t *wire_size);

/* A whole number at the start of text, 0 where there is none; text moves behind it and a blank. */
int64_t fuzz_number(const char **text);

/* RFC 3629, written a second time. The count of characters in *characters (may be NULL). */
bool fuzz_is_utf8(const char *text, size_t size, size_t *characters);

/* A failure names a category and has something to say: one line of UTF-8. */
void fuzz_check_failure(const struct failure *why);

/* Neither of them there, or the same. */
bool fuzz_same(const char *left, const char *right);

#endif
