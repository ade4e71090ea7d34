#ifndef HEALTH_STATUS_TEXT_H
#define HEALTH_STATUS_TEXT_H
/*
 * status_text.h - /status for people.                                  [status command]
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Prints what render_status() composed: at most 80 columns wide, but for ids. before: an earlier
 * answer of the same publisher, between_ms older, for rates; NULL: none are told. What is missing
 * or of another type is told as unknown: another version may have composed it. False: it is no
 * JSON; nothing is printed.
 */
bool status_text(FILE *out, const char *status, const char *before, int64_t between_ms);

#endif
