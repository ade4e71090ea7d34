/*
 * config_checks.c - what a text in the configuration must be beyond its length.    [every process]
 */
#include "common/config_checks.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/config.h"
#include "common/url.h"

/* Does text hold nothing but letters, digits and these? */
static bool
only(const char *text, const char *others)
{
	for (; *text != '\0'; text++) {
		if (!isalnum((unsigned char)*text) && strchr(others, *text) == NULL)
			return false;
	}
	return true;
}

bool
config_finish_database_url(struct config *config, struct failure *why)
{
	return database_url_parse(config->database_url, &config->database, why);
}

bool
config_finish_redis_url(struct config *config, struct failure *why)
{
	return redis_url_parse(config->redis_url, &config->redis, why);
}

static bool
tidy_base(char **member, bool http_loopback_only, struct failure *why)
{
	char *base = url_http_base(*member, http_loopback_only, why);

	if (base == NULL)
		return false;
	free(*member);
	*member = base;
	return true;
}

bool
config_finish_deviantart_base_url(struct config *config, struct failure *why)
{
	/* Client secret and tokens travel to it. */
	return tidy_base(&config->deviantart_base_url, true, why);
}

bool
config_finish_s3_endpoint(struct config *config, struct failure *why)
{
	return *config->s3_endpoint == '\0' || tidy_base(&config->s3_endpoint, false, why);
}

bool
config_finish_s3_region(struct config *config, struct failure *why)
{
	/* It stands in the host name of AWS and in every signature. */
	if (strcasecmp(config->s3_region, "auto") == 0)
		(void)memcpy(config->s3_region, "auto", sizeof("auto"));
	if (only(config->s3_region, "-_"))
		return true;
	return failure_set(why, FAILURE_OPERATOR, "a region has letters, digits, - and _ only");
}

bool
config_finish_s3_bucket(struct config *config, struct failure *why)
{
	if (only(config->s3_bucket, "-._"))
		return true;
	return failure_set(why, FAILURE_OPERATOR, "a bucket has letters, digits, - . _ only");
}

bool
config_finish_queue_name(struct config *config, struct failure *why)
{
	/* BullMQ refuses such a name, as : separates the parts of its keys. */
	if (strchr(config->queue_name, ':') == NULL)
		return true;
	return failure_set(why, FAILURE_OPERATOR, "a queue name must not hold a colon");
}

bool
config_finish_health_host(struct config *config, struct failure *why)
{
	if (url_host_valid(config->health_check_host, strlen(config->health_check_host)))
		return true;
	return failure_set(why, FAILURE_OPERATOR,
			   "neither an IPv4 or IPv6 address (without brackets) nor a host name");
}
