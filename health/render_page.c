/*
 * render_page.c - the status page, for browsers.                        [supervisor]
 */
#include "health/render_page.h"

#include <string.h>

static const char html[] =
#include "health/web/page.html.h"
	;
static const char style[] =
#include "health/web/page.css.h"
	;
static const char script[] =
#include "health/web/script.js.h"
	;

const char render_page_policy[] =
	"default-src 'none'; connect-src 'self'; img-src data:; style-src 'sha256-"
#include "health/web/page.css.sha256.h"
	"'; script-src 'sha256-"
#include "health/web/script.js.sha256.h"
	"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
	"require-trusted-types-for 'script'; trusted-types 'none'";

/* Prints the document up to the marker, then what stands for it; returns the rest. */
static const char *
replace(struct page *page, const char *from, const char *marker, const char *element,
	const char *content)
{
	const char *at = strstr(from, marker);

	if (at == NULL)
		return from; /* the tests see to it that there is one */
	page_print(page, "%.*s<%s>%s</%s>", (int)(at - from), from, element, content, element);
	return at + strlen(marker);
}

void
render_page(struct page *page)
{
	const char *rest = replace(page, html, "<!--style-->", "style", style);

	rest = replace(page, rest, "<!--script-->", "script", script);
	page_print(page, "%s", rest);
}
