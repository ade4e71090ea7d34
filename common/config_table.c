/*
 * config_table.c - what settings there are.                            [every process]
 */
#include "common/config_table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/config_checks.h"
#include "common/spelling.h"

#define MEMBER(m)             .offset = offsetof(struct config, m)
#define TEXT(m, longest)      .type = CONFIG_TEXT, MEMBER(m), .max = (longest)
#define SECRET(m, longest)    .type = CONFIG_SECRET, MEMBER(m), .max = (longest)
#define INTEGER(m, low, high) .type = CONFIG_INTEGER, MEMBER(m), .min = (low), .max = (high)
#define PERCENT(m)            .type = CONFIG_PERCENT, MEMBER(m), .min = 0, .max = 100
#define MS(m, high)           .type = CONFIG_MS, MEMBER(m), .min = 1, .max = (high)
#define FACTOR(m, low, high)  .type = CONFIG_FACTOR, MEMBER(m), .min = (low), .max = (high)
#define BOOLEAN(m)            .type = CONFIG_BOOLEAN, MEMBER(m)

#define DAY_MS 86400000

// clang-format off
const struct config_setting config_settings[] = {
	{"DATABASE_URL", "database", "url", SECRET(database_url, 4096),
	 .example = "postgresql://isekai:password@localhost:5432/isekai?schema=public",
	 .finish = config_finish_database_url,
	 .doc = "The API server's PostgreSQL, as a libpq URI. Parameters of Prisma's own are understood\n"
		"(schema, pgbouncer, statement_cache_size, sslaccept) or ignored."},

	{"REDIS_URL", "redis", "url", SECRET(redis_url, 4096),
	 .example = "redis://localhost:6379/0",
	 .finish = config_finish_redis_url,
	 .doc = "The Redis of the queue: redis://[user][:password]@host:port/db, rediss:// over TLS (the\n"
		"certificate is verified; Debian 12's hiredis has no TLS), or unix:///path?db=0. Another place\n"
		"takes a restart; a reload that names one is refused."},

	{"DEVIANTART_CLIENT_ID", "deviantart", "client_id", TEXT(deviantart_client_id, 256),
	 .example = "12345",
	 .doc = "The application registered with DeviantArt."},
	{"DEVIANTART_CLIENT_SECRET", "deviantart", "client_secret", SECRET(deviantart_client_secret, 1024),
	 .example = "change-me",
	 .doc = "Its secret."},
	{"DEVIANTART_BASE_URL", "deviantart", "base_url", TEXT(deviantart_base_url, 1024),
	 .default_text = "https://www.deviantart.com",
	 .finish = config_finish_deviantart_base_url,
	 .doc = "Where DeviantArt is: https, or http for a loopback host only (a sandbox)."},

	{"S3_ENDPOINT", "storage", "endpoint", TEXT(s3_endpoint, 1024),
	 .default_text = "", .example = "https://account-id.r2.cloudflarestorage.com",
	 .finish = config_finish_s3_endpoint,
	 .doc = "The S3 service that holds the image files, an http or https URL. Empty: AWS, found by its\n"
		"region."},
	{"S3_REGION", "storage", "region", TEXT(s3_region, 64),
	 .default_text = "auto",
	 .finish = config_finish_s3_region,
	 .doc = "Required by name (eu-central-1) where the endpoint is empty."},
	{"S3_ACCESS_KEY_ID", "storage", "access_key_id", TEXT(s3_access_key_id, 256),
	 .example = "access-key-id",
	 .doc = "The access key. It has to read objects and list the bucket: S3 tells a key that may not list\n"
		"that a missing file is a missing right, and such a post waits for ever."},
	{"S3_SECRET_ACCESS_KEY", "storage", "secret_access_key", SECRET(s3_secret_access_key, 1024),
	 .example = "change-me",
	 .doc = "Its secret."},
	{"S3_BUCKET_NAME", "storage", "bucket", TEXT(s3_bucket, 255),
	 .example = "isekai",
	 .finish = config_finish_s3_bucket,
	 .doc = "The bucket."},
	{"S3_FORCE_PATH_STYLE", "storage", "force_path_style", BOOLEAN(s3_force_path_style),
	 .default_text = "false",
	 .doc = "True: https://endpoint/bucket/key (MinIO); false: https://bucket.endpoint/key."},
	{"S3_PATH_PREFIX", "storage", "path_prefix", TEXT(s3_path_prefix, 1024),
	 .default_text = "",
	 .doc = "Accepted, as the API server has it, and not applied: the stored keys already hold it."},

	{"QUEUE_NAME", "queue", "name", TEXT(queue_name, 200),
	 .default_text = "deviation-publisher",
	 .finish = config_finish_queue_name,
	 .doc = "The BullMQ queue. A change takes a restart; a reload that makes one is refused."},
	{"QUEUE_PREFIX", "queue", "prefix", TEXT(queue_prefix, 200),
	 .default_text = "bull",
	 .doc = "BullMQ's prefix of its keys. A change takes a restart; a reload that makes one is refused."},

	{"PUBLISHER_CONCURRENCY", "publisher", "concurrency", INTEGER(concurrency, 1, 1024),
	 .default_text = "5",
	 .doc = "Worker processes; each does one job at a time."},
	{"PUBLISHER_MAX_ATTEMPTS", "publisher", "max_attempts", INTEGER(max_attempts, 1, 1000),
	 .default_text = "7",
	 .doc = "Attempts of a job whose own options name none."},
	{"PUBLISHER_JOB_TIMEOUT_MS", "publisher", "job_timeout_ms", MS(job_timeout_ms, 1500000),
	 .default_text = "600000",
	 .doc = "After it a job is aborted; a worker that does not let go is killed."},
	{"PUBLISHER_LOCK_DURATION_MS", "publisher", "lock_duration_ms", MS(lock_duration_ms, DAY_MS),
	 .default_text = "30000",
	 .doc = "Life of a job's lock; it is renewed in time. Not under 1000 where a host may be busy: a lock\n"
		"that ends before it can be renewed stops its job, and far under 100 no post is ever published."},
	{"PUBLISHER_STALE_CHECK_INTERVAL_MS", "publisher", "stale_check_interval_ms",
	 MS(stale_check_interval_ms, DAY_MS),
	 .default_text = "30000",
	 .doc = "How often jobs of hosts that died are looked for."},
	{"PUBLISHER_MAX_STALLED_COUNT", "publisher", "max_stalled_count",
	 INTEGER(max_stalled_count, 0, 1000),
	 .default_text = "2",
	 .doc = "How often a job may stall (its lock ends, as its host died) before the queue fails it. A post\n"
		"fails when a worker died under it so often in a row, or 10 times where this is less."},
	{"PUBLISHER_DRAIN_TIMEOUT_MS", "publisher", "drain_timeout_ms", MS(drain_timeout_ms, DAY_MS),
	 .default_text = "30000",
	 .doc = "How long jobs in hand may go on after TERM. Keep it below the grace period of whatever\n"
		"stops the service."},
	{"PUBLISHER_LIMITER_MAX", "publisher", "limiter_max", INTEGER(limiter_max, 0, 1000000),
	 .default_text = "0",
	 .doc = "Jobs started per second, over all instances. 0: no limit."},
	{"PUBLISHER_UNKNOWN_WAIT_MS", "publisher", "unknown_wait_ms", MS(unknown_wait_ms, DAY_MS),
	 .default_text = "120000",
	 .doc = "How long a publish whose answer was lost is left alone before it is asked for again."},
	{"PUBLISHER_RECONCILE_INTERVAL_MS", "publisher", "reconcile_interval_ms",
	 MS(reconcile_interval_ms, DAY_MS),
	 .default_text = "60000",
	 .doc = "How often PostgreSQL is compared with the queue."},

	{"RATE_LIMITER_ENABLED", "rate_limiter", "enabled", BOOLEAN(rate_limiter_enabled),
	 .default_text = "true",
	 .doc = "Pacing per user. Waits that DeviantArt asks for hold without it, too."},
	{"RATE_LIMITER_BASE_DELAY_MS", "rate_limiter", "base_delay_ms",
	 MS(rate_limiter_base_delay_ms, DAY_MS),
	 .default_text = "3000",
	 .doc = "Shortest pause between two files of a user."},
	{"RATE_LIMITER_MAX_DELAY_MS", "rate_limiter", "max_delay_ms",
	 MS(rate_limiter_max_delay_ms, DAY_MS),
	 .default_text = "300000",
	 .doc = "Longest pause; not below the shortest."},
	{"RATE_LIMITER_JITTER_PERCENT", "rate_limiter", "jitter_percent",
	 PERCENT(rate_limiter_jitter_percent),
	 .default_text = "20",
	 .doc = "How much a pause is varied."},
	{"RATE_LIMITER_SUCCESS_DECREASE_FACTOR", "rate_limiter", "success_decrease_factor",
	 FACTOR(rate_limiter_success_decrease_factor, 0.01, 1),
	 .default_text = "0.9",
	 .doc = "What a success multiplies the pause by."},
	{"RATE_LIMITER_FAILURE_INCREASE_FACTOR", "rate_limiter", "failure_increase_factor",
	 FACTOR(rate_limiter_failure_increase_factor, 1, 100),
	 .default_text = "2.0",
	 .doc = "What a refusal multiplies the pause by."},

	{"CIRCUIT_BREAKER_ENABLED", "circuit_breaker", "enabled", BOOLEAN(circuit_breaker_enabled),
	 .default_text = "true",
	 .doc = "Stop asking for a user whom DeviantArt keeps refusing."},
	{"CIRCUIT_BREAKER_THRESHOLD", "circuit_breaker", "threshold",
	 INTEGER(circuit_breaker_threshold, 1, 1000),
	 .default_text = "3",
	 .doc = "Refusals in a row that open the circuit."},
	{"CIRCUIT_BREAKER_OPEN_DURATION_MS", "circuit_breaker", "open_duration_ms",
	 MS(circuit_breaker_open_duration_ms, DAY_MS),
	 .default_text = "300000",
	 .doc = "How long it stays open before one job is let through to try."},

	{"LOG_LEVEL", "log", "level", .type = CONFIG_LEVEL, MEMBER(log_level),
	 .default_text = "info",
	 .doc = "What is logged, and everything graver."},

	{"HEALTH_CHECK_ENABLED", "health", "enabled", BOOLEAN(health_check_enabled),
	 .default_text = "true",
	 .doc = "The HTTP listener: a status page at /, /health, /ready, /status and /metrics. A change takes a\n"
		"restart."},
	{"HEALTH_CHECK_HOST", "health", "host", TEXT(health_check_host, 253),
	 .default_text = "0.0.0.0",
	 .finish = config_finish_health_host,
	 .doc = "The address or host name it listens on (:: for IPv6 as well). A change takes a restart."},
	{"HEALTH_CHECK_PORT", "health", "port", INTEGER(health_check_port, 1, 65535),
	 .default_text = "5000",
	 .doc = "Its port. A change takes a restart."},
	{"HEALTH_CHECK_DETAILS", "health", "details", BOOLEAN(health_check_details),
	 .default_text = "false",
	 .doc = "True: the status page and /status tell titles and user names too, to whoever reaches the port."},
};
// clang-format on

const size_t config_setting_count = sizeof(config_settings) / sizeof(config_settings[0]);

const struct config_setting *
config_setting_find(const char *section, const char *key)
{
	for (size_t i = 0; i < config_setting_count; i++) {
		if (strcmp(config_settings[i].section, section) == 0 &&
		    strcmp(config_settings[i].key, key) == 0)
			return &config_settings[i];
	}
	return NULL;
}

bool
config_section_known(const char *section)
{
	for (size_t i = 0; i < config_setting_count; i++) {
		if (strcmp(config_settings[i].section, section) == 0)
			return true;
	}
	return false;
}

const struct config_setting *
config_setting_nearest(const char *section, const char *key)
{
	const struct config_setting *nearest = &config_settings[0];
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];
		/* A key that is right in the wrong section is nearer than another key of that
		 * section. */
		size_t away = 2 * spelling_distance(key, setting->key) +
			      (strcmp(section, setting->section) == 0
				       ? 0
				       : 1 + spelling_distance(section, setting->section) / 2);

		if (strcasecmp(key, setting->env) == 0)
			away = 0;
		if (away < least) {
			least = away;
			nearest = setting;
		}
	}
	return strcasecmp(key, nearest->env) == 0 || spelling_is_like(key, nearest->key) ? nearest
											 : NULL;
}

const char *
config_section_nearest(const char *section)
{
	const char *nearest = config_settings[0].section;

	for (size_t i = 1; i < config_setting_count; i++) {
		if (spelling_distance(section, config_settings[i].section) <
		    spelling_distance(section, nearest))
			nearest = config_settings[i].section;
	}
	return spelling_is_like(section, nearest) ? nearest : NULL;
}
