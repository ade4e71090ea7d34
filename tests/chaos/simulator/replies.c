/*
 * replies.c - what a simulated Redis answers, as hiredis hands it over.   [simulator]
 */
#include "tests/chaos/simulator/store.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/sim.h"

static redisReply *
reply_of(int type)
{
	redisReply *reply = calloc(1, sizeof(*reply));

	if (reply == NULL)
		abort();
	reply->type = type;
	return reply;
}

static void
set_text(redisReply *reply, const char *text)
{
	reply->str = strdup(text);
	if (reply->str == NULL)
		abort();
	reply->len = strlen(text);
}

redisReply *
store_reply_integer(long long value)
{
	redisReply *reply = reply_of(REDIS_REPLY_INTEGER);

	reply->integer = value;
	return reply;
}

redisReply *
store_reply_text(const char *text)
{
	redisReply *reply = reply_of(text == NULL ? REDIS_REPLY_NIL : REDIS_REPLY_STRING);

	if (text != NULL)
		set_text(reply, text);
	return reply;
}

redisReply *
store_reply_status(const char *text)
{
	redisReply *reply = reply_of(REDIS_REPLY_STATUS);

	set_text(reply, text);
	return reply;
}

redisReply *
store_reply_error(const char *format, ...)
{
	redisReply *reply = reply_of(REDIS_REPLY_ERROR);
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	set_text(reply, text);
	return reply;
}

redisReply *
store_reply_array(size_t count)
{
	redisReply *reply = reply_of(REDIS_REPLY_ARRAY);

	reply->elements = count;
	reply->element = calloc(count + 1, sizeof(*reply->element));
	if (reply->element == NULL)
		abort();
	return reply;
}
