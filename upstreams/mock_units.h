/* Numbers with units as people write them: durations, sizes, shares. Each reads all of its text. */
#ifndef MOCK_UNITS_H
#define MOCK_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of somebody else's text. */
struct mock_text {
    const char *at;
    size_t len;
};

/* Where a refusal is explained in one sentence. */
struct mock_why {
    char *text;
    size_t size;
};

/* Writes the sentence and returns false, so that a parser can end with it. */
bool mock_why_set(struct mock_why why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes white space off both ends. */
struct mock_text mock_text_trim(struct mock_text text);
bool mock_text_is(struct mock_text text, const char *word);

/* "40ms", "1.5s", "250us", "2m": at most a day. */
bool mock_units_duration(struct mock_text text, int64_t *ns, struct mock_why why);
/* "10MiB", "64KiB", "1B", or a bare number of bytes: at most 1 TiB. */
bool mock_units_size(struct mock_text text, uint64_t *bytes, struct mock_why why);
/* "5%": 0 to 1. */
bool mock_units_share(struct mock_text text, double *share, struct mock_why why);
/* "503": a plain number from low to high. */
bool mock_units_whole(struct mock_text text, uint64_t low, uint64_t high, uint64_t *value);

#endif
