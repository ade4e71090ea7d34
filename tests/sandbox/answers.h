#ifndef SANDBOX_ANSWERS_H
#define SANDBOX_ANSWERS_H
/*
 * answers.h - the shapes in which the site answers (deviantart-api.md 8.2). [sandbox]
 */
#include "tests/sandbox/http_server.h"

struct cJSON;

/* Each makes the whole answer; the answer is not yet initialised. JSON is taken over. */
void answer_json(struct answer *answer, int status, struct cJSON *json);
void answer_text(struct answer *answer, int status, const char *type, const char *text);

/* {"error": .., "error_description": .., "status": "error"} */
void answer_error(struct answer *answer, int status, const char *error, const char *description);

/* The same as 400 invalid_request, with error_code. */
void answer_error_code(struct answer *answer, int error_code, const char *description);

/* 400 invalid_request "Request field validation failed.", with error_details {field: message}. */
void answer_invalid(struct answer *answer, const char *field, const char *message);

/* The CDN's page (403). */
void answer_cdn_block(struct answer *answer);

/* Compresses the body in place, for a client that takes it. */
void answer_compress(struct answer *answer);

/* Puts blanks in front of the body. */
void answer_pad(struct answer *answer, size_t blanks);

/* A gzip body of a few kilobytes that unfolds to `megabytes` of blanks. */
void answer_bomb(struct answer *answer, size_t megabytes);

#endif
