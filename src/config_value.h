/* Reading single values. Each reads text into *out, or says why not and leaves *out untouched. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdint.h>

#include "config.h"
#include "config_problem.h"

struct config_range {
    int64_t min, max;
};

#define CONFIG_SECOND_NS       INT64_C(1000000000)
#define CONFIG_MAX_DURATION_NS (INT64_C(24) * 3600 * CONFIG_SECOND_NS)
#define CONFIG_MAX_BODY        (INT64_C(1) << 30)

/* "500ms", "1.5s": a decimal number and us, ms, s, m or h; nanoseconds. */
bool config_read_duration(const char *text, struct config_range range, int64_t *out,
                          struct config_why *why);
/* "65536", "64KiB", "1MiB", "1GiB". */
bool config_read_size(const char *text, struct config_range range, uint64_t *out,
                      struct config_why *why);
/* Decimal digits only. */
bool config_read_integer(const char *text, struct config_range range, uint64_t *out,
                         struct config_why *why);
/* "host:port" or "[v6]:port", and "off" where that is allowed. The strings are allocated. */
bool config_read_address(const char *text, bool may_be_off, struct config_address *out,
                         struct config_why *why);
/* Whether text is a header's name (RFC 9110 token). */
bool config_is_token(const char *text);
/* Whether a header of that name is weir's own business, so that a route may neither forward nor
 * set it. The reason, or NULL when it may; deadline_header may be NULL. */
const char *config_refused_header(const char *name, const char *deadline_header);
/* A copy in lower case, NULL when memory is out. */
char *config_lower(const char *text);

/* A duration as text in the largest unit that shows it exactly: "500ms". */
struct config_duration_text {
    char text[32];
};
struct config_duration_text config_duration_text(int64_t ns);

#endif
