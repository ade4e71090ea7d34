/*
 * ledger_summary.c - the counts that fault tests judge by.             [sandbox]
 *
 * Groups are found by sorting pointers: a ledger of tens of thousands is no matter.
 */
#include "tests/sandbox/ledger_summary.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/json.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/state.h"

typedef int record_order(const void *a, const void *b);

static int
compare(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int
by_id(const void *a, const void *b)
{
	const struct ledger_record *const *left = a, *const *right = b;

	return compare((*left)->id, (*right)->id);
}

static int
by_user_title(const void *a, const void *b)
{
	const struct ledger_record *const *left = a, *const *right = b;
	int order = compare((*left)->user, (*right)->user);

	return order != 0 ? order : compare((*left)->title, (*right)->title);
}

static int
by_user_title_digest(const void *a, const void *b)
{
	const struct ledger_record *const *left = a, *const *right = b;
	int order = by_user_title(a, b);

	return order != 0 ? order : compare((*left)->digest, (*right)->digest);
}

struct selection {
	const struct ledger_record **records;
	size_t count;
};

static bool
is_accepted(const struct ledger_record *record)
{
	return record->accepted;
}

static bool
is_new_item(const struct ledger_record *record)
{
	return record->accepted && !record->again;
}

static bool
is_any(const struct ledger_record *record)
{
	(void)record;
	return true;
}

static struct selection
select_records(const struct ledger *ledger, enum ledger_kind kind,
	       bool (*wanted)(const struct ledger_record *))
{
	struct selection selection = {NULL, 0};
	size_t count;
	const struct ledger_record *records = ledger_records(ledger, kind, &count);

	selection.records = memory_alloc(count * sizeof(*selection.records));
	for (size_t i = 0; i < count; i++)
		if (wanted(&records[i]))
			selection.records[selection.count++] = &records[i];
	return selection;
}

/* One entry for each group of two and more. Returns how many records are beyond their group's
 * first. */
static size_t
find_groups(struct selection *selection, record_order *order, const char *id_name, cJSON *out)
{
	size_t extra = 0, end;

	if (selection->count > 0)
		qsort(selection->records, selection->count, sizeof(*selection->records), order);
	for (size_t i = 0; i < selection->count; i = end) {
		const struct ledger_record *first = selection->records[i];
		cJSON *group;

		for (end = i + 1; end < selection->count; end++)
			if (order(&selection->records[i], &selection->records[end]) != 0)
				break;
		if (end - i < 2)
			continue;
		extra += end - i - 1;
		group = cJSON_CreateObject();
		json_add_text(group, "user", first->user);
		json_add_text(group, "title", first->title);
		if (id_name != NULL)
			json_add_text(group, id_name, first->id);
		json_add_integer(group, "count", (int64_t)(end - i));
		cJSON_AddItemToArray(out, group);
	}
	return extra;
}

static size_t
add_groups(cJSON *summary, const char *name, const char *extra_name, struct selection selection,
	   record_order *order, const char *id_name)
{
	cJSON *list = cJSON_CreateArray();
	size_t extra = find_groups(&selection, order, id_name, list);

	if (extra_name != NULL)
		json_add_integer(summary, extra_name, (int64_t)extra);
	cJSON_AddItemToObject(summary, name, list);
	free(selection.records);
	return extra;
}

static int64_t
count_records(const struct ledger *ledger, enum ledger_kind kind, bool accepted, bool again)
{
	int64_t found = 0;
	size_t count;
	const struct ledger_record *records = ledger_records(ledger, kind, &count);

	for (size_t i = 0; i < count; i++)
		found += records[i].accepted == accepted && records[i].again == again;
	return found;
}

static int64_t
count_unpublished(const struct state *state)
{
	int64_t found = 0;

	for (size_t i = 0; i < state->item_count; i++)
		found += state->items[i]->publish_count == 0;
	return found;
}

struct cJSON *
ledger_summary(const struct ledger *ledger, const struct state *state)
{
	cJSON *summary = cJSON_CreateObject();
	size_t violations;

	json_add_integer(summary, "posts", (int64_t)state->post_count);
	json_add_integer(summary, "items", (int64_t)state->item_count);
	json_add_integer(summary, "submits", count_records(ledger, LEDGER_SUBMIT, true, false));
	json_add_integer(summary, "updates", count_records(ledger, LEDGER_SUBMIT, true, true));
	json_add_integer(summary, "publishes",
			 count_records(ledger, LEDGER_PUBLISH, true, false) +
				 count_records(ledger, LEDGER_PUBLISH, true, true));
	json_add_integer(summary, "publishes_refused",
			 count_records(ledger, LEDGER_PUBLISH, false, false));
	json_add_integer(summary, "publishes_repeated",
			 count_records(ledger, LEDGER_PUBLISH, false, true));
	(void)add_groups(summary, "double_publishes", "double_publish_count",
			 select_records(ledger, LEDGER_PUBLISH, is_accepted), by_id, "itemid");
	(void)add_groups(summary, "published_more_than_once", NULL,
			 select_records(ledger, LEDGER_PUBLISH, is_accepted), by_user_title, NULL);
	(void)add_groups(summary, "spare_items", "spare_submits",
			 select_records(ledger, LEDGER_SUBMIT, is_new_item), by_user_title_digest,
			 NULL);
	json_add_integer(summary, "unpublished_items", count_unpublished(state));
	json_add_integer(summary, "refreshes", count_records(ledger, LEDGER_REFRESH, true, false));
	(void)add_groups(summary, "tokens_presented_twice", NULL,
			 select_records(ledger, LEDGER_REFRESH, is_any), by_id,
			 "refresh_token_hash");
	json_add_integer(summary, "spent_tokens_presented",
			 count_records(ledger, LEDGER_REFRESH, false, true));
	(void)ledger_records(ledger, LEDGER_VIOLATION, &violations);
	json_add_integer(summary, "violations", (int64_t)violations);
	ledger_counters_to_json(ledger, summary);
	return summary;
}
