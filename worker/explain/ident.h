#ifndef WORKER_EXPLAIN_IDENT_H
#define WORKER_EXPLAIN_IDENT_H
/*
 * ident.h - what a deviation is called on the command line.            [explain command]
 *
 * Pure.
 */
#include <stdbool.h>

#define IDENT_SIZE 512

struct ident {
	bool is_url;
	char text[IDENT_SIZE];  /* as it was given; of a link: what its row's link ends with */
	char other[IDENT_SIZE]; /* a job id's deviation; a link's artist; "": there is none */
};

/*
 * A deviation's id, a job's ("deviation-<id>"), DeviantArt's id of a post, or its link, with or
 * without scheme, query and fragment: all links of a post end with the same number, whatever it or
 * its artist is called today. False: it can be none of these (too long, or a link to no post).
 */
bool ident_parse(const char *text, struct ident *ident);

#endif
