#ifndef SANDBOX_STATE_H
#define SANDBOX_STATE_H
/*
 * state.h - what the pretended site knows: users, stash items, posts.  [sandbox]
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sandbox/digest.h"
#include "tests/sandbox/fields.h"

struct folder {
	char *folderid;
	char *name;
};

struct user {
	char *username;
	char *userid;
	struct folder *folders;
	size_t folder_count;
};

struct post;

/* A stash item. */
struct item {
	int64_t itemid, stackid; /* 16 digits; every other one is odd and above 2^53 */
	struct user *user;
	char *title;
	char *filename; /* NULL: text only */
	char *mime;
	char sha256[DIGEST_HEX_BYTES];
	uint64_t size_bytes;
	unsigned width, height; /* 0: not known */
	char *comments;
	struct fields submitted; /* the tags are read from here if publish brings none */
	int64_t created_ms;
	unsigned publish_count; /* accepted ones */
	struct post *post;      /* the first one made of it; NULL: none yet */
};

struct post {
	char *deviationid;
	char *url;
	char *title;
	char *comments;
	char *app;
	int64_t number;
	struct user *user;
	int64_t itemid; /* 0: planted over the control interface */
	char *mime;     /* may be NULL */
	char sha256[DIGEST_HEX_BYTES];
	uint64_t size_bytes;
	unsigned width, height;
	struct fields published; /* as sent: tags[], galleryids[] ... */
	bool tags_of_item;       /* `published` has no tags: those of the item were taken over */
	bool is_mature, is_downloadable;
	int64_t published_ms;
};

struct state {
	struct user **users;
	size_t user_count;
	struct item **items;
	size_t item_count;
	struct post **posts; /* oldest first */
	size_t post_count;
	int64_t last_number; /* at the end of a post's URL; only grows */
};

void state_init(struct state *state);
void state_fini(struct state *state);

/* Items and posts go, users stay. */
void state_forget_posts(struct state *state);

/* By username or userid, in any case. */
struct user *state_find_user(const struct state *state, const char *name);
struct user *state_add_user(struct state *state, const char *username, const char *userid);
void state_add_folder(struct user *user, const char *folderid, const char *name);
const struct folder *state_find_folder(const struct user *user, const char *folderid);

/* A new item with ids and time; the caller fills the rest. */
struct item *state_add_item(struct state *state, struct user *user);
struct item *state_find_item(const struct state *state, int64_t itemid);

/* A new post with ids, URL and time. */
struct post *state_add_post(struct state *state, struct user *user, const char *title);
struct post *state_find_post(const struct state *state, const char *deviationid);

#endif
