/*
 * ledger.c - the evidence.                                             [sandbox]
 */
#include "tests/sandbox/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/fields.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/post_json.h"
#include "tests/sandbox/state.h"
#include "tests/sandbox/text.h"

struct list {
	struct ledger_record *records;
	size_t count, capacity;
};

struct ledger {
	struct list lists[LEDGER_KIND_COUNT];
	int64_t last_seq;
	int file; /* -1: none */
	int64_t requests;
	cJSON *endpoints; /* {"submit": {"requests": 3, "200": 2, "reset": 1}} */
	cJSON *refused;
	cJSON *unknown_fields;
};

static const struct {
	const char *one;
	const char *many;
	bool in_file;
} kinds[LEDGER_KIND_COUNT] = {
	[LEDGER_SUBMIT] = {"submit", "submits", true},
	[LEDGER_PUBLISH] = {"publish", "publishes", true},
	[LEDGER_REFRESH] = {"refresh", "refreshes", true},
	[LEDGER_VIOLATION] = {"violation", "violations", true},
	[LEDGER_OBJECT] = {"object", "objects", false},
	[LEDGER_REQUEST] = {"request", "request_log", false},
};

static void
record_free(struct ledger_record *record)
{
	free(record->user);
	free(record->title);
	free(record->id);
	free(record->digest);
	free(record->json);
}

static void
list_clear(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		record_free(&list->records[i]);
	free(list->records);
	memset(list, 0, sizeof(*list));
}

static void
counters_init(struct ledger *ledger)
{
	ledger->requests = 0;
	ledger->endpoints = cJSON_CreateObject();
	ledger->refused = cJSON_CreateObject();
	ledger->unknown_fields = cJSON_CreateObject();
}

static void
counters_fini(struct ledger *ledger)
{
	cJSON_Delete(ledger->endpoints);
	cJSON_Delete(ledger->refused);
	cJSON_Delete(ledger->unknown_fields);
}

struct ledger *
ledger_new(void)
{
	struct ledger *ledger = memory_alloc(sizeof(*ledger));

	ledger->file = -1;
	counters_init(ledger);
	return ledger;
}

void
ledger_free(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	for (int kind = 0; kind < LEDGER_KIND_COUNT; kind++)
		list_clear(&ledger->lists[kind]);
	counters_fini(ledger);
	if (ledger->file >= 0)
		(void)close(ledger->file);
	free(ledger);
}

void
ledger_clear(struct ledger *ledger)
{
	for (int kind = 0; kind < LEDGER_KIND_COUNT; kind++)
		list_clear(&ledger->lists[kind]);
	counters_fini(ledger);
	counters_init(ledger);
}

bool
ledger_open_file(struct ledger *ledger, const char *path)
{
	ledger->file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (ledger->file < 0)
		fprintf(stderr, "deviantart-sandbox: %s: %s\n", path, strerror(errno));
	return ledger->file >= 0;
}

/* One write a line: a reader, or a crash of the sandbox, never sees half of one. */
static void
write_line(const struct ledger *ledger, enum ledger_kind kind, const char *json)
{
	char *line = memory_format("{\"kind\":\"%s\",%s\n", kinds[kind].one, json + 1);
	size_t length = strlen(line);
	ssize_t written = write(ledger->file, line, length);

	if (written < 0 || (size_t)written != length) {
		fprintf(stderr, "deviantart-sandbox: the ledger file cannot be written: %s\n",
			written < 0 ? strerror(errno) : "no room");
		exit(EX_IOERR);
	}
	free(line);
}

static struct ledger_record *
list_append(struct list *list)
{
	if (list->count == list->capacity) {
		list->capacity = list->capacity > 0 ? list->capacity * 2 : 16;
		list->records = memory_grow(list->records, list->capacity * sizeof(*list->records));
	}
	memset(&list->records[list->count], 0, sizeof(*list->records));
	return &list->records[list->count++];
}

static void
forget_oldest_half(struct list *list)
{
	size_t half = list->count / 2;

	for (size_t i = 0; i < half; i++)
		record_free(&list->records[i]);
	memmove(list->records, list->records + half, (list->count - half) * sizeof(*list->records));
	list->count -= half;
}

/* {"seq": .., "time_ms": .., then the record's members}. */
static char *
print_record(int64_t seq, const cJSON *record)
{
	char *members = json_print(record);
	char *json =
		memory_format("{\"seq\":%lld,\"time_ms\":%lld%s%s", (long long)seq,
			      (long long)text_now_ms(), members[1] == '}' ? "" : ",", members + 1);

	free(members);
	return json;
}

void
ledger_add(struct ledger *ledger, enum ledger_kind kind, const struct ledger_keys *keys,
	   struct cJSON *record)
{
	struct list *list = &ledger->lists[kind];
	struct ledger_record *kept;

	if (kind == LEDGER_REQUEST && list->count >= 2 * LEDGER_REQUESTS_KEPT)
		forget_oldest_half(list);
	kept = list_append(list);
	kept->seq = ++ledger->last_seq;
	kept->user = memory_text(keys->user);
	kept->title = memory_text(keys->title);
	kept->id = memory_text(keys->id);
	kept->digest = memory_text(keys->digest);
	kept->accepted = keys->accepted;
	kept->again = keys->again;
	kept->json = print_record(kept->seq, record);
	cJSON_Delete(record);
	if (ledger->file >= 0 && kinds[kind].in_file)
		write_line(ledger, kind, kept->json);
}

static void
count(cJSON *object, const char *name)
{
	cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	if (member != NULL)
		cJSON_SetNumberValue(member, member->valuedouble + 1);
	else
		(void)cJSON_AddNumberToObject(object, name, 1);
}

static cJSON *
endpoint_counters(struct ledger *ledger, const char *endpoint)
{
	cJSON *counters = cJSON_GetObjectItemCaseSensitive(ledger->endpoints, endpoint);

	if (counters == NULL)
		counters = cJSON_AddObjectToObject(ledger->endpoints, endpoint);
	return counters;
}

void
ledger_count_request(struct ledger *ledger, const char *endpoint)
{
	ledger->requests++;
	count(endpoint_counters(ledger, endpoint), "requests");
}

void
ledger_count_outcome(struct ledger *ledger, const char *endpoint, const char *outcome)
{
	count(endpoint_counters(ledger, endpoint), outcome);
}

void
ledger_count_refused(struct ledger *ledger, const char *reason)
{
	count(ledger->refused, reason);
}

void
ledger_count_unknown_field(struct ledger *ledger, const char *endpoint, const char *field)
{
	char *name = memory_format("%s:%s", endpoint, field);
	char *clean = text_clean(name);

	if (cJSON_GetArraySize(ledger->unknown_fields) < 200)
		count(ledger->unknown_fields, clean);
	free(clean);
	free(name);
}

void
ledger_counters_to_json(const struct ledger *ledger, struct cJSON *object)
{
	json_add_integer(object, "requests", ledger->requests);
	json_add_integer(object, "last_seq", ledger->last_seq);
	cJSON_AddItemToObject(object, "endpoints", cJSON_Duplicate(ledger->endpoints, true));
	cJSON_AddItemToObject(object, "refused", cJSON_Duplicate(ledger->refused, true));
	cJSON_AddItemToObject(object, "unknown_fields",
			      cJSON_Duplicate(ledger->unknown_fields, true));
}

const struct ledger_record *
ledger_records(const struct ledger *ledger, enum ledger_kind kind, size_t *record_count)
{
	*record_count = ledger->lists[kind].count;
	return ledger->lists[kind].records;
}

/* ---- reading ---- */

struct filter {
	const char *username; /* NULL: everybody's */
	const char *title;
	int64_t since;
};

static struct filter
make_filter(const struct state *state, const struct fields *query)
{
	const char *name = fields_get(query, "user"), *since = fields_get(query, "since");
	const struct user *user = name != NULL ? state_find_user(state, name) : NULL;
	struct filter filter = {.username = user != NULL ? user->username : name,
				.title = fields_get(query, "title")};

	if (since != NULL)
		(void)text_parse_integer(since, &filter.since);
	return filter;
}

static bool
same(const char *wanted, const char *text)
{
	return wanted == NULL || (text != NULL && strcmp(wanted, text) == 0);
}

static void
render_list(const struct list *list, const struct filter *filter, struct buffer *out)
{
	bool first = true;

	(void)buffer_add_text(out, "[");
	for (size_t i = 0; i < list->count; i++) {
		const struct ledger_record *record = &list->records[i];

		if (record->seq <= filter->since || !same(filter->username, record->user) ||
		    !same(filter->title, record->title))
			continue;
		(void)buffer_add_text(out, first ? "\n" : ",\n");
		(void)buffer_add_text(out, record->json);
		first = false;
	}
	(void)buffer_add_text(out, "]");
}

static void
render_posts(const struct state *state, const struct filter *filter, struct buffer *out)
{
	bool first = true;

	(void)buffer_add_text(out, "[");
	for (size_t i = 0; i < state->post_count; i++) {
		const struct post *post = state->posts[i];
		cJSON *json;
		char *text;

		if (!same(filter->username, post->user->username) ||
		    !same(filter->title, post->title))
			continue;
		json = post_json_for_ledger(post);
		text = json_print(json);
		(void)buffer_add_text(out, first ? "\n" : ",\n");
		(void)buffer_add_text(out, text);
		first = false;
		free(text);
		cJSON_Delete(json);
	}
	(void)buffer_add_text(out, "]");
}

char *
ledger_render(const struct ledger *ledger, const struct state *state, const struct fields *query,
	      size_t *length)
{
	struct filter filter = make_filter(state, query);
	cJSON *counters = cJSON_CreateObject();
	struct buffer out;
	char *text;

	buffer_init(&out, SIZE_MAX / 2);
	ledger_counters_to_json(ledger, counters);
	text = json_print(counters);
	text[strlen(text) - 1] = '\0'; /* the closing brace comes at the end of all */
	(void)buffer_add_text(&out, text);
	free(text);
	cJSON_Delete(counters);
	for (int kind = 0; kind < LEDGER_REQUEST; kind++) {
		(void)buffer_add_format(&out, ",\n\"%s\":", kinds[kind].many);
		render_list(&ledger->lists[kind], &filter, &out);
	}
	(void)buffer_add_text(&out, ",\n\"posts\":");
	render_posts(state, &filter, &out);
	(void)buffer_add_text(&out, "}\n");
	*length = out.length;
	text = buffer_take(&out);
	buffer_free(&out);
	return text;
}

char *
ledger_render_requests(const struct ledger *ledger, const struct state *state,
		       const struct fields *query, size_t *length)
{
	struct filter filter = make_filter(state, query);
	struct buffer out;
	char *text;

	buffer_init(&out, SIZE_MAX / 2);
	(void)buffer_add_text(&out, "{\"request_log\":");
	render_list(&ledger->lists[LEDGER_REQUEST], &filter, &out);
	(void)buffer_add_text(&out, "}\n");
	*length = out.length;
	text = buffer_take(&out);
	buffer_free(&out);
	return text;
}
