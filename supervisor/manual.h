#ifndef SUPERVISOR_MANUAL_H
#define SUPERVISOR_MANUAL_H
/*
 * manual.h - what the manuals and the completion have from the tables. [manual pages]
 *
 * The pages under scripts/manuals/ are written by hand, but for what the tables know: a line of
 * theirs that holds nothing but @PART@ stands for that part.
 */
#include <stdbool.h>
#include <stdio.h>

#include "common/failure.h"

/*
 * Copies a page to out with its parts in place. False: why says which line has a part that there is
 * not, or what could not be read or written.
 */
bool manual_write(FILE *page, FILE *out, struct failure *why);

#endif
