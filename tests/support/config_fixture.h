/* Loading configurations in tests: from variables and a routes document given as text. */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include "config.h"

struct config_fixture {
    struct config *config; /* NULL when there were problems */
    struct buf problems;   /* NUL-terminated */
    char dir[64];          /* of the files made for it */
};

/* Loads from "NAME=VALUE" strings, ended by NULL; routes is the text of a document or NULL for the
 * built-in one, env_file the text of an env file or NULL. The document's file is named through
 * WEIR_ROUTES_FILE. Call config_fixture_done. */
void config_fixture_load(struct config_fixture *f, const char *const *variables, const char *routes,
                         const char *env_file);
void config_fixture_done(struct config_fixture *f);
/* The problems as text; "" when there were none. */
const char *config_fixture_problems(struct config_fixture *f);

#endif
