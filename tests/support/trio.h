/* The usual stage: mocks for profile, preferences and activity, and a weir that calls them. */
#ifndef TRIO_H
#define TRIO_H

#include "client.h"
#include "process.h"

#include <weir/mock.h>

struct trio {
    struct weir_mock *profile, *preferences, *activity;
    struct weir weir;
};

#define TRIO_PROFILE "{\"id\":9007199254740993,\"name\":\"Zo\\u00eb\",\"score\":1.10}"
#define TRIO_PREFERENCES "{\"theme\":\"dark\",\"limit\":1e400}"
#define TRIO_ACTIVITY "[{\"id\":1},{\"id\":2}]"

/* Starts all four; settings (ended by NULL, may be NULL) go to weir besides the mocks' URLs. */
void trio_start(struct trio *t, const char *const *settings);
/* Only the mocks, and the settings with their URLs, for tests that start weir themselves. */
void trio_start_mocks(struct trio *t);
/* Ends all; asserts a clean exit of weir. */
void trio_stop(struct trio *t);
/* Ends the mocks only: for a weir that is gone, or was told to go (asserts nothing). */
void trio_stop_mocks(struct trio *t);
/* A GET of /v1/users/42 that must bring a whole answer. */
void trio_get(struct trio *t, struct response *r);
/* The text of the answer must hold this. */
void trio_expect_text(const struct response *r, const char *text);
/* Waits until nothing is in flight, in weir and on the mocks. */
void trio_expect_quiet(struct trio *t);

#endif
