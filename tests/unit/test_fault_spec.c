/* SPECs: what is accepted, what is refused and in which words, and that chance can be repeated. */
#include "mock_fault.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(fault_spec, .timeout = 30);

#define MS 1000000ll

static bool parse(const char *spec, struct mock_fault *out, char why[256])
{
    why[0] = '\0';
    return mock_fault_parse((struct mock_text){spec, strlen(spec)}, out,
                            (struct mock_why){why, 256});
}

static const struct {
    const char *spec;
    struct mock_fault want;
} good[] = {
    {"delay=40ms", {.delay_ns = 40 * MS, .rate = 1}},
    {"delay=0ms", {.delay_ns = 0, .rate = 1}},
    {"delay=1.5s", {.delay_ns = 1500 * MS, .rate = 1}},
    {"delay=250us", {.delay_ns = MS / 4, .rate = 1}},
    {"delay=2m", {.delay_ns = 120000 * MS, .rate = 1}},
    {"delay=24.0s", {.delay_ns = 24000 * MS, .rate = 1}},
    {"hang", {.kind = MOCK_FAULT_HANG, .rate = 1}},
    {"reset", {.kind = MOCK_FAULT_RESET, .rate = 1}},
    {"cut", {.kind = MOCK_FAULT_CUT, .rate = 1}},
    {"garbage", {.kind = MOCK_FAULT_GARBAGE, .rate = 1}},
    {"status=503", {.kind = MOCK_FAULT_STATUS, .status = 503, .rate = 1}},
    {"status=200", {.kind = MOCK_FAULT_STATUS, .status = 200, .rate = 1}},
    {"status=599", {.kind = MOCK_FAULT_STATUS, .status = 599, .rate = 1}},
    {"drip=1B/100ms", {.kind = MOCK_FAULT_DRIP, .size = 1, .interval_ns = 100 * MS, .rate = 1}},
    {"drip=64/1s", {.kind = MOCK_FAULT_DRIP, .size = 64, .interval_ns = 1000 * MS, .rate = 1}},
    {"big=10MiB", {.kind = MOCK_FAULT_BIG, .size = 10u << 20, .rate = 1}},
    {"big=64KiB", {.kind = MOCK_FAULT_BIG, .size = 64u << 10, .rate = 1}},
    {"big=16", {.kind = MOCK_FAULT_BIG, .size = 16, .rate = 1}},
    {"big=1GiB", {.kind = MOCK_FAULT_BIG, .size = 1u << 30, .rate = 1}},
    {"hang,rate=5%", {.kind = MOCK_FAULT_HANG, .rate = 0.05}},
    {"rate=0.5%,hang", {.kind = MOCK_FAULT_HANG, .rate = 0.005}},
    {"hang,rate=0%", {.kind = MOCK_FAULT_HANG, .rate = 0}},
    {"hang,rate=100%", {.kind = MOCK_FAULT_HANG, .rate = 1}},
    {"delay=5ms,status=500,rate=50%",
     {.kind = MOCK_FAULT_STATUS, .status = 500, .delay_ns = 5 * MS, .rate = 0.5}},
    {" delay = 40ms , cut \n", {.kind = MOCK_FAULT_CUT, .delay_ns = 40 * MS, .rate = 1}},
};

Test(fault_spec, accepts)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct mock_fault *want = &good[i].want;
        struct mock_fault got;
        char why[256];

        cr_assert(parse(good[i].spec, &got, why), "%s: %s", good[i].spec, why);
        cr_expect(got.kind == want->kind, "%s: kind %d", good[i].spec, got.kind);
        cr_expect(got.delay_ns == want->delay_ns, "%s: %lld", good[i].spec,
                  (long long)got.delay_ns);
        cr_expect(got.status == want->status, "%s: %d", good[i].spec, got.status);
        cr_expect(got.size == want->size, "%s: %llu", good[i].spec, (unsigned long long)got.size);
        cr_expect(got.interval_ns == want->interval_ns, "%s", good[i].spec);
        cr_expect(fabs(got.rate - want->rate) < 1e-12, "%s: %g", good[i].spec, got.rate);
        cr_expect(got.sigma == 0, "%s: %g", good[i].spec, got.sigma);
    }
}

Test(fault_spec, commas_inside_parentheses_do_not_split)
{
    static const char *const specs[] = {"delay=lognormal(20ms,p99=180ms),rate=5%,hang",
                                        "hang,delay=lognormal( 20ms , p99=180ms ),rate=5%"};

    for (size_t i = 0; i < 2; i++) {
        struct mock_fault got;
        char why[256];

        cr_assert(parse(specs[i], &got, why), "%s", why);
        cr_expect(got.kind == MOCK_FAULT_HANG && got.delay_ns == 20 * MS);
        cr_expect(fabs(got.sigma - log(9.0) / 2.3263478740408408) < 1e-9, "%g", got.sigma);
        cr_expect(fabs(got.rate - 0.05) < 1e-12);
    }
}

static const struct {
    const char *spec, *says;
} bad[] = {
    {"", "empty"},
    {"  ", "empty"},
    {",", "between two commas"},
    {"hang,", "between two commas"},
    {"hang,,cut", "between two commas"},
    {"bogus", "\"bogus\" is not a fault"},
    {"Hang", "\"Hang\" is not a fault"},
    {"hangs", "is not a fault"},
    {"hang=1", "hang takes no value"},
    {"hang=", "hang takes no value"},
    {"delay", "delay wants a value"},
    {"delay=", "is not a duration"},
    {"delay=40", "\"40\" is not a duration (write \"40ms\""},
    {"delay=-1ms", "is not a duration"},
    {"delay=1e3ms", "is not a duration"},
    {"delay=.5s", "is not a duration"},
    {"delay=1.s", "is not a duration"},
    {"delay=1 ms", "is not a duration"},
    {"delay=infs", "is not a duration"},
    {"delay=25h", "is not a duration"},
    {"delay=86401s", "longer than a day"},
    {"delay=99999999999999999999999999999s", "longer than a day"},
    {"delay=lognormal", "is not a duration"},
    {"delay=lognormal(20ms)", "lognormal wants two values"},
    {"delay=lognormal(20ms,180ms)", "not a 99th percentile"},
    {"delay=lognormal(20ms,p99=180)", "is not a duration"},
    {"delay=lognormal(180ms,p99=20ms)", "p99 not below it"},
    {"delay=lognormal(0ms,p99=20ms)", "above zero"},
    {"delay=lognormal(20ms,p99=180ms", "is not a duration"},
    {"delay=40ms,delay=50ms", "delay stands there twice"},
    {"status=", "is not a status"},
    {"status=99", "is not a status"},
    {"status=100", "is not a status"},
    {"status=600", "is not a status"},
    {"status=20x", "is not a status"},
    {"drip=1B", "is not a pace"},
    {"drip=0B/1s", "never moves"},
    {"drip=1B/0ms", "never moves"},
    {"drip=1B/", "is not a duration"},
    {"drip=/1s", "is not a size"},
    {"big=15", "less than 16B"},
    {"big=10MB", "is not a size"},
    {"big=9999GiB", "more than"},
    {"rate=5%", "rate alone"},
    {"hang,rate=5", "is not a share"},
    {"hang,rate=101%", "is not a share"},
    {"hang,rate=-1%", "is not a share"},
    {"hang,reset", "reset cannot be combined"},
    {"hang,hang", "hang stands there twice"},
    {"status=500,cut", "cut cannot be combined"},
    {"hang;cut", "is not a fault"},
    {"\x01\xff", "\"??\" is not a fault"},
};

Test(fault_spec, refuses_and_says_why)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mock_fault got = {.status = 77};
        char why[256];

        cr_expect(!parse(bad[i].spec, &got, why), "accepted: %s", bad[i].spec);
        cr_expect(strstr(why, bad[i].says) != NULL, "%s: %s", bad[i].spec, why);
        cr_expect(got.status == 77, "%s: touched what was there", bad[i].spec);
    }
}

static unsigned count_hits(const struct mock_fault *fault, uint64_t seed, unsigned n)
{
    unsigned hits = 0;

    for (unsigned i = 0; i < n; i++)
        hits += mock_fault_draw(fault, seed, i).kind != MOCK_FAULT_NONE;
    return hits;
}

Test(fault_spec, rate_hits_its_share)
{
    static const struct {
        const char *spec;
        unsigned low, high;
    } rows[] = {
        {"hang,rate=0%", 0, 0},          {"hang,rate=5%", 4500, 5500},
        {"hang,rate=50%", 49000, 51000}, {"hang,rate=100%", 100000, 100000},
        {"hang", 100000, 100000},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct mock_fault fault;
            char why[256];
            unsigned hits;

            cr_assert(parse(rows[i].spec, &fault, why));
            hits = count_hits(&fault, seed, 100000);
            cr_expect(hits >= rows[i].low && hits <= rows[i].high, "%s: %u", rows[i].spec, hits);
        }
}

Test(fault_spec, the_same_seed_hits_the_same_requests)
{
    struct mock_fault fault;
    char why[256];
    unsigned differing = 0;

    cr_assert(parse("delay=lognormal(20ms,p99=180ms),hang,rate=50%", &fault, why));
    for (uint64_t i = 0; i < 1000; i++) {
        struct mock_hit a = mock_fault_draw(&fault, 7, i), b = mock_fault_draw(&fault, 7, i);

        cr_expect(a.kind == b.kind && a.delay_ns == b.delay_ns, "%llu", (unsigned long long)i);
        differing += a.kind != mock_fault_draw(&fault, 8, i).kind;
    }
    cr_expect(differing > 300, "another seed is nearly the same: %u of 1000 differ", differing);
}

Test(fault_spec, upstreams_under_one_seed_stumble_apart)
{
    struct mock_fault fault;
    uint64_t a = mock_fault_seed(1, "profile"), b = mock_fault_seed(1, "activity");
    char why[256];
    unsigned differing = 0;

    cr_assert(parse("hang,rate=50%", &fault, why));
    for (uint64_t i = 0; i < 1000; i++)
        differing += mock_fault_draw(&fault, a, i).kind != mock_fault_draw(&fault, b, i).kind;
    cr_expect(differing > 300, "%u of 1000 differ", differing);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

Test(fault_spec, lognormal_has_its_median_and_its_99th_percentile)
{
    enum { N = 20000 };
    static int64_t drawn[N];
    struct mock_fault fault;
    char why[256];

    cr_assert(parse("delay=lognormal(20ms,p99=180ms)", &fault, why));
    for (unsigned i = 0; i < N; i++)
        drawn[i] = mock_fault_draw(&fault, 1, i).delay_ns;
    qsort(drawn, N, sizeof(drawn[0]), by_value);
    cr_expect(drawn[0] > 0);
    cr_expect(drawn[N / 2] > 19 * MS && drawn[N / 2] < 21 * MS, "%lld", (long long)drawn[N / 2]);
    cr_expect(drawn[N * 99 / 100] > 160 * MS && drawn[N * 99 / 100] < 200 * MS, "%lld",
              (long long)drawn[N * 99 / 100]);
}
