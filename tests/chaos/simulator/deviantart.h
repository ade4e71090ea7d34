#ifndef TESTS_CHAOS_SIMULATOR_DEVIANTART_H
#define TESTS_CHAOS_SIMULATOR_DEVIANTART_H
/*
 * deviantart.h - what the simulated DeviantArt knows.                    [simulator]
 */
#include <stdbool.h>
#include <stdint.h>

#define ITEMS_MOST  256
#define LOGINS_MOST 3

struct sim_item {
	char id[32], user_id[32], title[64];
	char post_id[32], file_id[32]; /* whose upload it was; DeviantArt does not know that */
	int64_t size_bytes;
	bool is_published, is_deleted;
	int64_t published_ms, shown_ms; /* INT64_MAX: no gallery ever shows it */
	char deviation_id[64], url[128];
	/* for the checks */
	int64_t first_asked_ms, last_asked_ms; /* 0: never */
	bool is_unknown;                       /* its last publish request had no clear answer */
	int64_t last_fence_ms;                 /* wall time of the commit before its last request */
	int64_t gallery_asked_ms;
	bool told_published, link_was_shown;
	bool is_from_site; /* its artist published it there by hand, maybe long before we asked */
};

struct sim_login {
	char user_id[32], access[64], refresh[64];
	int64_t access_expires_ms;
	int issued;
	bool is_revoked;
	/* for the checks: what became of the newest pair */
	bool is_spent_unseen; /* its answer was lost, or it died before it could be kept */
	int holder_serial;    /* the process that has it in its hands */
	int64_t delivered_ms, connected_ms; /* by the artist himself, anew */
};

struct sim_deviantart {
	struct sim_item items[ITEMS_MOST];
	int item_count;
	struct sim_login logins[LOGINS_MOST];
	int login_count;
	bool is_down;
	int64_t throttled_until_ms; /* everybody is refused until then */
};
extern struct sim_deviantart sim_deviantart;

struct sim_item *sim_item_of(const char *post_id, const char *file_id, int *published);
struct sim_login *sim_login_of(const char *user_id);

#endif
