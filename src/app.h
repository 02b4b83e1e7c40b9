/* The whole service from start to exit: listeners, workers, admin, signals, reload, drain. */
#ifndef APP_H
#define APP_H

#include "config.h"

/* Runs until it is told to stop. Takes over one reference of config. env_file (NULL: none) is read
 * again at a reload. Returns the exit status. */
int app_run(struct config *config, const char *env_file);

#endif
