/*
 * complaint.c - why a command could not do what it was asked.          [commands]
 */
#include "worker/explain/complaint.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "worker/explain/words.h"

int
complaint_of_server(const char *server, const char *setting, const struct failure *why)
{
	char message[FAILURE_MESSAGE_SIZE];

	fprintf(stderr,
		"isekai-publisher: %s could not be asked: %s\n"
		"isekai-publisher: is %s up, and %s right?\n",
		server, words_clean(message, sizeof(message), why->message), server, setting);
	return EX_UNAVAILABLE;
}

int
complaint_of_id(const char *id)
{
	char clean[300];

	fprintf(stderr,
		"isekai-publisher: there is no deviation \"%s\", nor a job or a post of that "
		"name\n",
		words_clean(clean, sizeof(clean), id));
	return EXIT_FAILURE;
}

int
complaint_of_memory(void)
{
	fprintf(stderr, "isekai-publisher: out of memory\n");
	return EX_UNAVAILABLE;
}
