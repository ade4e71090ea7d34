/*
 * faults.c - the list of rules, and how a request is matched.          [sandbox]
 */
#include "tests/sandbox/faults.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/fault_rule.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/text.h"

struct faults {
	struct fault **rules;
	size_t count;
	int64_t last_id;
	uint64_t random;
};

struct faults *
faults_new(void)
{
	struct faults *faults = memory_alloc(sizeof(*faults));

	faults_seed(faults, 1);
	return faults;
}

void
faults_seed(struct faults *faults, uint64_t seed)
{
	faults->random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

void
faults_clear(struct faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		fault_release(faults->rules[i]);
	free(faults->rules);
	faults->rules = NULL;
	faults->count = 0;
}

void
faults_free(struct faults *faults)
{
	if (faults == NULL)
		return;
	faults_clear(faults);
	free(faults);
}

static void
append(struct faults *faults, struct fault *rule)
{
	rule->id = ++faults->last_id;
	faults->rules = memory_grow(faults->rules, (faults->count + 1) * sizeof(*faults->rules));
	faults->rules[faults->count++] = rule;
}

char *
faults_add(struct faults *faults, const struct cJSON *json)
{
	size_t before = faults->count;
	bool many = cJSON_IsArray(json) != 0;
	const cJSON *one = many ? json->child : json;
	char *error = NULL;

	for (unsigned index = 0; one != NULL && error == NULL; index++) {
		struct fault *rule = fault_rule_parse(one, index, &error);

		if (rule != NULL)
			append(faults, rule);
		one = many ? one->next : NULL;
	}
	while (error != NULL && faults->count > before)
		fault_release(faults->rules[--faults->count]);
	return error;
}

struct cJSON *
faults_to_json(const struct faults *faults)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < faults->count; i++)
		cJSON_AddItemToArray(list, fault_rule_to_json(faults->rules[i]));
	return list;
}

/* xorshift64*: the same seed gives the same faults to the same order of requests. */
static double
next_chance(struct faults *faults)
{
	uint64_t x = faults->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	faults->random = x;
	return (double)((x * UINT64_C(0x2545f4914f6cdd1d)) >> 11) / 9007199254740992.0;
}

enum verdict { NO, NOT_YET, YES };

static enum verdict
judge(const char *wanted, const char *known, bool matches, bool final)
{
	if (wanted == NULL)
		return YES;
	if (known == NULL)
		return final ? NO : NOT_YET;
	return matches ? YES : NO;
}

static enum verdict
weaker(enum verdict a, enum verdict b)
{
	return a < b ? a : b;
}

static bool
same(const char *wanted, const char *known)
{
	return wanted != NULL && known != NULL && strcasecmp(wanted, known) == 0;
}

static bool
glob(const char *wanted, const char *known)
{
	return wanted != NULL && known != NULL && text_glob(wanted, known);
}

static enum verdict
judge_rule(const struct fault *rule, const struct fault_facts *facts)
{
	bool title = rule->match.title != NULL && facts->title != NULL &&
		     strstr(facts->title, rule->match.title) != NULL;
	enum verdict v = YES;

	v = weaker(v, judge(rule->match.endpoint, facts->endpoint,
			    same(rule->match.endpoint, facts->endpoint), true));
	v = weaker(v, judge(rule->match.method, facts->method,
			    same(rule->match.method, facts->method), true));
	v = weaker(v,
		   judge(rule->match.path, facts->path, glob(rule->match.path, facts->path), true));
	v = weaker(v, judge(rule->match.bucket, facts->bucket,
			    same(rule->match.bucket, facts->bucket), true));
	v = weaker(v, judge(rule->match.key, facts->key, glob(rule->match.key, facts->key), true));
	v = weaker(v, judge(rule->match.user, facts->user,
			    same(rule->match.user, facts->user) ||
				    same(rule->match.user, facts->userid),
			    facts->final));
	v = weaker(v, judge(rule->match.title, facts->title, title, facts->final));
	return weaker(v, judge(rule->match.itemid, facts->itemid,
			       same(rule->match.itemid, facts->itemid), facts->final));
}

static bool
was_passed(const struct fault_facts *facts, int64_t id)
{
	for (size_t i = 0; i < facts->passed_count; i++)
		if (facts->passed[i] == id)
			return true;
	return false;
}

static void
let_pass(struct fault_facts *facts, int64_t id)
{
	facts->passed =
		memory_grow(facts->passed, (facts->passed_count + 1) * sizeof(*facts->passed));
	facts->passed[facts->passed_count++] = id;
}

/* The rule matches: does it strike? */
static bool
strikes(struct faults *faults, struct fault *rule)
{
	rule->seen++;
	if (rule->skip > 0) {
		rule->skip--;
		return false;
	}
	if (rule->chance < 1 && next_chance(faults) >= rule->chance)
		return false;
	if (rule->count > 0)
		rule->count--;
	rule->hits++;
	return true;
}

struct fault *
faults_pick(struct faults *faults, struct fault_facts *facts)
{
	for (size_t i = 0; i < faults->count; i++) {
		struct fault *rule = faults->rules[i];

		if (rule->count == 0 || was_passed(facts, rule->id) ||
		    judge_rule(rule, facts) != YES)
			continue;
		if (strikes(faults, rule)) {
			rule->references++;
			return rule;
		}
		let_pass(facts, rule->id);
	}
	return NULL;
}
