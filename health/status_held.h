#ifndef HEALTH_STATUS_HELD_H
#define HEALTH_STATUS_HELD_H
/*
 * status_held.h - who is held back, for people.                        [status command]
 */
#include <stdio.h>

struct cJSON;

/* "heldBack" of /status, a line each; nothing where nobody is held back, or it is not known. */
void status_held_text(FILE *out, const struct cJSON *held);

#endif
