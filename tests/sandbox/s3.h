#ifndef SANDBOX_S3_H
#define SANDBOX_S3_H
/*
 * s3.h - the storage side: signed GET and HEAD of files below --s3-root. [sandbox]
 */
#include <stdbool.h>

struct answer;
struct call;

/*
 * Which bucket and key (decoded) a request is for: /bucket/key, or /key under a Host that begins
 * with the name of a bucket that there is. False: the path names no bucket. Free both with free().
 */
bool s3_locate(const struct call *call, char **bucket, char **key);

void s3_endpoint(struct call *call, struct answer *answer);

#endif
