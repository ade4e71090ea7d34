#ifndef COMMON_CONFIG_CHECKS_H
#define COMMON_CONFIG_CHECKS_H
/*
 * config_checks.h - what a text in the configuration must be beyond its length.    [every process]
 *
 * Each looks at its member of *config, already stored, may replace it by a tidier form or derive
 * others from it, and says in *why what is wrong.
 */
#include <stdbool.h>

#include "common/failure.h"

struct config;

bool config_finish_database_url(struct config *config, struct failure *why);
bool config_finish_redis_url(struct config *config, struct failure *why);
bool config_finish_deviantart_base_url(struct config *config, struct failure *why);
bool config_finish_s3_endpoint(struct config *config, struct failure *why);
bool config_finish_s3_region(struct config *config, struct failure *why);
bool config_finish_s3_bucket(struct config *config, struct failure *why);
bool config_finish_queue_name(struct config *config, struct failure *why);
bool config_finish_health_host(struct config *config, struct failure *why);

#endif
