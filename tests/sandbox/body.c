/*
 * body.c - what a request brings.                                      [sandbox]
 */
#include "tests/sandbox/body.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/multipart.h"

#define FIELD_MAX_BYTES 1048576
#define FORM_MAX_BYTES  4194304
#define RAW_MAX_BYTES   16777216

static const char *
part_begins(void *context, const struct multipart_part *part)
{
	struct body *body = context;
	struct upload *upload = body->upload;

	/* A file is what has a file name, or a type: curl and browsers give fields neither. */
	body->in_file = part->filename != NULL || part->content_type != NULL;
	if (!body->in_file) {
		memory_replace(&body->part_name, part->name);
		buffer_clear(&body->part);
		return NULL;
	}
	if (upload->present)
		return "more than one file in a request";
	upload->present = true;
	upload->field_name = memory_text(part->name);
	upload->filename = memory_text(part->filename);
	upload->mime = memory_text(part->content_type != NULL ? part->content_type
							      : "application/octet-stream");
	upload->digest = digest_new();
	if (body->file_begins != NULL)
		body->file_begins(body->context);
	return NULL;
}

static const char *
part_data(void *context, const char *data, size_t length)
{
	struct body *body = context;
	struct upload *upload = body->upload;
	size_t room;

	if (!body->in_file)
		return buffer_add(&body->part, data, length) ? NULL : "a field is too long";
	digest_add(upload->digest, data, length);
	upload->size_bytes += length;
	room = sizeof(upload->head) - upload->head_length;
	if (room > length)
		room = length;
	if (room > 0)
		memcpy(upload->head + upload->head_length, data, room);
	upload->head_length += room;
	return NULL;
}

static const char *
part_ends(void *context)
{
	struct body *body = context;

	if (body->in_file) {
		digest_finish(body->upload->digest, body->upload->sha256);
		return NULL;
	}
	return fields_add(&body->fields, body->part_name, strlen(body->part_name), body->part.data,
			  body->part.length)
		       ? NULL
		       : "too many fields, or a NUL byte in one";
}

void
body_init(struct body *body, const char *content_type, bool raw)
{
	static const char form[] = "application/x-www-form-urlencoded";
	struct multipart_sink sink = {body, part_begins, part_data, part_ends};

	memset(body, 0, sizeof(*body));
	buffer_init(&body->raw, raw ? RAW_MAX_BYTES : FORM_MAX_BYTES);
	buffer_init(&body->part, FIELD_MAX_BYTES);
	if (raw) {
		body->kind = BODY_RAW;
	} else if (content_type != NULL && strncasecmp(content_type, form, strlen(form)) == 0) {
		body->kind = BODY_FORM;
	} else if (content_type != NULL && strncasecmp(content_type, "multipart/", 10) == 0) {
		body->kind = BODY_MULTIPART;
		body->upload = memory_alloc(sizeof(*body->upload));
		body->multipart = multipart_new(content_type, &sink);
		if (body->multipart == NULL)
			body->error = "multipart without a boundary, or not form-data";
	}
}

void
body_fini(struct body *body)
{
	buffer_free(&body->raw);
	buffer_free(&body->part);
	free(body->part_name);
	multipart_free(body->multipart);
	fields_free(&body->fields);
	if (body->upload != NULL) {
		free(body->upload->field_name);
		free(body->upload->filename);
		free(body->upload->mime);
		digest_free(body->upload->digest);
		free(body->upload);
	}
	memset(body, 0, sizeof(*body));
}

void
body_feed(struct body *body, const char *data, size_t length)
{
	body->received_bytes += length;
	if (body->error != NULL)
		return; /* read on to the end: the site answers after it */
	if (body->kind == BODY_MULTIPART) {
		if (!multipart_feed(body->multipart, data, length))
			body->error = multipart_error(body->multipart);
	} else if (body->kind != BODY_IGNORED) {
		if (!buffer_add(&body->raw, data, length))
			body->error = "the body is too long";
	}
}

void
body_finish(struct body *body)
{
	if (body->error != NULL)
		return;
	if (body->kind == BODY_MULTIPART && !multipart_finish(body->multipart))
		body->error = multipart_error(body->multipart);
	if (body->kind == BODY_FORM &&
	    !fields_parse(&body->fields, body->raw.data, body->raw.length))
		body->error = "too many fields, or a NUL byte in one";
}
