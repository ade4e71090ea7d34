/*
 * wake.c - posts that waited for a gate need not wait any longer.      [commands]
 */
#include "worker/hands/wake.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "common/postgres.h"
#include "common/queue/queue.h"
#include "worker/explain/complaint.h"
#include "worker/hands/servers.h"
#include "worker/job_data.h"
#include "worker/producer.h"

#define PAGE      "500"
#define PAGE_ROWS 500

static const char wake_sql[] =
#include "worker/sql/wake.sql.h"
	;
static const struct postgres_statement wake = {.name = "publisher_wake", .sql = wake_sql};

static int
wake_page(struct servers *servers, const PGresult *page, int64_t *woken)
{
	struct failure why;

	for (int row = 0; row < PQntuples(page); row++) {
		char job_id[JOB_DATA_TEXT_MAX + 16];
		bool promoted;

		if (!producer_job_id(PQgetvalue(page, row, 0), job_id, sizeof(job_id)))
			continue; /* no job of ours can have such an id */
		if (!queue_promote(servers->queue, job_id, &promoted, &why))
			return servers_redis_failed(&why);
		*woken += promoted;
	}
	return EXIT_SUCCESS;
}

int
wake_posts(struct servers *servers, const char *user_id, int64_t *woken)
{
	char *after = strdup("");
	int exit_status = EXIT_SUCCESS, count = PAGE_ROWS;

	*woken = 0;
	while (after != NULL && exit_status == EXIT_SUCCESS && count == PAGE_ROWS) {
		const char *const values[] = {after, PAGE, user_id};
		struct failure why;
		PGresult *page =
			POSTGRES_RESULT(postgres_run(servers->postgres, &wake, 3, values, &why));

		free(after);
		after = NULL;
		count = page != NULL ? PQntuples(page) : 0;
		exit_status = page != NULL ? wake_page(servers, page, woken)
					   : servers_postgres_failed(&why);
		after = strdup(count > 0 ? PQgetvalue(page, count - 1, 0) : "");
		PQclear(page);
	}
	if (after == NULL)
		exit_status = complaint_of_memory();
	free(after);
	return exit_status;
}
