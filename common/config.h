#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H
/*
 * config.h - the settings of a running publisher.                      [every process]
 *
 * contract.md "Configuration". Loaded by the supervisor, at start and at every HUP, into a new
 * object that is complete and valid or does not come to be; workers inherit the finished object
 * over fork() and read it. What settings there are, their names, bounds, defaults and
 * documentation: config_table.c, one table.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/config_errors.h"
#include "common/database_url.h"
#include "common/log.h"
#include "common/redis_url.h"

/* Strings are never NULL (an unset optional one is ""), and belong to the object. */
struct config {
	char *database_url; /* as given; use database. A secret */
	char *redis_url;    /* as given; use redis. A secret */
	struct database_address database;
	struct redis_address redis;

	char *deviantart_client_id;
	char *deviantart_client_secret; /* a secret */
	char *deviantart_base_url;      /* no slash at its end */

	char *s3_endpoint; /* no slash at its end; "": AWS, by region */
	char *s3_region;
	char *s3_access_key_id;
	char *s3_secret_access_key; /* a secret */
	char *s3_bucket;
	bool s3_force_path_style;
	char *s3_path_prefix; /* accepted, not applied: storage_key holds it */

	char *queue_name;
	char *queue_prefix;

	int concurrency;
	int max_attempts;
	int64_t job_timeout_ms;
	int64_t lock_duration_ms;
	int64_t stale_check_interval_ms;
	int max_stalled_count;
	int64_t drain_timeout_ms;
	int limiter_max; /* jobs started per second over all instances; 0: no limit */
	int64_t unknown_wait_ms;
	int64_t reconcile_interval_ms;

	bool rate_limiter_enabled;
	int64_t rate_limiter_base_delay_ms;
	int64_t rate_limiter_max_delay_ms;
	int rate_limiter_jitter_percent;
	double rate_limiter_success_decrease_factor;
	double rate_limiter_failure_increase_factor;

	bool circuit_breaker_enabled;
	int circuit_breaker_threshold;
	int64_t circuit_breaker_open_duration_ms;

	enum log_level log_level;

	bool health_check_enabled;
	char *health_check_host; /* an IPv4 or IPv6 address (no brackets), or a name */
	int health_check_port;
	bool health_check_details; /* titles and user names are shown */
};

/*
 * Reads defaults, then the INI file (ini_path may be NULL: none), then the environment; the later
 * wins. NULL when anything is wrong: *errors then names every wrong setting the way a user would
 * fix it. The caller frees the result with config_free() and, in either case, *errors with
 * config_errors_free().
 */
struct config *config_load(const char *ini_path, struct config_errors *errors);

/* Erases the secrets and frees everything. NULL is fine. */
void config_free(struct config *config);

enum config_example { CONFIG_EXAMPLE_INI, CONFIG_EXAMPLE_ENV };

/* Writes config.example.ini or .env.example as the table has it. False when out could not be
 * written. */
bool config_print_example(FILE *out, enum config_example kind);

/* Writes the settings as the source (mdoc) of isekai-publisher.ini(5) has them. False as above. */
bool config_print_manual(FILE *out);

#endif
