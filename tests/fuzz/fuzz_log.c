/*
 * fuzz_log.c - whatever is logged, a line is one JSON object of at most 4096 bytes.    [tests]
 *
 * Input: message, "---", value of a field, "---", job id, "---", deviation id, "---", user id,
 * "---", a failure's message. Standard output is a socket of ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "common/log.h"
#include "common/queue/queue_internal.h"
#include "tests/fuzz/input.h"

static int reader = -1;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int pair[2];

	(void)argc;
	(void)argv;
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	FUZZ_CHECK(dup2(pair[1], STDOUT_FILENO) == STDOUT_FILENO);
	reader = pair[0];
	log_setup(LOG_DEBUG);
	return 0;
}

/* The text that stands in the line is the one that was given, as far as it goes. */
static void
check_line(const char *message)
{
	char line[8192];
	ssize_t size = recv(reader, line, sizeof(line) - 1, MSG_DONTWAIT);
	const char *text;
	size_t kept;
	cJSON *object;

	FUZZ_CHECK(size > 1 && size <= 4096 && line[size - 1] == '\n');
	line[size - 1] = '\0';
	FUZZ_CHECK(strlen(line) == (size_t)size - 1 && strchr(line, '\n') == NULL);
	FUZZ_CHECK(queue_json_is_valid(line) && fuzz_is_utf8(line, strlen(line), NULL));
	object = cJSON_Parse(line);
	FUZZ_CHECK(cJSON_IsObject(object));
	text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "message"));
	FUZZ_CHECK(text != NULL);
	FUZZ_CHECK(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(object, "level")));
	kept = strlen(text);
	if (fuzz_is_utf8(message, strlen(message), NULL) && strlen(message) < 100)
		FUZZ_CHECK(strcmp(text, message) == 0);
	FUZZ_CHECK(kept < 4096);
	cJSON_Delete(object);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size};
	struct log_job job = {.upload_mode = "single", .attempt_number = 1, .max_attempts = 7};
	struct failure why;
	char *parts[6];

	for (size_t i = 0; i < 6; i++)
		parts[i] = fuzz_part(&input, NULL);
	job.job_id = parts[2];
	job.deviation_id = parts[3];
	job.user_id = parts[4];
	log_event(LOG_INFO, parts[0],
		  (struct log_field[]){LOG_STR("title", parts[1]), LOG_INT("n", size), LOG_END});
	check_line(parts[0]);
	log_job_begin(&job);
	failure_set(&why, FAILURE_NETWORK_ERROR, "%s", parts[5]);
	FUZZ_CHECK(fuzz_is_utf8(why.message, strlen(why.message), NULL));
	log_failure(LOG_WARN, parts[0], &why,
		    (struct log_field[]){LOG_STR("title", parts[1]), LOG_STR("jobId", parts[1]),
					 LOG_END});
	check_line(parts[0]);
	log_job_end();
	for (size_t i = 0; i < 6; i++)
		free(parts[i]);
	return 0;
}
