/*
 * discretion.c - what the health listener may tell of a failure.        [worker]
 */
#include "worker/discretion.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

#define SHORTEST 3
/* DeviantArt takes so much of a title, and may quote it (deviantart_text.c). */
#define TITLE_CHARACTERS 50

/* A message may have been cut within the text: then its end is the text's beginning. */
static size_t
cut_size(const char *message, size_t message_size, const char *secret, size_t secret_size)
{
	size_t most = secret_size < message_size ? secret_size : message_size;

	/* Cut between two characters, so up to three bytes earlier. */
	if (message_size + 4 < FAILURE_MESSAGE_SIZE)
		return 0;
	for (size_t n = most; n >= SHORTEST; n--)
		if (memcmp(message + message_size - n, secret, n) == 0)
			return n;
	return 0;
}

/* Puts `word` wherever the message has the first `size` bytes of `secret`. */
static void
hide(char message[FAILURE_MESSAGE_SIZE], const char *secret, size_t size, const char *word)
{
	char out[FAILURE_MESSAGE_SIZE];
	const char *from = message, *end = message + strlen(message);
	const char *found;
	size_t used = 0, cut;

	if (size < SHORTEST)
		return;
	cut = cut_size(message, (size_t)(end - message), secret, size);
	out[0] = '\0';
	while (used < sizeof(out) && (found = memmem(from, (size_t)(end - from), secret, size))) {
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%.*s%s",
					 (int)(found - from), from, word);
		from = found + size;
	}
	if (used < sizeof(out) && cut > 0 && (size_t)(end - from) >= cut)
		snprintf(out + used, sizeof(out) - used, "%.*s%s",
			 (int)((size_t)(end - from) - cut), from, word);
	else if (used < sizeof(out))
		snprintf(out + used, sizeof(out) - used, "%s", from);
	text_copy(message, FAILURE_MESSAGE_SIZE, out);
}

static void
hide_text(char message[FAILURE_MESSAGE_SIZE], const char *secret, const char *word)
{
	if (secret != NULL)
		hide(message, secret, strlen(secret), word);
}

void
discretion_reason(const struct config *config, const struct deviation *deviation,
		  const char *message, char out[FAILURE_MESSAGE_SIZE])
{
	text_copy(out, FAILURE_MESSAGE_SIZE, message);
	if (config->health_check_details || deviation == NULL)
		return;
	/* A file is often named as its post is: the longer text first. */
	for (size_t i = 0; i < deviation->file_count; i++)
		hide_text(out, deviation->files[i].name, "(file)");
	hide_text(out, deviation->title, "(title)");
	if (deviation->title != NULL)
		hide(out, deviation->title, text_prefix_size(deviation->title, TITLE_CHARACTERS),
		     "(title)");
	hide_text(out, deviation->username, "(artist)");
}
