#ifndef WORKER_JOB_DATA_H
#define WORKER_JOB_DATA_H
/*
 * job_data.h - what a job's data say (contract.md "Queue").              [worker]
 */
#include <stdbool.h>

#include "common/failure.h"

#define JOB_DATA_TEXT_MAX 255

struct job_data {
	char deviation_id[JOB_DATA_TEXT_MAX + 1];
	char user_id[JOB_DATA_TEXT_MAX + 1];
	enum {
		JOB_MODE_OF_ROW,
		JOB_MODE_SINGLE,
		JOB_MODE_MULTIPLE
	} mode; /* OF_ROW: the data do not say */
};

/* {"deviationId": "...", "userId": "...", "uploadMode": "single" | "multiple"}; pure.
 * VALIDATION_ERROR says what is wrong. */
bool job_data_parse(const char *name, const char *json, struct job_data *data, struct failure *why);

#define JOB_NAME "publish-deviation"

#endif
