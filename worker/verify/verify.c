/*
 * verify.c - the order of an audit: look at everything, look again at what seemed wrong, report.
 * [verify command]
 */
#include "worker/verify/verify.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/verify/audit.h"
#include "worker/verify/fetch.h"
#include "worker/verify/places.h"
#include "worker/verify/report.h"
#include "worker/verify/secrets.h"

#define CONNECT_MS   5000
#define STATEMENT_MS 125000
#define LOOKS_MAX    200

static const char verify_users_sql[] =
#include "worker/sql/verify_users.sql.h"
	;
static const struct postgres_statement verify_users = {.name = "publisher_verify_users",
						       .sql = verify_users_sql};
static const struct postgres_statement has_journal = {
	.name = "publisher_verify_has_journal",
	.sql = "SELECT to_regclass('publisher.schema_version') IS NOT NULL AND "
	       "to_regclass('publisher.steps') IS NOT NULL"};

/* The ledger is read before the rows that it is compared with: what happens between the two is seen
 * again. */
static const struct {
	examine *run;
	const char *server; /* whose absence ends it */
} examiners[EXAMINER_COUNT] = {
	[EXAMINER_JOBS] = {examine_jobs, "Redis"},
	[EXAMINER_CLEANUP] = {examine_cleanup, "Redis"},
	[EXAMINER_KEYS] = {examine_keys, "Redis"},
	[EXAMINER_ROWS] = {examine_rows, "PostgreSQL"},
	[EXAMINER_JOURNAL] = {examine_journal, "PostgreSQL"},
	[EXAMINER_TRAIL] = {examine_trail, "PostgreSQL"},
	[EXAMINER_TOKENS] = {examine_tokens, "PostgreSQL"},
	[EXAMINER_SESSIONS] = {examine_sessions, "PostgreSQL"},
	[EXAMINER_LEDGER] = {examine_ledger, "the ledger"},
	[EXAMINER_READY] = {examine_ready, "/ready"},
};

/* ---- the secrets that must be nowhere ---- */

/* The password of a libpq URI, decoded; NULL: none. */
static char *
database_password(const struct config *config)
{
	PQconninfoOption *options = PQconninfoParse(config->database.conninfo, NULL);
	char *password = NULL;

	for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
		if (password == NULL && strcmp(o->keyword, "password") == 0 && o->val != NULL)
			password = strdup(o->val);
	PQconninfoFree(options);
	return password;
}

static bool
take_tokens(void *arg, struct pg_result *page, struct failure *why)
{
	static const char *const what[] = {"", "an access token", "a refresh token"};
	PGresult *result = POSTGRES_RESULT(page);
	struct audit *audit = arg;

	(void)why;
	for (int i = 0; i < PQntuples(result); i++) {
		audit->figures[FIGURE_USERS]++;
		for (int column = 1; column <= 2; column++) {
			secrets_add(audit->secrets, what[column], PQgetvalue(result, i, column));
			explicit_bzero(PQgetvalue(result, i, column),
				       (size_t)PQgetlength(result, i, column));
		}
	}
	return true;
}

static bool
load_secrets(struct audit *audit, struct failure *why)
{
	const struct config *config = audit->config;
	char *password = database_password(config);

	secrets_add(audit->secrets, "the client secret", config->deviantart_client_secret);
	secrets_add(audit->secrets, "the storage's secret key", config->s3_secret_access_key);
	secrets_add(audit->secrets, "Redis' password", config->redis.password);
	secrets_add(audit->secrets, "PostgreSQL's password", password);
	if (password != NULL)
		explicit_bzero(password, strlen(password));
	free(password);
	return audit_pages(audit, &verify_users, 2, NULL, take_tokens, audit, why);
}

/* ---- looking ---- */

static bool
look(struct audit *audit, enum examiner examiner, struct failure *why)
{
	const char **ids = NULL;
	size_t count = 0;
	bool done;

	suspicions_begin(&audit->suspicions, examiner, audit->first);
	if (!audit->first) {
		ids = calloc(SUSPICIONS_MAX, sizeof(*ids));
		if (ids == NULL)
			return failure_set(why, FAILURE_AWAY, "out of memory");
		count = suspicions_ids(&audit->suspicions, examiner, ids, SUSPICIONS_MAX);
	}
	done = examiners[examiner].run(audit, ids, count, why);
	suspicions_end(&audit->suspicions, examiner, clock_mono_ms());
	free(ids);
	return done;
}

/* *server: whose fault it is where it failed. */
static bool
look_round(struct audit *audit, const char **server, struct failure *why)
{
	/* A transaction a look: now() is the look's, and nothing is held back through a pause. */
	audit_end_transaction(audit);
	for (int i = 0; i < EXAMINER_COUNT; i++) {
		enum examiner examiner = (enum examiner)i;

		*server = examiners[i].server;
		if ((audit->first || suspicions_open_of(&audit->suspicions, examiner) > 0) &&
		    !look(audit, examiner, why))
			return false;
	}
	audit_end_transaction(audit);
	return true;
}

/* Whoever sits before it is told what it waits for. */
static void
tell_of_waiting(const struct audit *audit, int looks)
{
	const struct suspicions *s = &audit->suspicions;
	const struct suspicion *longest = NULL;

	for (size_t i = 0; i < s->count; i++)
		if (!s->list[i].confirmed &&
		    (longest == NULL || s->list[i].settle_ms > longest->settle_ms))
			longest = &s->list[i];
	if (longest != NULL && looks == 1 && isatty(STDERR_FILENO))
		fprintf(stderr,
			"isekai-publisher: %zu suspicions are looked at again, for up to %lld s "
			"(%s)\n",
			suspicions_open(s), (long long)(longest->settle_ms / 1000),
			check_info(longest->check)->name);
}

static bool
look_until_settled(struct audit *audit, int *looks, const char **server, struct failure *why)
{
	if (!look_round(audit, server, why))
		return false;
	audit->first = false;
	for (*looks = 1; *looks < LOOKS_MAX && suspicions_open(&audit->suspicions) > 0; ++*looks) {
		tell_of_waiting(audit, *looks);
		(void)poll(NULL, 0,
			   (int)suspicions_pause_ms(&audit->suspicions, *looks, clock_mono_ms()));
		if (!look_round(audit, server, why))
			return false;
	}
	return true;
}

/* ---- the command ---- */

static bool
connect_both(struct audit *audit, const char **server, struct failure *why)
{
	PGresult *result;

	*server = "PostgreSQL";
	if (!postgres_connect(audit->postgres, CONNECT_MS, why))
		return false;
	result = POSTGRES_RESULT(audit_query(audit, &has_journal, 0, NULL, why));
	if (result == NULL)
		return false;
	audit->has_journal = PQgetvalue(result, 0, 0)[0] == 't';
	PQclear(result);
	*server = "Redis";
	return redis_connect(audit->redis, CONNECT_MS, why);
}

static bool
run(struct audit *audit, int *looks, const char **server, struct failure *why)
{
	*server = "memory";
	audit->redis = redis_new(&audit->config->redis, NULL);
	audit->postgres = postgres_new(&audit->config->database, "isekai-publisher verify");
	audit->secrets = secrets_new();
	if (audit->redis == NULL || audit->postgres == NULL || audit->secrets == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	postgres_set_timeout(audit->postgres, STATEMENT_MS);
	if (!connect_both(audit, server, why))
		return false;
	*server = "PostgreSQL";
	if (!load_secrets(audit, why) || !look_until_settled(audit, looks, server, why))
		return false;
	*server = "memory";
	return !audit->suspicions.no_memory || failure_set(why, FAILURE_AWAY, "out of memory");
}

static int
complain(const char *server, const struct failure *why)
{
	const char *what = "";

	if (strncmp(why->message, "Redis", 5) == 0 || strcmp(server, "Redis") == 0)
		what = "is Redis up, and REDIS_URL right?";
	else if (strcmp(server, "the ledger") == 0 && strncmp(why->message, "Postgre", 7) != 0)
		what = "is that a sandbox's address?";
	else if (strcmp(server, "memory") != 0)
		what = "is PostgreSQL up, DATABASE_URL right, and may its user read there?";
	fprintf(stderr, "isekai-publisher: verify cannot tell: %s\n", why->message);
	if (what[0] != '\0')
		fprintf(stderr, "isekai-publisher: %s\n", what);
	return EX_UNAVAILABLE;
}

static int
report(struct audit *audit, int looks, int64_t took_ms, bool json)
{
	const struct report told = {.suspicions = &audit->suspicions,
				    .figures = audit->figures,
				    .has_journal = audit->has_journal,
				    .has_ledger = audit->ledger_url != NULL,
				    .looks = looks,
				    .took_ms = took_ms};

	if (!json) {
		report_text(stdout, &told);
	} else if (!report_json(stdout, &told)) {
		fprintf(stderr, "isekai-publisher: out of memory\n");
		return EX_UNAVAILABLE;
	}
	return report_violations(&told) > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
verify_command(const struct config *config, const char *ledger_url, bool json)
{
	struct audit audit = {.config = config, .ledger_url = ledger_url, .first = true};
	int64_t begun_ms = clock_mono_ms();
	const char *server = "";
	struct failure why;
	int looks = 0, exit_status;

	suspicions_init(&audit.suspicions);
	if (!fetch_init(&why) || !run(&audit, &looks, &server, &why))
		exit_status = complain(server, &why);
	else
		exit_status = report(&audit, looks, clock_mono_ms() - begun_ms, json);
	suspicions_free(&audit.suspicions);
	places_free(audit.places);
	secrets_free(audit.secrets);
	postgres_free(audit.postgres);
	redis_free(audit.redis);
	fetch_fini();
	return exit_status;
}
