/*
 * answer.c - what a request is answered.                               [supervisor]
 */
#include "health/answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "health/render_json.h"
#include "health/render_metrics.h"
#include "health/render_page.h"

enum route { ROUTE_HEALTH, ROUTE_READY, ROUTE_METRICS, ROUTE_STATUS, ROUTE_PAGE, ROUTE_NONE };

static enum route
route_of(const char *path)
{
	if (strcmp(path, "/health") == 0)
		return ROUTE_HEALTH;
	if (strcmp(path, "/ready") == 0)
		return ROUTE_READY;
	if (strcmp(path, "/metrics") == 0)
		return ROUTE_METRICS;
	if (strcmp(path, "/status") == 0)
		return ROUTE_STATUS;
	if (strcmp(path, "/") == 0)
		return ROUTE_PAGE;
	return ROUTE_NONE;
}

static const char *
reason_phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Error";
	}
}

static const char *
explanation(int status)
{
	switch (status) {
	case 404:
		return "not found; there are /, /health, /ready, /status and /metrics";
	case 405:
		return "only GET and HEAD are allowed";
	case 408:
		return "the request was not complete within 5 seconds";
	case 413:
		return "a request body is not accepted";
	case 414:
		return "the request line is longer than 8 KiB";
	case 431:
		return "the request headers are longer than 8 KiB";
	case 500:
		return "the answer could not be composed";
	case 501:
		return "unknown method";
	case 505:
		return "only HTTP/1.0 and HTTP/1.1 are spoken";
	default:
		return "not a valid HTTP request";
	}
}

/* RFC 9110, 5.6.7; by hand, since strftime() speaks the locale's language. */
static void
print_date(struct page *page)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL)
		return; /* no date is better than a wrong one (RFC 9110, 6.6.1) */
	page_print(page, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
		   tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		   tm.tm_sec);
}

static const char *
type_of(enum route route)
{
	if (route == ROUTE_METRICS)
		return RENDER_METRICS_TYPE;
	return route == ROUTE_PAGE ? "text/html; charset=utf-8" : "application/json; charset=utf-8";
}

/*
 * A browser shall not guess what an answer is, run anything in it but the page's own script, tell
 * anybody where it was read, or show it within somebody else's page.
 */
static void
print_rules(struct page *head, bool is_web_page)
{
	page_print(head,
		   "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
		   "Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: %s\r\n",
		   is_web_page ? render_page_policy : "default-src 'none'; frame-ancestors 'none'");
}

/* route: what is shown; ROUTE_NONE: an error. */
static void
print_head(struct page *head, int status, enum route route, size_t size, bool keep_alive)
{
	page_print(head, "HTTP/1.1 %d %s\r\n", status, reason_phrase(status));
	print_date(head);
	page_print(head, "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n",
		   type_of(route), size);
	print_rules(head, route == ROUTE_PAGE);
	if (status == 405)
		page_print(head, "Allow: GET, HEAD\r\n");
	page_print(head, "Connection: %s\r\n\r\n", keep_alive ? "keep-alive" : "close");
}

/* The status, or 0 when the page is to be rendered. What the request line says goes before the
 * body. */
static int
refusal(const struct http_request *request, enum route route)
{
	if (request->progress == HTTP_BAD)
		return request->status;
	if (request->method == HTTP_UNKNOWN)
		return 501;
	if (route == ROUTE_NONE)
		return 404;
	if (request->method == HTTP_OTHER)
		return 405;
	return request->has_body ? 413 : 0;
}

static int
render(enum route route, const struct scoreboard *board, const struct health_load *load,
       struct page *body)
{
	struct health_view view;

	if (route == ROUTE_PAGE) {
		render_page(body);
		return 200;
	}
	health_view_read(&view, board, load);
	switch (route) {
	case ROUTE_READY:
		render_ready(body, &view);
		return view.ready ? 200 : 503;
	case ROUTE_METRICS:
		render_metrics(body, &view);
		return 200;
	case ROUTE_STATUS:
		render_status(body, &view, board);
		return 200;
	case ROUTE_HEALTH:
	case ROUTE_PAGE:
	case ROUTE_NONE:
		break;
	}
	render_health(body, &view);
	return 200;
}

void
answer_request(const struct http_request *request, const struct scoreboard *board,
	       const struct health_load *load, struct page *head, struct page *body)
{
	enum route route = route_of(request->path);
	int status = refusal(request, route);
	bool is_page = status == 0;

	if (is_page)
		status = render(route, board, load, body);
	if (is_page && body->full) {
		page_init(body, body->data, body->capacity);
		is_page = false;
		status = 500;
	}
	if (!is_page)
		render_error(body, status, explanation(status));
	print_head(head, status, is_page ? route : ROUTE_NONE, body->size, request->keep_alive);
	if (request->method == HTTP_HEAD)
		page_init(body, body->data, body->capacity);
}

void
answer_timeout(struct page *head, struct page *body)
{
	render_error(body, 408, explanation(408));
	print_head(head, 408, ROUTE_NONE, body->size, false);
}
