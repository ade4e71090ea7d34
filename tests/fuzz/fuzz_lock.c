/*
 * fuzz_lock.c - lock strings: whose they are, and whether their supervisor is dead.    [tests]
 *
 * Input: a lock or token as found, "---", a job id. Holds: a lock of ours is told as the job's that
 * it was made for and as no other's; nobody is called dead by a token that is not exactly one of
 * this boot and pid namespace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/identity.h"
#include "tests/fuzz/input.h"
#include "worker/journal.h"

static char local_prefix[IDENTITY_INSTANCE_SIZE], instance[IDENTITY_INSTANCE_SIZE];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	FUZZ_CHECK(identity_local_prefix(local_prefix) && identity_instance(instance));
	return 0;
}

static void
try_journal_lock(const char *found, const char *job_id)
{
	char token[IDENTITY_TOKEN_SIZE];
	char *lock, *other = malloc(strlen(job_id) + 2);

	identity_token(instance, 3, 17, token);
	lock = journal_lock(1795513820407, token, job_id);
	FUZZ_CHECK(lock != NULL && other != NULL);
	FUZZ_CHECK(journal_lock_is_of(lock, job_id));
	(void)snprintf(other, strlen(job_id) + 2, "x%s", job_id);
	FUZZ_CHECK(!journal_lock_is_of(lock, other));
	if (journal_lock_is_of(found, job_id))
		FUZZ_CHECK(strncmp(found, JOURNAL_LOCK_PREFIX, strlen(JOURNAL_LOCK_PREFIX)) == 0 &&
			   strlen(found) > strlen(job_id));
	free(other);
	free(lock);
}

static void
try_token(const char *found)
{
	char token[512];

	if (identity_supervisor_is_dead(found))
		FUZZ_CHECK(strncmp(found, local_prefix, strlen(local_prefix)) == 0 &&
			   strspn(found + strlen(local_prefix), "0123456789.") ==
				   strlen(found + strlen(local_prefix)));
	/* As if it were of this boot and namespace, which no corpus can know. */
	(void)snprintf(token, sizeof(token), "%s%.300s", local_prefix, found);
	if (identity_supervisor_is_dead(token))
		FUZZ_CHECK(strspn(found, "0123456789.") == strlen(found));
	/* Ours lives, whatever slot and generation follow. */
	(void)snprintf(token, sizeof(token), "%s.%.300s", instance, found);
	FUZZ_CHECK(!identity_supervisor_is_dead(token));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size};
	char *found = fuzz_part(&input, NULL), *job_id = fuzz_part(&input, NULL);

	try_journal_lock(found, job_id);
	try_token(found);
	free(found);
	free(job_id);
	return 0;
}
