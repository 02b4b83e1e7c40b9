/*
 * The options: one table from which the environment, the env file, --help, --print-config and the
 * test of .env.example are made. An empty value counts as unset, for docker compose and its like
 * hand on unset variables as empty ones.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include "config.h"
#include "config_problem.h"

struct config_option {
    const char *name;
    const char *fallback; /* the default as text; NULL: none */
    bool (*read)(const struct config_option *option, const char *text, void *field,
                 struct config_why *why);
    int64_t min, max;
    size_t offset; /* of the field in struct config */
    bool fixed;    /* cannot change while running */
    const char *help;
};

const struct config_option *config_options(size_t *n);
/* The option of that name, or NULL. */
const struct config_option *config_option_find(const char *name, size_t len);

/* Reads the text into the option's field. */
bool config_option_set(const struct config_option *option, const char *text, struct config *config,
                       struct config_why *why);

#endif
