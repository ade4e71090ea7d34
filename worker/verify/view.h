#ifndef WORKER_VERIFY_VIEW_H
#define WORKER_VERIFY_VIEW_H
/*
 * view.h - what Redis knows of a job, seen in one moment.              [verify command]
 *
 * worker/lua/verify_jobs.lua reads it; the sections of bullmq-protocol.md say what it means.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/verify/audit.h"

/* The BullMQ queue that is looked at. */
struct view_queue {
	const char *name;
	char *prefix; /* "<prefix>:<queue>:" */
	char *meta;   /* its key */
};

bool view_queue_init(struct view_queue *queue, const struct audit *audit, const char *name,
		     struct failure *why);
void view_queue_fini(struct view_queue *queue);

enum view_set {
	VIEW_PRIORITIZED,
	VIEW_DELAYED,
	VIEW_COMPLETED,
	VIEW_FAILED,
	VIEW_WAITING_CHILDREN,
	VIEW_SETS
};
enum view_list { VIEW_WAIT, VIEW_PAUSED, VIEW_ACTIVE, VIEW_LISTS };

/* Texts are "" where there is none; they belong to the views. */
struct view {
	const char *id;
	const char *type; /* of the key: "hash", "none", ... */
	const char *name, *data, *timestamp, *priority, *attempts, *attempts_v4, *started,
		*processed_on, *finished_on, *failed_reason, *stack_trace, *return_value, *progress,
		*log;
	bool has_return_value, has_failed_reason;
	const char *lock; /* "": none */
	int64_t lock_ms;  /* its life; < 0: for ever, or none */
	bool in_set[VIEW_SETS];
	double score[VIEW_SETS];
	bool in_stalled;
	int64_t in_list[VIEW_LISTS]; /* how often; -1: not known */
	int64_t children;            /* -1: not asked */
	const char *missing_child;   /* "": none */
};

#define VIEW_MOST       50 /* ids that one script looks at */
#define VIEW_MOST_EXACT 10 /* where it walks the lists */

struct views {
	struct view list[VIEW_MOST];
	size_t count;
	void *reply;
};

/*
 * Reads at most VIEW_MOST jobs (exact: VIEW_MOST_EXACT, and their places in lists are known). The
 * caller frees *views in any case, and keeps ids as long.
 */
bool views_read(struct audit *audit, const struct view_queue *queue, const char *const *ids,
		size_t count, bool exact, struct views *views, struct failure *why);
void views_free(struct views *views);

/* "waiting", "delayed", ... "unknown" (no place), "missing"; several joined by "+". Returns out. */
const char *view_state(const struct view *view, char *out, size_t out_size);
/* How many places it has, as far as is known. */
int64_t view_places(const struct view *view);
/* Whether it will still run. */
bool view_lives(const struct view *view);
/* When a delayed one is due, Unix ms. */
int64_t view_due_ms(const struct view *view);

#endif
