#include "quota.h"

#include <criterion/criterion.h>

/* Takes until refused; how many were allowed. The rest of n is left over. */
static unsigned turn(struct quota *q, unsigned n)
{
    unsigned taken = 0;

    quota_renew(q);
    for (unsigned i = 0; i < n; i++)
        taken += quota_take(q);
    return taken;
}

Test(quota, few_begin_at_once)
{
    struct quota q = {0};

    for (unsigned n = 0; n <= 16; n++)
        cr_expect(turn(&q, n) == n, "%u", n);
}

Test(quota, of_many_a_few_begin)
{
    struct quota q = {0};

    cr_expect(turn(&q, 100) == 16, "of the first turn");
    cr_expect(turn(&q, 84) == 16, "and of the next");
    cr_expect(turn(&q, 5) == 5, "down to the last");
}

/* Each request is looked at a limited number of times, however many wait. */
Test(quota, looks_stay_in_proportion)
{
    static const unsigned waiting[] = {17, 100, 1000, 10000, 100000};

    for (size_t i = 0; i < sizeof(waiting) / sizeof(*waiting); i++) {
        struct quota q = {0};
        unsigned left = waiting[i], looks = 0;

        while (left > 0) {
            unsigned taken = turn(&q, left);

            cr_assert(taken > 0, "something begins in every turn");
            looks += left;
            left -= taken;
        }
        cr_expect(looks <= 17 * waiting[i], "%u looks at %u", looks, waiting[i]);
    }
}

Test(quota, a_turn_forgets_the_backlog_that_is_gone)
{
    struct quota q = {0};

    turn(&q, 100000);
    turn(&q, 0);
    cr_expect(turn(&q, 100) == 16);
}
