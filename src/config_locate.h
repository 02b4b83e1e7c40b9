/* Where a text stops being JSON, for the message: json_check decides, this only finds the place. */
#ifndef CONFIG_LOCATE_H
#define CONFIG_LOCATE_H

#include <stdbool.h>
#include <stddef.h>

struct config_fault {
    size_t at, line, column; /* line and column count from 1 */
    const char *why;
};

/* The first fault in the text under the rules of json_check, or false when there is none. */
bool config_locate_fault(const char *text, size_t len, unsigned max_depth,
                         struct config_fault *fault);
/* The line and column of a byte. */
void config_locate(const char *text, size_t at, struct config_fault *fault);

#endif
