/* Files that the configuration names. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "config_problem.h"

/* The whole file, NUL-terminated, to be freed; NULL with the reason when it cannot be read, or is
 * longer than max. */
char *config_file_read(const char *path, size_t max, size_t *len, struct config_why *why);
/* Whether the file is there and can be read. */
bool config_file_is_readable(const char *path, struct config_why *why);

#endif
