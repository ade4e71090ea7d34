/*
 * ident.c - what a deviation is called on the command line.            [explain command]
 */
#include "worker/explain/ident.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

static const char job_prefix[] = "deviation-";

/* A host and a path; ids have no slash. */
static bool
is_link(const char *text)
{
	return strchr(text, '/') != NULL;
}

/* "-123456789", the end of a link's path. */
static bool
read_number(const char *link, struct ident *ident)
{
	size_t end = strcspn(link, "?#"), start;

	while (end > 0 && link[end - 1] == '/')
		end--;
	for (start = end; start > 0 && isdigit((unsigned char)link[start - 1]);)
		start--;
	if (start == end || start == 0 || link[start - 1] != '-' || end - start >= 32)
		return false;
	snprintf(ident->text, sizeof(ident->text), "%.*s", (int)(end - start + 1),
		 link + start - 1);
	return true;
}

/* What stands before "/art/". */
static void
read_artist(const char *link, struct ident *ident)
{
	const char *end = strstr(link, "/art/"), *at = end;

	while (at != NULL && at > link && at[-1] != '/')
		at--;
	if (at == NULL || at == link || end - at >= (ptrdiff_t)sizeof(ident->other))
		return;
	snprintf(ident->other, sizeof(ident->other), "%.*s", (int)(end - at), at);
}

bool
ident_parse(const char *text, struct ident *ident)
{
	*ident = (struct ident){.is_url = is_link(text)};
	if (!text_utf8_valid(text))
		return false;
	if (ident->is_url) {
		read_artist(text, ident);
		return read_number(text, ident);
	}
	if (text[0] == '\0' || strlen(text) >= sizeof(ident->text))
		return false;
	snprintf(ident->text, sizeof(ident->text), "%s", text);
	if (strncmp(text, job_prefix, strlen(job_prefix)) == 0)
		snprintf(ident->other, sizeof(ident->other), "%s", text + strlen(job_prefix));
	return true;
}
