#ifndef COMMON_IDENTITY_H
#define COMMON_IDENTITY_H
/*
 * identity.h - who holds a lock: names that can be proven dead.        [every process]
 *
 * design.md "Tokens and proof of death". An instance is one supervisor: boot id, pid namespace, its
 * pid and start time. A lock token is the instance plus slot and generation, and is fixed for a
 * generation. Whoever runs in the same boot and pid namespace can tell from a token alone whether
 * its supervisor still exists. instance: "ip.<boot id, 8 hex>.<pid namespace inode>.<pid>.<start
 * time, clock ticks>" token:    "<instance>.<slot>.<generation>"
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define IDENTITY_INSTANCE_SIZE 80
#define IDENTITY_TOKEN_SIZE    112

/* The calling process as an instance (the supervisor calls it once, before it forks). False when
 * /proc cannot be read. */
bool identity_instance(char out[IDENTITY_INSTANCE_SIZE]);
void identity_token(const char *instance, int slot, uint64_t generation,
		    char out[IDENTITY_TOKEN_SIZE]);

/* "ip.<boot>.<pid namespace>." of this process: what all tokens made in this boot and namespace
 * begin with. */
bool identity_local_prefix(char out[IDENTITY_INSTANCE_SIZE]);

/* True only when the token was made in this boot and pid namespace and its supervisor does not
 * exist any more. */
bool identity_supervisor_is_dead(const char *token);

#endif
