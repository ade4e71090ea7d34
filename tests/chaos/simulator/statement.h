#ifndef TESTS_CHAOS_SIMULATOR_STATEMENT_H
#define TESTS_CHAOS_SIMULATOR_STATEMENT_H
/*
 * statement.h - the statements of worker/sql/ in C, and what they have in common.   [simulator]
 *
 * A statement is a function with the name of its file; see tables.h.
 */
#include "tests/chaos/simulator/tables.h"

#define PREFIX          "isekai-publisher|"
#define HALF_AN_HOUR_MS (30 * 60 * 1000)

/* ---- answers: table_put*() fill the last row, column by column ---- */

void table_new_row(struct table *out);
void table_put(struct table *out, const char *text);      /* NULL is SQL's NULL */
void table_put_text(struct table *out, const char *text); /* "" is SQL's NULL */
void table_put_number(struct table *out, int64_t number);
void table_put_bool(struct table *out, bool value);

/* What most statements answer: whether the fence held, and perhaps the file. true, as a statement's
 * own end. */
bool table_answer(struct table *out, bool fence);
bool table_answer_item(struct table *out, bool fence, bool item);

/* A user's login, as begin.sql and token_read.sql tell it. */
void table_put_user(struct table *out, const struct user_row *user);

/* As PostgreSQL makes whole seconds of a time: to the nearest. */
int64_t whole_seconds(int64_t ms);

/* ---- conditions that several have ---- */

bool value_is_true(const char *value);
bool text_same(const char *a, const char *b); /* as "=" is: false where one is NULL */
bool text_starts_with(const char *text, const char *prefix);
void text_set(char *to, size_t size, const char *text);
#define SET(to, text) text_set(to, sizeof(to), text)

/* split_part(lock, '|', n); "" where there is none. */
const char *lock_part(const char *lock, int n, char out[256]);
bool lock_is_of_job(const char *lock, const char *job_id);

struct file_row *row_file(struct post_row *post, const char *id);
/* The row with id $1, where it has the lock $2; NULL: it has not. */
struct post_row *row_fenced(const char *const *values);
void row_unlock(struct post_row *post);
bool row_has_item_in(const struct post_row *post, int state);
void row_due_now(struct post_row *post);

/* ---- the statements ---- */

/* statements_begin.c */
bool run_begin(const char *const *values, struct table *out);
/* statements_work.c */
bool run_adopt(const char *const *values, struct table *out);
bool run_submitted(const char *const *values, struct table *out);
bool run_publishing(const char *const *values, struct table *out);
bool run_published(const char *const *values, struct table *out, const char **sqlstate);
/* statements_end.c */
bool run_release(const char *const *values, struct table *out);
bool run_failed(const char *const *values, struct table *out);
bool run_reject(const char *const *values, struct table *out);
/* statements_reconcile.c */
bool run_outcome(const char *const *values, struct table *out);
bool run_twins(const char *const *values, struct table *out);
bool run_used_posts(const char *const *values, struct table *out);
bool run_own_post(const char *const *values, struct table *out);
/* statements_dispatch.c */
bool run_release_dead(const char *const *values, struct table *out);
bool run_overdue(const char *const *values, struct table *out);
bool run_keep_locks(const char *const *values, struct table *out);
/* statements_token.c */
bool run_token_lease(const char *const *values, struct table *out);
bool run_token_read(const char *const *values, struct table *out);
bool run_token_store(const char *const *values, struct table *out);
bool run_token_release(const char *const *values, struct table *out);
bool run_token_refused(const char *const *values, struct table *out);
bool run_token_dead(const char *const *values, struct table *out);

#endif
