/* The environment, and the env file that fills what it leaves unset. */
#ifndef CONFIG_ENV_H
#define CONFIG_ENV_H

#include "config_problem.h"

struct config_env_entry {
    char *name, *value;
    size_t line;
};

struct config_env {
    char *const *environ;             /* borrowed */
    const char *file;                 /* the env file's path, NULL = none; borrowed */
    struct config_env_entry *entries; /* of the env file */
    size_t n_entries;
};

/* Reads the env file, if there is one; every fault is added as FILE:LINE. */
void config_env_open(struct config_env *env, char *const *environ, const char *file,
                     struct config_problems *problems);
/* The lines of an env file's text, for config_env_open and for tests. */
void config_env_read(struct config_env *env, const char *text, size_t len,
                     struct config_problems *problems);
void config_env_close(struct config_env *env);

/* The value of a variable that is set and not empty, the environment's first, or NULL. */
const char *config_env_get(const struct config_env *env, const char *name, size_t len);

/* Adds a problem for each WEIR_ name that is no option and that document, the text of the routes
 * document (NULL: none), does not refer to as ${NAME}. */
void config_env_check_names(const struct config_env *env, const char *document,
                            struct config_problems *problems);

#endif
