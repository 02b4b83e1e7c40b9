/* How the libraries allocate. */
#ifndef APP_MEMORY_H
#define APP_MEMORY_H

#include <stdbool.h>

/* Lets libcurl and libevent allocate through alloc.h: before either is used. False when libcurl
 * refuses. */
bool app_memory_use(void);

#endif
