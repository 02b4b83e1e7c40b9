/* The health check of a container: asks a running weir whether it is ready. */
#ifndef HEALTH_H
#define HEALTH_H

#include "config.h"

/* 0 when the admin listener's /readyz says so, else 1 with a sentence on stderr. */
int health_check(const struct config *config);

#endif
