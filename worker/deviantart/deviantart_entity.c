/*
 * deviantart_entity.c - HTML's character references, as they come back in titles.   [worker]
 *
 * HTML 4.01, 24: Latin-1 complete, and of the rest what people write in titles.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/deviantart/deviantart_internal.h"

/* U+00A0 to U+00FF, in order. */
static const char latin1[] =
	"nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg "
	"plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 "
	"iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml "
	"Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave "
	"Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil "
	"egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde "
	"ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml ";

static const struct {
	const char *name;
	uint32_t code;
} others[] = {
	{"amp", '&'},       {"lt", '<'},        {"gt", '>'},        {"quot", '"'},
	{"apos", '\''},     {"OElig", 0x152},   {"oelig", 0x153},   {"Scaron", 0x160},
	{"scaron", 0x161},  {"Yuml", 0x178},    {"fnof", 0x192},    {"circ", 0x2C6},
	{"tilde", 0x2DC},   {"ensp", 0x2002},   {"emsp", 0x2003},   {"thinsp", 0x2009},
	{"zwnj", 0x200C},   {"zwj", 0x200D},    {"lrm", 0x200E},    {"rlm", 0x200F},
	{"ndash", 0x2013},  {"mdash", 0x2014},  {"lsquo", 0x2018},  {"rsquo", 0x2019},
	{"sbquo", 0x201A},  {"ldquo", 0x201C},  {"rdquo", 0x201D},  {"bdquo", 0x201E},
	{"dagger", 0x2020}, {"Dagger", 0x2021}, {"bull", 0x2022},   {"hellip", 0x2026},
	{"permil", 0x2030}, {"prime", 0x2032},  {"Prime", 0x2033},  {"lsaquo", 0x2039},
	{"rsaquo", 0x203A}, {"euro", 0x20AC},   {"trade", 0x2122},  {"larr", 0x2190},
	{"uarr", 0x2191},   {"rarr", 0x2192},   {"darr", 0x2193},   {"harr", 0x2194},
	{"infin", 0x221E},  {"ne", 0x2260},     {"le", 0x2264},     {"ge", 0x2265},
	{"spades", 0x2660}, {"clubs", 0x2663},  {"hearts", 0x2665}, {"diams", 0x2666},
};

static uint32_t
find_name(const char *name, size_t length)
{
	uint32_t code = 0xA0;

	for (const char *at = latin1; *at != '\0'; code++) {
		size_t word = strcspn(at, " ");

		if (word == length && memcmp(at, name, length) == 0)
			return code;
		at += word + 1;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i].name) == length && memcmp(others[i].name, name, length) == 0)
			return others[i].code;
	return 0;
}

/* "#233" or "#xE9"; 0: not a character that text may hold. */
static uint32_t
read_number(const char *text, size_t length)
{
	bool is_hex = length > 1 && (text[1] == 'x' || text[1] == 'X');
	size_t first = is_hex ? 2 : 1;
	unsigned long code;
	char *end;

	if (length <= first ||
	    strspn(text + first, is_hex ? "0123456789abcdefABCDEF" : "0123456789") < length - first)
		return 0;
	code = strtoul(text + first, &end, is_hex ? 16 : 10);
	if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
		return 0;
	return (uint32_t)code;
}

uint32_t
deviantart_entity(const char *text, size_t *length)
{
	size_t inside = strcspn(text + 1, ";& ");
	uint32_t code;

	if (inside == 0 || inside > 10 || text[1 + inside] != ';')
		return 0;
	code = text[1] == '#' ? read_number(text + 1, inside) : find_name(text + 1, inside);
	if (code != 0)
		*length = inside + 2;
	return code;
}
