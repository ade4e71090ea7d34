/*
 * scan.c - everything that is in Redis, a page at a time.              [verify command]
 */
#include "worker/verify/scan.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis.h"

#define CALL_MS   10000
#define SCAN_SIZE "1000"
#define LIST_PAGE 1000

static bool
bad_shape(struct failure *why)
{
	return failure_set(why, FAILURE_AWAY, "Redis: an answer of another shape");
}

/* Hands a reply's texts on; step 2 leaves out every other one (scores). */
static bool
hand_on(const redisReply *list, size_t step, scan_page *page, void *arg, struct failure *why)
{
	const char **texts;
	size_t count = 0;
	bool done;

	if (list->elements == 0)
		return true;
	texts = calloc(list->elements, sizeof(*texts));
	if (texts == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	for (size_t i = 0; i < list->elements; i += step)
		if (list->element[i]->type == REDIS_REPLY_STRING)
			texts[count++] = list->element[i]->str;
	done = count == 0 || page(arg, texts, count, why);
	free(texts);
	return done;
}

/* argv[cursor_at] is filled in here. */
static bool
scan(struct audit *audit, int argc, const char **argv, int cursor_at, size_t step, scan_page *page,
     void *arg, struct failure *why)
{
	char cursor[32] = "0";
	bool done = true;

	argv[cursor_at] = cursor;
	do {
		redisReply *reply = redis_call(audit->redis, CALL_MS, why, argc, argv, NULL);

		/* Of another type: nothing of ours is in it, and examine_jobs() tells. */
		if (reply == NULL)
			return strstr(why->message, "WRONGTYPE") != NULL;
		if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
		    reply->element[0]->type != REDIS_REPLY_STRING ||
		    reply->element[1]->type != REDIS_REPLY_ARRAY) {
			redis_reply_free(reply);
			return bad_shape(why);
		}
		snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
		done = hand_on(reply->element[1], step, page, arg, why);
		redis_reply_free(reply);
	} while (done && strcmp(cursor, "0") != 0);
	return done;
}

/* The prefix as a pattern of Redis', with a star; free(). */
static char *
pattern_of(const char *prefix)
{
	char *pattern = malloc(2 * strlen(prefix) + 2), *to = pattern;

	if (pattern == NULL)
		return NULL;
	for (; *prefix != '\0'; prefix++) {
		if (strchr("*?[]\\^", *prefix) != NULL)
			*to++ = '\\';
		*to++ = *prefix;
	}
	*to++ = '*';
	*to = '\0';
	return pattern;
}

bool
scan_keys(struct audit *audit, const char *prefix, scan_page *page, void *arg, struct failure *why)
{
	char *pattern = pattern_of(prefix);
	const char *argv[] = {"SCAN", NULL, "MATCH", pattern, "COUNT", SCAN_SIZE};
	bool done;

	if (pattern == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	done = scan(audit, 6, argv, 1, 1, page, arg, why);
	free(pattern);
	return done;
}

bool
scan_members(struct audit *audit, const char *command, const char *key, scan_page *page, void *arg,
	     struct failure *why)
{
	const char *argv[] = {command, key, NULL, "COUNT", SCAN_SIZE};

	return scan(audit, 5, argv, 2, strcmp(command, "ZSCAN") == 0 ? 2 : 1, page, arg, why);
}

bool
scan_list(struct audit *audit, const char *key, scan_page *page, void *arg, struct failure *why)
{
	bool done = true;
	size_t got = LIST_PAGE;

	for (long from = 0; done && got == LIST_PAGE; from += LIST_PAGE) {
		char first[24], last[24];
		const char *const argv[] = {"LRANGE", key, first, last};
		redisReply *reply;

		snprintf(first, sizeof(first), "%ld", from);
		snprintf(last, sizeof(last), "%ld", from + LIST_PAGE - 1);
		reply = redis_call(audit->redis, CALL_MS, why, 4, argv, NULL);
		if (reply == NULL)
			return strstr(why->message, "WRONGTYPE") != NULL;
		got = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
		done = hand_on(reply, 1, page, arg, why);
		redis_reply_free(reply);
	}
	return done;
}
