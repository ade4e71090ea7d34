#ifndef SANDBOX_S3_ANSWERS_H
#define SANDBOX_S3_ANSWERS_H
/*
 * s3_answers.h - the XML in which storage refuses.                     [sandbox]
 */
struct answer;
struct call;
struct sigv4_verdict;

/* <Error><Code>..; the answer is not yet initialised. */
void s3_answer_error(struct answer *answer, const struct call *call, int status, const char *code,
		     const char *message);

/* What a bad signature is answered with. */
void s3_answer_refusal(struct answer *answer, const struct call *call,
		       const struct sigv4_verdict *verdict, const char *region);

#endif
