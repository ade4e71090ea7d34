#ifndef HEALTH_ANSWER_H
#define HEALTH_ANSWER_H
/*
 * answer.h - what a request is answered.                               [supervisor]
 *
 * contract.md "Health listener", and /, /status: GET and HEAD of five pages; anything else 404,
 * another known method on them 405, an unknown method 501, a body 413.
 */
#include <stdbool.h>

#include "common/scoreboard.h"
#include "health/http_request.h"
#include "health/page.h"
#include "health/view.h"

/* More than the fullest /metrics takes, and a /status of all slots at work (asserted by the tests).
 */
#define ANSWER_BODY_SIZE (2 * 1024 * 1024)
#define ANSWER_HEAD_SIZE 2048

/*
 * Composes the answer to a request that is HTTP_DONE or HTTP_BAD. `head` includes the empty line;
 * `body` is left empty for HEAD, whose Content-Length tells what GET would have got. The connection
 * is to be closed afterwards unless request->keep_alive.
 */
void answer_request(const struct http_request *request, const struct scoreboard *board,
		    const struct health_load *load, struct page *head, struct page *body);

/* The answer to a request that did not come to its end in time: 408, and close. */
void answer_timeout(struct page *head, struct page *body);

#endif
