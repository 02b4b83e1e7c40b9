/* The routes document that is compiled in: upstreams/routes.json as it stood at build time. */
#ifndef CONFIG_BUILTIN_H
#define CONFIG_BUILTIN_H

#include <stddef.h>

/* The document's text; *len without the NUL behind it. */
const char *config_builtin_routes(size_t *len);

#endif
