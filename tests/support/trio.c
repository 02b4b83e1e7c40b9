#include "trio.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

void trio_start_mocks(struct trio *t)
{
    t->profile = weir_mock_start("/users/{id}/profile", TRIO_PROFILE);
    t->preferences = weir_mock_start("/users/{id}/preferences", TRIO_PREFERENCES);
    t->activity = weir_mock_start("/users/{id}/activity", TRIO_ACTIVITY);
    cr_assert(t->profile != NULL && t->preferences != NULL && t->activity != NULL);
}

void trio_start(struct trio *t, const char *const *settings)
{
    char urls[3][128];
    const char *all[48] = {urls[0], urls[1], urls[2]};
    size_t n = 3;

    trio_start_mocks(t);
    snprintf(urls[0], sizeof(urls[0]), "WEIR_PROFILE_URL=%s", weir_mock_url(t->profile));
    snprintf(urls[1], sizeof(urls[1]), "WEIR_PREFERENCES_URL=%s", weir_mock_url(t->preferences));
    snprintf(urls[2], sizeof(urls[2]), "WEIR_ACTIVITY_URL=%s", weir_mock_url(t->activity));
    for (; settings != NULL && *settings != NULL && n < 47; settings++)
        all[n++] = *settings;
    all[n] = NULL;
    weir_start(&t->weir, all);
}

void trio_stop(struct trio *t)
{
    weir_stop(&t->weir);
    trio_stop_mocks(t);
}

void trio_stop_mocks(struct trio *t)
{
    weir_mock_stop(t->profile);
    weir_mock_stop(t->preferences);
    weir_mock_stop(t->activity);
}

void trio_get(struct trio *t, struct response *r)
{
    cr_assert(client_get(t->weir.port, "/v1/users/42", NULL, r, 10000), "no answer; so far: %s",
              r->head ? r->head : "nothing");
}

void trio_expect_text(const struct response *r, const char *text)
{
    cr_expect(r->body != NULL && strstr(r->body, text) != NULL, "expected %s in %s", text,
              r->body ? r->body : "nothing");
}

void trio_expect_quiet(struct trio *t)
{
    struct weir_mock *const mocks[] = {t->profile, t->preferences, t->activity};

    cr_expect(weir_wait_metric(&t->weir, "weir_requests_in_flight", 0, 5000),
              "requests are still in flight in weir");
    for (size_t i = 0; i < 3; i++)
        cr_expect(weir_mock_wait_down(mocks[i], WEIR_MOCK_IN_FLIGHT, 0, 5000),
                  "requests are still in flight on mock %zu", i);
}
