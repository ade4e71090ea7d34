#ifndef SANDBOX_DEVIATION_H
#define SANDBOX_DEVIATION_H
/*
 * deviation.h - the reads of single posts: deviation/{id}, deviation/metadata. [sandbox]
 */
struct answer;
struct call;

void deviation_one(struct call *call, struct answer *answer);
void deviation_metadata(struct call *call, struct answer *answer);

#endif
