/*
 * sim_deviantart.c - worker/deviantart/deviantart.h, and the DeviantArt behind it.   [simulator]
 *
 * What is answered is judged by the program's own classify.c. An answer may be lost, an effect come
 * late, the gallery show a post late or never.
 */
#include "tests/chaos/simulator/deviantart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/checks.h"
#include "tests/chaos/simulator/history.h"
#include "tests/chaos/simulator/process.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/tables.h"
#include "worker/deviantart/classify.h"
#include "worker/deviantart/deviantart.h"

#define WATCH_EVERY_MS   500
#define ACCESS_LIFE_MS   (3600 * 1000)
#define GALLERY_PAGE     24
#define HIDDEN_MOST_MS   (40 * 60 * 1000)
#define THROTTLE_LONGEST 600

struct sim_deviantart sim_deviantart;

/* ---- what it knows ---- */

static struct sim_item *
item_by_id(const char *id)
{
	for (int i = 0; i < sim_deviantart.item_count; i++) {
		if (strcmp(sim_deviantart.items[i].id, id) == 0)
			return &sim_deviantart.items[i];
	}
	return NULL;
}

struct sim_item *
sim_item_of(const char *post_id, const char *file_id, int *published)
{
	struct sim_item *found = NULL;

	*published = 0;
	for (int i = 0; i < sim_deviantart.item_count; i++) {
		struct sim_item *item = &sim_deviantart.items[i];

		if (strcmp(item->post_id, post_id) != 0 || strcmp(item->file_id, file_id) != 0 ||
		    !item->is_published)
			continue;
		found = item;
		(*published)++;
	}
	return found;
}

struct sim_login *
sim_login_of(const char *user_id)
{
	for (int i = 0; i < sim_deviantart.login_count; i++) {
		if (strcmp(sim_deviantart.logins[i].user_id, user_id) == 0)
			return &sim_deviantart.logins[i];
	}
	return NULL;
}

static struct sim_login *
login_by_access(const char *access)
{
	for (int i = 0; i < sim_deviantart.login_count; i++) {
		struct sim_login *login = &sim_deviantart.logins[i];

		if (strcmp(login->access, access) == 0)
			return login->access_expires_ms > sim_now_ms() && !login->is_revoked ? login
											     : NULL;
	}
	return NULL;
}

/* ---- a request's way and its answer ---- */

/* As worker/http/: asked before, twice a second, and when an order comes. */
static bool
travel(const struct watch *watch, int64_t ms, struct failure *why)
{
	int64_t end_ms = sim_now_ms() + ms;

	for (;;) {
		int64_t next_ms = sim_now_ms() + WATCH_EVERY_MS;

		if (watch != NULL && watch->go_on != NULL && !watch->go_on(watch->arg, why))
			return false;
		if (sim_now_ms() >= end_ms)
			return true;
		process_wait(next_ms < end_ms ? next_ms : end_ms, true);
	}
}

static bool
answer(enum endpoint endpoint, int status, const char *body, int64_t retry_after_ms,
       struct failure *why)
{
	const struct answer a = {.endpoint = endpoint,
				 .transport_ok = status != 0,
				 .sent = true,
				 .transport_error = "connection reset",
				 .status = status,
				 .retry_after_ms = retry_after_ms,
				 .body = body,
				 .body_size = strlen(body)};

	return classify_answer(&a, why);
}

static bool
not_sent(enum endpoint endpoint, struct failure *why)
{
	const struct answer a = {.endpoint = endpoint,
				 .transport_error = "connection refused",
				 .retry_after_ms = -1,
				 .body = ""};

	return classify_answer(&a, why);
}

/* What befalls a request before anybody looks at what it says; true: nothing. */
static bool
survives(enum endpoint endpoint, const char *access_token, struct failure *why)
{
	int64_t wait_ms = sim_chance(7000) ? 1000 * (int64_t)sim_below(THROTTLE_LONGEST) : -1;

	if (sim_deviantart.throttled_until_ms > sim_now_ms() || sim_strikes(weather.throttled)) {
		uint32_t kind = sim_below(10);

		sim_count(SIM_REFUSALS);
		if (kind == 0)
			return answer(endpoint, 403, "<html>blocked</html>", -1, why);
		if (kind < 4)
			return answer(endpoint, 429,
				      "{\"error\":\"application_api_threshold\",\"status\":"
				      "\"error\"}",
				      wait_ms, why);
		return answer(endpoint, 429,
			      "{\"error\":\"user_api_threshold\",\"status\":\"error\"}", wait_ms,
			      why);
	}
	if (sim_strikes(weather.unauthorized) && access_token != NULL) {
		struct sim_login *login = login_by_access(access_token);

		/* The token is no good any more, for whatever reason. */
		if (login != NULL)
			login->access_expires_ms = 0;
	}
	if (access_token != NULL && login_by_access(access_token) == NULL) {
		sim_count(SIM_REFUSALS);
		return answer(endpoint, 401,
			      "{\"error\":\"invalid_token\",\"error_description\":\"Expired oAuth2 "
			      "user token\",\"status\":\"error\"}",
			      -1, why);
	}
	return true;
}

static bool
refuses(enum endpoint endpoint, struct failure *why)
{
	static const struct {
		int status;
		const char *body;
	} kinds[] = {
		{400, "{\"error\":\"invalid_request\",\"error_description\":\"Request field "
		      "validation failed\",\"status\":\"error\"}"},
		{403, "{\"error\":\"access_denied\",\"status\":\"error\"}"},
		{400, "{\"error\":\"quota_exceeded\",\"error_description\":\"quota used "
		      "up\",\"status\":\"error\"}"},
		{404, "{\"error\":\"version_error\",\"status\":\"error\"}"},
	};
	uint32_t kind = sim_below(sizeof(kinds) / sizeof(kinds[0]));

	sim_count(SIM_REFUSALS);
	return answer(endpoint, kinds[kind].status, kinds[kind].body, -1, why);
}

static bool
fails(enum endpoint endpoint, struct failure *why)
{
	static const int statuses[] = {500, 502, 503, 504};
	int status = statuses[sim_below(4)];

	sim_count(SIM_REFUSALS);
	return answer(endpoint, status, sim_chance(5000) ? "" : "<html>oops</html>", -1, why);
}

static bool
loses(enum endpoint endpoint, struct failure *why)
{
	sim_count(SIM_ANSWERS_LOST);
	if (sim_chance(3000)) /* an empty or cut 200 proves nothing */
		return answer(endpoint, 200, sim_chance(5000) ? "" : "{\"status\":\"succ", -1, why);
	return answer(endpoint, 0, "", -1, why);
}

static int64_t
short_while(void)
{
	if (sim_strikes(weather.slow))
		return sim_between(1000, 40000);
	return sim_between(20, 400);
}

/* ---- stash/submit ---- */

struct deviantart {
	int none;
};

struct deviantart *
deviantart_new(const struct config *config, struct http *http, struct storage *storage)
{
	(void)config;
	(void)http;
	(void)storage;
	return calloc(1, sizeof(struct deviantart));
}

void
deviantart_free(struct deviantart *da)
{
	free(da);
}

static struct sim_item *
new_item(const char *title, const char *storage_key, int64_t size_bytes, const char *user_id)
{
	struct sim_item *item;

	if (sim_deviantart.item_count == ITEMS_MOST)
		sim_violation("uploads are bounded", "%d uploads in one history", ITEMS_MOST);
	item = &sim_deviantart.items[sim_deviantart.item_count++];
	*item = (struct sim_item){.size_bytes = size_bytes, .shown_ms = INT64_MAX};
	snprintf(item->id, sizeof(item->id), "%d", 7000000 + sim_deviantart.item_count);
	snprintf(item->title, sizeof(item->title), "%s", title);
	snprintf(item->user_id, sizeof(item->user_id), "%s", user_id);
	/* Keys are "<post>/<file>". */
	snprintf(item->post_id, sizeof(item->post_id), "%.*s", (int)strcspn(storage_key, "/"),
		 storage_key);
	snprintf(item->file_id, sizeof(item->file_id), "%s",
		 storage_key + strcspn(storage_key, "/") + 1);
	return item;
}

static bool
storage_gives(struct failure *why)
{
	if (sim_strikes(weather.storage_away))
		return failure_set(why, FAILURE_AWAY, "the storage is away");
	if (sim_strikes(weather.missing_object)) {
		check_burnable();
		return failure_set(why, FAILURE_VALIDATION_ERROR, "the file is missing");
	}
	return true;
}

bool
deviantart_submit(struct deviantart *da, const char *access_token,
		  const struct deviantart_post *post, const struct deviantart_file *file,
		  const char *replace_item, const struct watch *watch,
		  void (*on_progress)(void *arg, int64_t sent_bytes), void *progress_arg,
		  char item[DEVIANTART_ITEM_SIZE], struct failure *why)
{
	struct sim_item *made;
	bool dies_unseen = sim_strikes(weather.lost);

	(void)da;
	(void)replace_item;
	process_current()->at = "stash/submit";
	sim_count(SIM_SUBMITS);
	if (!storage_gives(why))
		return false;
	if (sim_deviantart.is_down || sim_strikes(weather.outage)) {
		process_latency();
		return not_sent(ENDPOINT_SUBMIT, why);
	}
	if (!travel(watch, short_while(), why))
		return false;
	if (on_progress != NULL)
		on_progress(progress_arg, file->size_bytes);
	if (!survives(ENDPOINT_SUBMIT, access_token, why)) {
		process_current()->has_refusal = why->category == FAILURE_RATE_LIMIT;
		check_burnable();
		return false;
	}
	made = new_item(post->title, file->storage_key, file->size_bytes,
			login_by_access(access_token)->user_id);
	if (!travel(watch, short_while(), why))
		return false;
	if (dies_unseen || sim_strikes(weather.server_error) || sim_strikes(weather.refused)) {
		check_burnable();
		if (dies_unseen)
			return loses(ENDPOINT_SUBMIT, why);
		return sim_chance(5000) ? fails(ENDPOINT_SUBMIT, why)
					: refuses(ENDPOINT_SUBMIT, why);
	}
	snprintf(item, DEVIANTART_ITEM_SIZE, "%s", made->id);
	TRACE("%s: item %s for %s", process_name(process_current()), made->id, file->storage_key);
	return true;
}

/* ---- stash/publish ---- */

static void
publish_item(struct sim_item *item)
{
	if (item->is_published || item->is_deleted)
		return;
	item->is_published = true;
	item->published_ms = tables_now_ms();
	item->shown_ms = sim_now_ms() + sim_between(0, 3000);
	if (sim_chance(weather.never_shown))
		item->shown_ms = INT64_MAX;
	else if (sim_chance(weather.shows_late))
		item->shown_ms = sim_now_ms() + sim_between(0, HIDDEN_MOST_MS);
	snprintf(item->deviation_id, sizeof(item->deviation_id), "D0000000-%s", item->id);
	snprintf(item->url, sizeof(item->url), "https://www.deviantart.com/x/art/%s", item->id);
	TRACE("- item %s of %s is public", item->id, item->post_id);
	check_published(item);
}

static void
publish_late(void *argument)
{
	publish_item(argument);
}

static void
detach_publish(void *request, int64_t effect_ms)
{
	sim_plan(effect_ms, publish_late, request);
}

static bool
publish_succeeds(struct sim_item *item, struct deviantart_published *published)
{
	snprintf(published->deviation_id, sizeof(published->deviation_id), "%s",
		 item->deviation_id);
	snprintf(published->url, sizeof(published->url), "%s", item->url);
	item->is_unknown = false;
	item->told_published = true;
	return true;
}

/* The answer to a request that arrived; the item is what it is. */
static bool
answer_publish(struct sim_item *item, struct deviantart_published *published, struct failure *why)
{
	if (item->is_deleted) {
		item->is_unknown = false;
		return answer(ENDPOINT_PUBLISH, 400,
			      "{\"error\":\"invalid_request\",\"error_code\":7,\"status\":"
			      "\"error\"}",
			      -1, why);
	}
	if (item->is_published) {
		if (weather.repeats_accepted)
			return publish_succeeds(item, published);
		item->told_published = true;
		item->is_unknown = false;
		return answer(ENDPOINT_PUBLISH, 400,
			      "{\"error\":\"invalid_request\",\"error_code\":9,\"status\":"
			      "\"error\"}",
			      -1, why);
	}
	publish_item(item);
	return publish_succeeds(item, published);
}

/* As deviantart_publish.c has it: a cut-off request may have got through, but a lost lease stays
 * one. */
static bool
cut_off(struct failure *why)
{
	char cause[FAILURE_MESSAGE_SIZE];

	if (why->category == FAILURE_LOST)
		return false;
	memcpy(cause, why->message, sizeof(cause));
	return failure_set(why, FAILURE_OUTCOME_UNKNOWN, "cut off after it was sent (%s)", cause);
}

/* The answer is lost; what became of the request is another question. */
static bool
publish_unseen(struct sim_item *item, struct failure *why)
{
	/* PUBLISHER_UNKNOWN_WAIT_MS is as long as a request may still be under way. */
	int64_t late_most_ms = process_current()->child.config->unknown_wait_ms - 1000;

	item->is_unknown = true;
	if (sim_chance(weather.late)) {
		sim_plan(sim_now_ms() + sim_between(0, late_most_ms), publish_late, item);
		sim_count(SIM_LATE_EFFECTS);
	} else if (sim_chance(6000)) {
		publish_item(item);
	}
	if (sim_chance(3000))
		return fails(ENDPOINT_PUBLISH, why);
	if (sim_chance(2000))
		return answer(ENDPOINT_PUBLISH, 400,
			      "{\"error\":\"invalid_request\",\"error_code\":6,\"status\":"
			      "\"error\"}",
			      -1, why);
	return loses(ENDPOINT_PUBLISH, why);
}

bool
deviantart_publish(struct deviantart *da, const char *access_token, const char *item_id,
		   const struct deviantart_post *post, unsigned repair, const struct watch *watch,
		   struct deviantart_published *published, struct failure *why)
{
	struct process *p = process_current();
	struct sim_item *item = item_by_id(item_id);
	bool went;

	(void)da;
	(void)post;
	(void)repair;
	p->at = "stash/publish";
	if (item == NULL)
		sim_violation("only the journal's item is published", "item %s was never made",
			      item_id);
	if (sim_deviantart.is_down || sim_strikes(weather.outage)) {
		process_latency();
		return not_sent(ENDPOINT_PUBLISH, why);
	}
	if (watch->go_on != NULL && !watch->go_on(watch->arg, why))
		return false;
	/* From here on it is sent. */
	sim_count(SIM_PUBLISH_REQUESTS);
	check_publish_request(item, p);
	item->last_asked_ms = sim_now_ms();
	if (item->first_asked_ms == 0)
		item->first_asked_ms = sim_now_ms();
	item->is_unknown = true;
	p->detach = detach_publish;
	p->request = item;
	went = travel(watch, short_while(), why);
	p->detach = NULL;
	if (!went) {
		if (sim_chance(5000))
			publish_item(item);
		return cut_off(why);
	}
	/* On the site its artist does what he likes with the item. */
	if (sim_strikes(weather.item_gone) && !item->is_published)
		item->is_deleted = true;
	if (sim_strikes(weather.item_gone) && !item->is_deleted && !item->is_published) {
		item->is_from_site = true;
		publish_item(item);
	}
	if (!survives(ENDPOINT_PUBLISH, access_token, why)) {
		p->has_refusal = why->category == FAILURE_RATE_LIMIT;
		check_burnable();
		item->is_unknown = why->category == FAILURE_OUTCOME_UNKNOWN;
		return false;
	}
	if (sim_strikes(weather.lost) || sim_strikes(weather.server_error))
		return publish_unseen(item, why);
	if (sim_strikes(weather.refused) && !item->is_published) {
		check_burnable();
		item->is_unknown = false;
		return refuses(ENDPOINT_PUBLISH, why);
	}
	p->detach = NULL;
	went = answer_publish(item, published, why);
	{
		struct failure cut;

		/* It died on the way back. */
		item->is_unknown = true;
		if (!travel(watch, short_while(), &cut)) {
			*why = cut;
			return cut_off(why);
		}
		item->is_unknown = false;
	}
	return went;
}

/* ---- reading back ---- */

static bool
read_something(const char *access_token, const struct watch *watch, struct failure *why)
{
	if (sim_deviantart.is_down || sim_strikes(weather.outage)) {
		process_latency();
		return not_sent(ENDPOINT_READ, why);
	}
	if (!travel(watch, short_while(), why))
		return false;
	if (!survives(ENDPOINT_READ, access_token, why))
		return false;
	if (sim_strikes(weather.lost))
		return loses(ENDPOINT_READ, why);
	return !sim_strikes(weather.server_error) || fails(ENDPOINT_READ, why);
}

static bool
is_shown(const struct sim_item *item, const char *user_id)
{
	return item->is_published && item->shown_ms <= sim_now_ms() &&
	       strcmp(item->user_id, user_id) == 0;
}

bool
deviantart_gallery(struct deviantart *da, const char *access_token, int offset,
		   const struct watch *watch, struct deviantart_gallery_post posts[GALLERY_PAGE],
		   size_t *count, bool *has_more, struct failure *why)
{
	const struct sim_login *login;
	size_t skip = (size_t)offset, found = 0;
	bool read;

	(void)da;
	process_current()->at = "gallery/all";
	/* That it was tried counts: a gallery that cannot be read must not hold a post up. */
	for (int i = 0; i < sim_deviantart.item_count; i++)
		sim_deviantart.items[i].gallery_asked_ms = sim_now_ms();
	read = read_something(access_token, watch, why);
	if (!read)
		return false;
	login = login_by_access(access_token);
	for (int i = sim_deviantart.item_count - 1; i >= 0 && login != NULL; i--) {
		struct sim_item *item = &sim_deviantart.items[i];

		if (!is_shown(item, login->user_id))
			continue;
		if (skip > 0) {
			skip--;
			continue;
		}
		if (found == GALLERY_PAGE)
			break;
		item->link_was_shown = true;
		posts[found] = (struct deviantart_gallery_post){
			.published_time_s = item->published_ms / 1000, .download_size_bytes = -1};
		snprintf(posts[found].deviation_id, sizeof(posts[found].deviation_id), "%s",
			 item->deviation_id);
		snprintf(posts[found].url, sizeof(posts[found].url), "%s", item->url);
		snprintf(posts[found].title, sizeof(posts[found].title), "%s", item->title);
		found++;
	}
	*count = found;
	*has_more = false;
	return true;
}

bool
deviantart_metadata(struct deviantart *da, const char *access_token, const char *const *ids,
		    size_t count, const struct watch *watch, struct deviantart_metadata *out,
		    size_t *found, struct failure *why)
{
	size_t used = 0;

	(void)da;
	process_current()->at = "deviation/metadata";
	if (!read_something(access_token, watch, why))
		return false;
	for (size_t i = 0; i < count; i++) {
		for (int n = 0; n < sim_deviantart.item_count; n++) {
			const struct sim_item *item = &sim_deviantart.items[n];

			if (!item->is_published || strcmp(item->deviation_id, ids[i]) != 0)
				continue;
			out[used] = (struct deviantart_metadata){
				.file_size_bytes_low = item->size_bytes,
				.file_size_bytes_high = item->size_bytes};
			snprintf(out[used].deviation_id, sizeof(out[used].deviation_id), "%s",
				 ids[i]);
			used++;
		}
	}
	*found = used;
	return true;
}

/* ---- tokens ---- */

static void
issue(struct sim_login *login)
{
	login->issued++;
	snprintf(login->access, sizeof(login->access), "access-%s-%d", login->user_id,
		 login->issued);
	snprintf(login->refresh, sizeof(login->refresh), "refresh-%s-%d", login->user_id,
		 login->issued);
	login->access_expires_ms = sim_now_ms() + ACCESS_LIFE_MS;
	login->is_spent_unseen = true; /* until somebody has it in his hands */
	login->holder_serial = 0;
}

static struct sim_login *
login_by_refresh(const char *refresh_token)
{
	for (int i = 0; i < sim_deviantart.login_count; i++) {
		struct sim_login *login = &sim_deviantart.logins[i];

		if (strcmp(login->refresh, refresh_token) == 0 && !login->is_revoked)
			return login;
	}
	return NULL;
}

/* Whose token it is or was: "refresh-<user>-<n>". */
static const struct sim_login *
owner_of(const char *refresh_token)
{
	char user_id[32];

	snprintf(user_id, sizeof(user_id), "%.*s", (int)strcspn(refresh_token + 8, "-"),
		 refresh_token + 8);
	return sim_login_of(user_id);
}

struct spending {
	struct sim_login *login;
	char refresh[64];
};

static void
spend(void *argument)
{
	struct spending *spending = argument;

	if (strcmp(spending->login->refresh, spending->refresh) == 0)
		issue(spending->login);
	free(spending);
}

static void
detach_refresh(void *request, int64_t effect_ms)
{
	struct sim_login *login = login_by_refresh(request);
	struct spending *spending = calloc(1, sizeof(*spending));

	if (spending == NULL)
		abort();
	if (login == NULL) {
		free(spending);
		return;
	}
	spending->login = login;
	snprintf(spending->refresh, sizeof(spending->refresh), "%s", (const char *)request);
	sim_plan(effect_ms, spend, spending);
}

bool
deviantart_refresh(struct deviantart *da, const char *refresh_token, const struct watch *watch,
		   struct deviantart_tokens *tokens, struct failure *why)
{
	struct process *p = process_current();
	struct sim_login *login;
	struct failure cut;

	(void)da;
	p->at = "oauth2/token";
	if (sim_deviantart.is_down || sim_strikes(weather.outage)) {
		process_latency();
		return not_sent(ENDPOINT_TOKEN, why);
	}
	sim_count(SIM_REFRESHES);
	check_refresh(owner_of(refresh_token), refresh_token, p);
	p->detach = detach_refresh;
	p->request = (void *)(uintptr_t)refresh_token;
	if (!travel(watch, short_while(), why)) {
		p->detach = NULL;
		detach_refresh((void *)(uintptr_t)refresh_token, sim_now_ms());
		return false;
	}
	p->detach = NULL;
	check_burnable();
	if (!survives(ENDPOINT_TOKEN, NULL, why))
		return false;
	if (sim_strikes(weather.server_error))
		return fails(ENDPOINT_TOKEN, why);
	login = login_by_refresh(refresh_token);
	if (login == NULL)
		return answer(ENDPOINT_TOKEN, 400,
			      "{\"error\":\"invalid_grant\",\"error_description\":\"The refresh "
			      "token is invalid\",\"status\":\"error\"}",
			      -1, why);
	issue(login);
	if (sim_strikes(weather.lost))
		return loses(ENDPOINT_TOKEN, why);
	if (!travel(watch, short_while(), &cut)) {
		*why = cut;
		return false;
	}
	login->is_spent_unseen = false;
	login->holder_serial = p->serial;
	login->delivered_ms = sim_now_ms();
	history_at_refresh(login->user_id);
	tokens->access_token = strdup(login->access);
	tokens->refresh_token = strdup(login->refresh);
	tokens->expires_in_s = ACCESS_LIFE_MS / 1000;
	TRACE("%s: new pair %s", process_name(p), login->refresh);
	return true;
}

void
deviantart_tokens_clear(struct deviantart_tokens *tokens)
{
	free(tokens->access_token);
	free(tokens->refresh_token);
	*tokens = (struct deviantart_tokens){0};
}
