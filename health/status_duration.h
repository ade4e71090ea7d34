#ifndef HEALTH_STATUS_DURATION_H
#define HEALTH_STATUS_DURATION_H
/*
 * status_duration.h - how long something takes, for people.            [status command, supervisor]
 */
#include <stdint.h>

#define STATUS_DURATION_SIZE 40

/* "0.4 s", "12 s", "3 min 5 s", "2 h 1 min", "4 d 3 h"; ms below 0 count as 0. Returns out. */
const char *status_duration(int64_t ms, char out[STATUS_DURATION_SIZE]);

#endif
