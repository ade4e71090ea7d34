#ifndef WORKER_VERIFY_AUDIT_H
#define WORKER_VERIFY_AUDIT_H
/*
 * audit.h - what the examiners share: servers, settings, suspicions, figures.   [verify command]
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/failure.h"
#include "common/postgres.h"
#include "common/redis.h"
#include "worker/verify/suspicions.h"

struct pg_result;
struct places;
struct secrets;

#define AUDIT_SETTLE_MS   500  /* nothing that moves explains it: one more look */
#define AUDIT_PAGE        1000 /* rows, keys and ids that are held at a time */
#define AUDIT_NAME_PARKED "isekai-publisher:parked-token:"

enum figure {
	FIGURE_ROWS_REVIEW,
	FIGURE_ROWS_DRAFT,
	FIGURE_ROWS_SCHEDULED,
	FIGURE_ROWS_UPLOADING,
	FIGURE_ROWS_PUBLISHING,
	FIGURE_ROWS_PUBLISHED,
	FIGURE_ROWS_FAILED,
	FIGURE_JOBS_WAITING,
	FIGURE_JOBS_PAUSED,
	FIGURE_JOBS_ACTIVE,
	FIGURE_JOBS_PRIORITIZED,
	FIGURE_JOBS_DELAYED,
	FIGURE_JOBS_COMPLETED,
	FIGURE_JOBS_FAILED,
	FIGURE_JOBS_PARENTS,
	FIGURE_UNKNOWN_OUTCOMES, /* files whose publish has an unknown outcome */
	FIGURE_SPARE_UPLOADS,    /* I3, by the journal */
	FIGURE_SPARE_SUBMITS,    /* I3, by the ledger */
	FIGURE_OVERDUE,          /* rows that are due and not out */
	FIGURE_LONGEST_OVERDUE_MS,
	FIGURE_LATEST_MS, /* I7: how late the latest post went out, of those that the trail tells */
	FIGURE_POSTS,     /* in the ledger */
	FIGURE_USERS,
	FIGURE_KEYS, /* of ours, in Redis */
	FIGURE_COUNT
};

struct audit {
	const struct config *config;
	struct redis *redis;
	struct postgres *postgres;
	bool in_transaction;    /* of the look that goes on */
	const char *ledger_url; /* NULL: none */
	bool has_journal;
	bool first; /* the first look, over everything */
	struct suspicions suspicions;
	struct places *places; /* which ids the lists of the publisher's queue had, roughly */
	struct secrets *secrets;
	int64_t figures[FIGURE_COUNT];
};

/*
 * An examiner: looks at everything (ids NULL), or at these ids alone. False: *why is about a server
 * that is not reachable, or answers nonsense.
 */
typedef bool examine(struct audit *audit, const char *const *ids, size_t count,
		     struct failure *why);

/* By enum examiner; NULL-terminated ids are not needed. */
examine examine_jobs, examine_cleanup, examine_keys, examine_rows, examine_journal, examine_trail,
	examine_tokens, examine_sessions, examine_ledger, examine_ready;

/* One suspicion; `evidence` is what must stay the same, the rest is its text for people. */
void audit_suspect(struct audit *audit, enum examiner examiner, enum check check, const char *id,
		   int64_t settle_ms, const char *evidence, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

/* How long the publishers have to notice a row without a job, a job without a lock. */
int64_t audit_sweep_ms(const struct audit *audit);
int64_t audit_stalled_ms(const struct audit *audit);

/* Reads, within one transaction until it is ended; the result is freed by PQclear(). */
struct pg_result *audit_query(struct audit *audit, const struct postgres_statement *statement,
			      int count, const char *const *values, struct failure *why);
/* The next query begins another transaction. */
void audit_end_transaction(struct audit *audit);

/*
 * Every row that a statement finds, a page of AUDIT_PAGE at a time: its $1 is the id behind which
 * the page begins, $2 how many rows a page has, $3 `only` (where it has three). Its first column is
 * the id, and it sorts by it. take() is told each page, and stops by false.
 */
bool audit_pages(struct audit *audit, const struct postgres_statement *statement, int count,
		 const char *only,
		 bool (*take)(void *arg, struct pg_result *page, struct failure *why), void *arg,
		 struct failure *why);

/* Ids as a JSON array, free(); NULL: out of memory, *why is set. */
char *audit_json(const char *const *ids, size_t count, struct failure *why);

#endif
