#ifndef SANDBOX_LEDGER_SUMMARY_H
#define SANDBOX_LEDGER_SUMMARY_H
/*
 * ledger_summary.h - the counts that fault tests judge by (faults.md I2, I3, I5, I8). [sandbox]
 */
struct cJSON;
struct ledger;
struct state;

/*
 * posts; double_publishes (items with more than one accepted publish); published_more_than_once
 * (user and title with more than one post); spare_submits (new items beyond the first for the same
 * user, title and file); unpublished_items; tokens_presented_twice; spent_tokens_presented;
 * violations.
 */
struct cJSON *ledger_summary(const struct ledger *ledger, const struct state *state);

#endif
