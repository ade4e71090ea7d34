/*
 * log_child.c - lines of the log, written by a child.
 */
#include "tests/unit/log_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/text.h"

#define DEADLINE_S 20

char log_child_got[4 << 20];
size_t log_child_got_size;

pid_t
log_child_start(log_child_work *work, int output, bool set_up)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(DEADLINE_S);
		if (output >= 0)
			dup2(output, STDOUT_FILENO);
		else
			close(STDOUT_FILENO);
		if (set_up)
			log_setup(LOG_INFO);
		_exit(work());
	}
	return pid;
}

int
log_child_finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

void
log_child_drain(int fd)
{
	ssize_t size;

	log_child_got_size = 0;
	while ((size = read(fd, log_child_got + log_child_got_size,
			    sizeof(log_child_got) - 1 - log_child_got_size)) > 0)
		log_child_got_size += (size_t)size;
	assert_true(log_child_got_size < sizeof(log_child_got) - 1);
	log_child_got[log_child_got_size] = '\0';
}

void
log_child_collect(log_child_work *work)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = log_child_start(work, ends[1], true);
	close(ends[1]);
	log_child_drain(ends[0]);
	close(ends[0]);
	assert_int_equal(log_child_finish(pid), 0);
}

cJSON *
log_child_line(size_t index)
{
	char *at = log_child_got, *end;
	cJSON *object;

	for (;; at = end + 1) {
		end = strchr(at, '\n');
		if (end == NULL)
			fail_msg("no line %zu in:\n%s", index, log_child_got);
		if (index-- == 0)
			break;
	}
	*end = '\0';
	assert_true((size_t)(end - at) + 1 <= LINE_MAX_BYTES);
	assert_true(text_utf8_valid(at));
	object = cJSON_ParseWithOpts(at, NULL, 1);
	if (object == NULL)
		fail_msg("not JSON: %s", at);
	*end = '\n';
	/* No name twice. */
	for (cJSON *a = object->child; a != NULL; a = a->next) {
		for (cJSON *b = a->next; b != NULL; b = b->next)
			assert_string_not_equal(a->string, b->string);
	}
	return object;
}

const char *
log_child_text(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

double
log_child_number(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	assert_true(cJSON_IsNumber(item));
	return item->valuedouble;
}

bool
log_child_has(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key) != NULL;
}

size_t
log_child_count_lines(void)
{
	size_t lines = 0;

	for (size_t i = 0; i < log_child_got_size; i++)
		lines += log_child_got[i] == '\n';
	return lines;
}

char *
log_child_large(size_t size, const char *pattern)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		_exit(99);
	for (size_t i = 0; i < size; i++)
		text[i] = pattern[i % strlen(pattern)];
	text[size] = '\0';
	return text;
}

void
log_child_surely(const char *message, const struct log_field *fields)
{
	uint64_t before;

	do {
		before = log_dropped();
		log_event(LOG_INFO, message, fields);
	} while (log_dropped() != before);
}
