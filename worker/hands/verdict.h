#ifndef WORKER_HANDS_VERDICT_H
#define WORKER_HANDS_VERDICT_H
/*
 * verdict.h - what may be done with a post by hand, and in which words. [commands]
 *
 * Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One post as row, journal and queue have it. Texts are borrowed and never NULL. */
struct verdict_post {
	const char *id;
	const char *status, *url; /* of the row; url "": none */
	int64_t due_in_ms;        /* below 0: it is due */
	int64_t files;
	bool unknown;      /* of one of its files nobody knows whether it is public */
	bool locked;       /* somebody who is no publisher of ours works on its row */
	bool login_dead;   /* DeviantArt refuses its artist's login */
	const char *state; /* of its job: queue_job_state() */
	int64_t job_due_ms, now_ms;
};

enum verdict {
	VERDICT_GO,     /* nothing stands in the way */
	VERDICT_WAITS,  /* its job will run anyway */
	VERDICT_ENDING, /* the row has failed, the job is about to: look again. From here on:
			   refused */
	VERDICT_PUBLISHED,
	VERDICT_NOT_SCHEDULED,
	VERDICT_NO_FILES,
	VERDICT_UNKNOWN,
	VERDICT_LOGIN_DEAD,
	VERDICT_LOCKED,
	VERDICT_COUNT
};

enum verdict verdict_of(const struct verdict_post *post);
bool verdict_refuses(enum verdict verdict);

/* Whether a job in this state will run by itself. */
bool verdict_job_lives(const char *state);

/* A name for machines: "retried", "waits", "published", ... */
const char *verdict_name(enum verdict verdict);

/* What is said after "deviation <id> "; of VERDICT_GO what its job's state lets expect, once it is
 * done. Returns out. */
#define VERDICT_TEXT_SIZE 600
const char *verdict_words(enum verdict verdict, const struct verdict_post *post,
			  char out[VERDICT_TEXT_SIZE]);

#endif
