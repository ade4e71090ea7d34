/*
 * state.c - what the pretended site knows.                             [sandbox]
 *
 * Pointers stay valid until state_fini() or state_forget_posts(): nothing is moved, only the arrays
 * that point to it.
 */
#include "tests/sandbox/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include <openssl/rand.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/text.h"

#define FIRST_NUMBER  INT64_C(1100000000)
#define BEYOND_DOUBLE (INT64_C(1) << 53)
#define SIXTEEN_LEAST INT64_C(1000000000000000)
#define SIXTEEN_MOST  INT64_C(9999999999999999)

void
state_init(struct state *state)
{
	memset(state, 0, sizeof(*state));
	state->last_number = FIRST_NUMBER;
}

static void
user_free(struct user *user)
{
	for (size_t i = 0; i < user->folder_count; i++) {
		free(user->folders[i].folderid);
		free(user->folders[i].name);
	}
	free(user->folders);
	free(user->username);
	free(user->userid);
	free(user);
}

static void
item_free(struct item *item)
{
	free(item->title);
	free(item->filename);
	free(item->mime);
	free(item->comments);
	fields_free(&item->submitted);
	free(item);
}

static void
post_free(struct post *post)
{
	free(post->deviationid);
	free(post->url);
	free(post->title);
	free(post->comments);
	free(post->app);
	free(post->mime);
	fields_free(&post->published);
	free(post);
}

void
state_forget_posts(struct state *state)
{
	for (size_t i = 0; i < state->item_count; i++)
		item_free(state->items[i]);
	for (size_t i = 0; i < state->post_count; i++)
		post_free(state->posts[i]);
	free(state->items);
	free(state->posts);
	state->items = NULL;
	state->posts = NULL;
	state->item_count = state->post_count = 0;
}

void
state_fini(struct state *state)
{
	state_forget_posts(state);
	for (size_t i = 0; i < state->user_count; i++)
		user_free(state->users[i]);
	free(state->users);
	memset(state, 0, sizeof(*state));
}

struct user *
state_find_user(const struct state *state, const char *name)
{
	for (size_t i = 0; i < state->user_count; i++)
		if (strcasecmp(state->users[i]->username, name) == 0 ||
		    strcasecmp(state->users[i]->userid, name) == 0)
			return state->users[i];
	return NULL;
}

struct user *
state_add_user(struct state *state, const char *username, const char *userid)
{
	struct user *user = memory_alloc(sizeof(*user));

	user->username = memory_text(username);
	user->userid = memory_text(userid);
	state->users = memory_grow(state->users, (state->user_count + 1) * sizeof(*state->users));
	state->users[state->user_count++] = user;
	return user;
}

void
state_add_folder(struct user *user, const char *folderid, const char *name)
{
	struct folder *folder;

	user->folders = memory_grow(user->folders, (user->folder_count + 1) * sizeof(*folder));
	folder = &user->folders[user->folder_count++];
	folder->folderid = memory_text(folderid);
	folder->name = memory_text(name);
}

const struct folder *
state_find_folder(const struct user *user, const char *folderid)
{
	for (size_t i = 0; i < user->folder_count; i++)
		if (strcasecmp(user->folders[i].folderid, folderid) == 0)
			return &user->folders[i];
	return NULL;
}

static int64_t
random_number(int64_t least, int64_t most)
{
	uint64_t bits = 0;

	if (RAND_bytes((unsigned char *)&bits, sizeof(bits)) != 1) {
		fputs("deviantart-sandbox: no random bytes from libcrypto\n", stderr);
		exit(EX_OSERR);
	}
	return least + (int64_t)(bits % (uint64_t)(most - least + 1));
}

/*
 * Every other id is odd and above 2^53: whoever keeps ids in doubles (JSON numbers in many
 * languages) asks for a neighbour's item.
 */
static int64_t
new_itemid(const struct state *state)
{
	bool beyond = state->item_count % 2 == 0;
	int64_t itemid;

	do {
		itemid = beyond ? random_number(BEYOND_DOUBLE, SIXTEEN_MOST - 1) | 1
				: random_number(SIXTEEN_LEAST, BEYOND_DOUBLE - 1);
	} while (state_find_item(state, itemid) != NULL);
	return itemid;
}

struct item *
state_add_item(struct state *state, struct user *user)
{
	struct item *item = memory_alloc(sizeof(*item));

	item->itemid = new_itemid(state);
	item->stackid = random_number(SIXTEEN_LEAST, SIXTEEN_MOST);
	item->user = user;
	item->created_ms = text_now_ms();
	state->items = memory_grow(state->items, (state->item_count + 1) * sizeof(*state->items));
	state->items[state->item_count++] = item;
	return item;
}

struct item *
state_find_item(const struct state *state, int64_t itemid)
{
	for (size_t i = state->item_count; i > 0; i--)
		if (state->items[i - 1]->itemid == itemid)
			return state->items[i - 1];
	return NULL;
}

struct post *
state_add_post(struct state *state, struct user *user, const char *title)
{
	struct post *post = memory_alloc(sizeof(*post));
	char *slug = text_slug(title);

	post->deviationid = text_new_uuid();
	post->title = memory_text(title);
	post->user = user;
	post->number = state->last_number += random_number(1, 40);
	post->url = memory_format("https://www.deviantart.com/%s/art/%s-%" PRId64, user->username,
				  slug, post->number);
	post->published_ms = text_now_ms();
	state->posts = memory_grow(state->posts, (state->post_count + 1) * sizeof(*state->posts));
	state->posts[state->post_count++] = post;
	free(slug);
	return post;
}

struct post *
state_find_post(const struct state *state, const char *deviationid)
{
	for (size_t i = state->post_count; i > 0; i--)
		if (strcasecmp(state->posts[i - 1]->deviationid, deviationid) == 0)
			return state->posts[i - 1];
	return NULL;
}
