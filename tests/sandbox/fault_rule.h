#ifndef SANDBOX_FAULT_RULE_H
#define SANDBOX_FAULT_RULE_H
/*
 * fault_rule.h - one rule, from JSON and back.                         [sandbox]
 */
#include "tests/sandbox/faults.h"

/* With one reference. NULL, and *error (free with free()), if it makes no sense. */
struct fault *fault_rule_parse(const struct cJSON *json, unsigned index, char **error);
struct cJSON *fault_rule_to_json(const struct fault *rule);

#endif
