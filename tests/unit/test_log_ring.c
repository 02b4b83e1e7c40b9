#include "log_ring.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/uio.h>

enum { SIZE = 64 };

static char memory[SIZE];
static struct log_ring ring;

static void set_up(void)
{
    memset(memory, 0, sizeof memory);
    ring = (struct log_ring){.data = memory, .size = SIZE};
}

TestSuite(log_ring, .init = set_up, .timeout = 30);

/* Expects exactly this text in the ring and takes it out. */
static void expect_out(const char *text)
{
    struct iovec piece[2];
    char out[SIZE + 1] = "";
    size_t len = 0;
    int pieces = log_ring_peek(&ring, piece, SIZE);

    for (int i = 0; i < pieces; i++) {
        memcpy(out + len, piece[i].iov_base, piece[i].iov_len);
        len += piece[i].iov_len;
    }
    cr_expect_str_eq(out, text);
    cr_expect_eq(log_ring_used(&ring), len);
    log_ring_pop(&ring, len);
    cr_expect_eq(log_ring_used(&ring), 0);
}

Test(log_ring, lines_come_out_as_they_went_in)
{
    expect_out("");
    cr_expect(log_ring_push(&ring, "one", 3, "\n"));
    cr_expect(log_ring_push(&ring, "two", 3, "\n"));
    expect_out("one\ntwo\n");
}

Test(log_ring, a_line_fits_whole_or_not_at_all)
{
    static const char text[SIZE + 1] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const struct {
        size_t queued, len;
        const char *end;
        bool fits;
    } cases[] = {
        {0, SIZE, "", true},      {0, SIZE - 1, "\n", true},    {0, SIZE, "\n", false},
        {0, SIZE + 1, "", false}, {0, (size_t)-1, "\n", false}, {60, 3, "\n", true},
        {60, 4, "\n", false},     {SIZE, 0, "\n", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_up();
        cr_assert(log_ring_push(&ring, text, cases[i].queued, ""));
        cr_expect_eq(log_ring_push(&ring, text, cases[i].len, cases[i].end), cases[i].fits,
                     "case %zu", i);
        cr_expect_eq(log_ring_used(&ring),
                     cases[i].queued + (cases[i].fits ? cases[i].len + strlen(cases[i].end) : 0));
    }
}

Test(log_ring, lines_run_over_the_edge)
{
    cr_expect(log_ring_push(&ring, "0123456789012345678901234567890123456789", 40, "\n"));
    cr_expect(log_ring_push(&ring, "ab", 2, "\n"));
    log_ring_pop(&ring, 41);
    cr_expect(log_ring_push(&ring, "9876543210987654321098765432", 28, "\n"));
    cr_expect(memory[0] != '0', "nothing ran over the edge");
    expect_out("ab\n9876543210987654321098765432\n");
}

Test(log_ring, a_peek_gives_at_most_what_was_asked)
{
    struct iovec piece[2];

    cr_expect(log_ring_push(&ring, "one", 3, "\n"));
    cr_expect_eq(log_ring_peek(&ring, piece, 2), 1);
    cr_expect_eq(piece[0].iov_len, 2);
    log_ring_pop(&ring, 2);
    expect_out("e\n");
}

/* What is not needed is not touched: an idle log keeps to few pages. */
Test(log_ring, an_empty_ring_begins_again_at_its_start)
{
    for (unsigned i = 0; i < 100; i++) {
        cr_expect(log_ring_push(&ring, "line", 4, "\n"));
        expect_out("line\n");
    }
    for (size_t i = 5; i < SIZE; i++)
        cr_expect_eq(memory[i], 0, "byte %zu was touched", i);
}
