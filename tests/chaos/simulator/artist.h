#ifndef TESTS_CHAOS_SIMULATOR_ARTIST_H
#define TESTS_CHAOS_SIMULATOR_ARTIST_H
/*
 * artist.h - artists and the API server: rows and jobs come from here, and change their minds.
 * [simulator]
 */
#include <stdbool.h>
#include <stdint.h>

/* Makes this history's users and posts, and plans when they are scheduled, taken back and so on,
 * until then. */
void artists_begin(int64_t until_ms);
void artists_end(void);
bool artists_share_titles(void);
/* He logs in anew. */
void artist_connects(const char *user_id, int64_t at_ms);

#endif
