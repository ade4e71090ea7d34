#ifndef SANDBOX_FIELD_RULES_H
#define SANDBOX_FIELD_RULES_H
/*
 * field_rules.h - what the site demands of the fields of submit and publish. [sandbox]
 *
 * Every function: true if the rule is kept; else *answer is the refusal and the ledger's counter of
 * refusals has gone up.
 */
#include <stdbool.h>
#include <stddef.h>

struct answer;
struct call;

/* "" counts as not given. */
const char *field_given(const struct call *call, const char *name);

bool field_check_title(struct call *call, struct answer *answer);
bool field_check_tags(struct call *call, struct answer *answer);

/* If given, it is a bool. *value is left alone if not given. */
bool field_check_bool(struct call *call, const char *name, bool *value, struct answer *answer);

/* Those of a list of names (NULL at the end) that are given are bools. */
bool field_check_bools(struct call *call, const char *const *names, struct answer *answer);

/* If given, it is one of the words (NULL at the end). */
bool field_check_words(struct call *call, const char *name, const char *const *words,
		       struct answer *answer);

/* The same for every value of an array. */
bool field_check_array_words(struct call *call, const char *name, const char *const *words,
			     struct answer *answer);

/* Every value of the array is a UUID. */
bool field_check_uuids(struct call *call, const char *name, struct answer *answer);

/*
 * Counts fields that are in neither list ("name[]" stands for an array); with strict_fields they
 * are refused.
 */
bool field_check_known(struct call *call, const char *const *known, struct answer *answer);

/* 400 with error_details, and the counter. Returns false. */
bool field_refuse(struct call *call, const char *field, const char *message, struct answer *answer);

#endif
