/* How many connections the process's descriptors can hold. */
#ifndef APP_LIMITS_H
#define APP_LIMITS_H

#include "config.h"

/* Raises the soft descriptor limit to the hard one and has the kernel make room for all descriptors
 * that this configuration needs. Before the first thread starts. */
void app_limits_raise(const struct config *config);
/* The cap for client connections: the configured one, or what fits, which it says with the
 * arithmetic. */
uint64_t app_limits_connections(const struct config *config);

/* The arithmetic alone: what is needed for everything configured, and the cap under a limit. */
uint64_t app_limits_needed(const struct config *config);
uint64_t app_limits_cap(const struct config *config, uint64_t limit);

#endif
