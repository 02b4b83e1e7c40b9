/* Asks the system for the addresses of a host. Blocks. */
#ifndef RESOLVE_SYSTEM_H
#define RESOLVE_SYSTEM_H

#include <stddef.h>

/* A resolve_lookup_fn: getaddrinfo, in the order it gives. */
int resolve_system_lookup(const char *host, char *text, size_t size);

#endif
