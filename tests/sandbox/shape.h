#ifndef SANDBOX_SHAPE_H
#define SANDBOX_SHAPE_H
/*
 * shape.h - what a fault, or a setting, makes of an answer.            [sandbox]
 */
#include <stdbool.h>

struct answer;
struct fault;
struct settings;

/* `worked`: the answer is the endpoint's; else it is blank, and the fault's own text serves. */
void shape_by_fault(struct answer *answer, const struct fault *fault, bool worked);

/* Padding, compression, chunks. */
void shape_by_settings(struct answer *answer, const struct settings *settings, bool takes_gzip);

#endif
