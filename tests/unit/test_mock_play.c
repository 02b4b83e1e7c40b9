/* How answers are played, on a clock that the test moves: which bytes, when, and how it ends. */
#include "mock_play.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(mock_play, .timeout = 30);

#define MS    1000000u
#define START (1000 * (uint64_t)MS)
#define BODY  "{\"id\":\"{id}\"}"

struct stage {
    struct mock_play play;
    struct mock_bytes scratch, sent;
    uint64_t now;
};

/* Begins the answer to a request for user "7" with this fault ("" = none). */
static void begin(struct stage *s, const char *method, const char *spec,
                  struct weir_mock_answer answer)
{
    struct mock_head head = {.method = {method, strlen(method)}, .keep_alive = true};
    struct mock_params params = {.item = {{{"id", 2}, {"a%22", 4}}}, .n = 1};
    struct mock_fault fault = {.given = 0};
    struct mock_hit hit;
    char why[256] = "";

    memset(s, 0, sizeof(*s));
    s->now = START;
    if (spec[0] != '\0')
        cr_assert(mock_fault_parse((struct mock_text){spec, strlen(spec)}, &fault,
                                   (struct mock_why){why, sizeof(why)}),
                  "%s: %s", spec, why);
    hit = mock_fault_draw(&fault, 1, 0);
    answer.content_type = answer.content_type ? answer.content_type : "application/json";
    answer.headers = answer.headers ? answer.headers : "";
    answer.status = answer.status ? answer.status : 200;
    answer.body_len = answer.body ? strlen(answer.body) : 0;
    answer.raw_len = answer.raw ? strlen(answer.raw) : 0;
    cr_assert(mock_play_begin(&s->play, &(struct mock_request){.head = &head,
                                                               .answer = &answer,
                                                               .params = &params,
                                                               .hit = &hit,
                                                               .arrived_ns = START,
                                                               .scratch = &s->scratch}));
}

static void end(struct stage *s)
{
    mock_play_done(&s->play);
    mock_bytes_done(&s->scratch);
    mock_bytes_done(&s->sent);
}

/* Sends all that may go now and tells what comes then. */
static enum mock_step run(struct stage *s, bool hold, uint64_t *until)
{
    enum mock_step step;

    while ((step = mock_play_step(&s->play, s->now, hold, until)) == MOCK_STEP_SEND) {
        struct mock_text bytes = mock_play_bytes(&s->play);

        cr_assert(bytes.len > 0);
        mock_bytes_add(&s->sent, bytes.at, bytes.len);
        mock_play_sent(&s->play, bytes.len);
    }
    return step;
}

/* Lets time pass until the play is over or hangs. */
static enum mock_step run_out(struct stage *s)
{
    enum mock_step step;
    uint64_t until = 0;

    while ((step = run(s, false, &until)) == MOCK_STEP_WAIT) {
        cr_assert(until > s->now, "time stands still");
        s->now = until;
    }
    return step;
}

static const char *sent(struct stage *s)
{
    mock_bytes_add(&s->sent, "", 1);
    s->sent.len--;
    return s->sent.at ? s->sent.at : "";
}

static const struct {
    const char *name, *method, *spec;
    struct weir_mock_answer answer;
    const char *want;
    enum mock_end end;
} whole[] = {
    {"plain",
     "GET",
     "",
     {.body = BODY},
     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
     "{\"id\":\"a\\\"\"}",
     MOCK_END_KEEP},
    {"HEAD",
     "HEAD",
     "",
     {.body = BODY},
     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n",
     MOCK_END_KEEP},
    {"unknown name stays",
     "GET",
     "",
     {.body = "{no} {"},
     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n{no} {",
     MOCK_END_KEEP},
    {"no type",
     "GET",
     "",
     {.content_type = "", .body = "x"},
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
     MOCK_END_KEEP},
    {"more headers",
     "GET",
     "",
     {.content_type = "", .headers = "A: b\r\n", .body = "x"},
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: b\r\n\r\nx",
     MOCK_END_KEEP},
    {"chunks",
     "GET",
     "",
     {.content_type = "", .body = "12345", .chunk = 2},
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
     "chunked\r\n\r\n2\r\n12\r\n2\r\n34\r\n1\r\n5\r\n0\r\n\r\n",
     MOCK_END_KEEP},
    {"204",
     "GET",
     "",
     {.content_type = "", .status = 204, .body = "x"},
     "HTTP/1.1 204 No Content\r\n\r\n",
     MOCK_END_KEEP},
    {"interim",
     "GET",
     "",
     {.content_type = "", .interim = 103, .body = "x"},
     "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
     MOCK_END_KEEP},
    {"raw", "GET", "", {.raw = "any bytes", .after = WEIR_MOCK_DROP}, "any bytes", MOCK_END_CLOSE},
    {"close",
     "GET",
     "",
     {.content_type = "", .after = WEIR_MOCK_CLOSE},
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
     MOCK_END_CLOSE},
    {"drop",
     "GET",
     "",
     {.content_type = "", .after = WEIR_MOCK_DROP},
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     MOCK_END_CLOSE},
    {"drop later",
     "GET",
     "",
     {.content_type = "", .after = WEIR_MOCK_DROP_REUSED},
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     MOCK_END_DROP_REUSED},
    {"status",
     "GET",
     "status=503",
     {.body = BODY},
     "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 35\r\n"
     "\r\n{\"error\":\"status 503, as scripted\"}",
     MOCK_END_KEEP},
    {"status that delivers",
     "GET",
     "status=201",
     {.content_type = "", .body = "x"},
     "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx",
     MOCK_END_KEEP},
    {"cut",
     "GET",
     "cut",
     {.content_type = "", .body = "123456"},
     "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123",
     MOCK_END_CLOSE},
    {"cut without a body",
     "GET",
     "cut",
     {.content_type = ""},
     "HTTP/1.1 200 OK\r\nCo",
     MOCK_END_CLOSE},
    {"reset", "GET", "reset", {.body = BODY}, "", MOCK_END_RESET},
    {"big",
     "GET",
     "big=20B",
     {.body = " {}"},
     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
     "{\"big\":\"xxxxxxxxxx\"}",
     MOCK_END_KEEP},
    {"big array",
     "GET",
     "big=20B",
     {.body = " []"},
     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
     "[\"xxxxxxxxxxxxxxxx\"]",
     MOCK_END_KEEP},
};

Test(mock_play, whole_answers)
{
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        struct stage s;

        begin(&s, whole[i].method, whole[i].spec, whole[i].answer);
        cr_expect(run_out(&s) == MOCK_STEP_DONE, "%s", whole[i].name);
        cr_expect(strcmp(sent(&s), whole[i].want) == 0, "%s: %s", whole[i].name, sent(&s));
        cr_expect(s.play.end == whole[i].end, "%s: end %d", whole[i].name, s.play.end);
        cr_expect(s.now == START, "%s took time", whole[i].name);
        end(&s);
    }
}

Test(mock_play, a_redirect_points_elsewhere)
{
    struct stage s;

    begin(&s, "GET", "status=302", (struct weir_mock_answer){.body = BODY});
    run_out(&s);
    cr_expect(strstr(sent(&s), "\r\nLocation: /moved\r\n") != NULL, "%s", sent(&s));
    end(&s);
}

Test(mock_play, garbage_is_not_http_and_differs_by_seed_only)
{
    struct stage a, b;

    begin(&a, "GET", "garbage", (struct weir_mock_answer){.body = BODY});
    begin(&b, "GET", "garbage", (struct weir_mock_answer){.body = BODY});
    cr_expect(run_out(&a) == MOCK_STEP_DONE && run_out(&b) == MOCK_STEP_DONE);
    cr_expect(a.play.end == MOCK_END_CLOSE);
    cr_assert(a.sent.len > 100 && a.sent.len == b.sent.len);
    cr_expect(memcmp(a.sent.at, "HTTP", 4) != 0);
    cr_expect(memcmp(a.sent.at, b.sent.at, a.sent.len) == 0);
    end(&a);
    end(&b);
}

Test(mock_play, delays_count_from_arrival)
{
    static const struct {
        const char *name, *spec;
        struct weir_mock_answer answer;
        unsigned head_ms, end_ms;
    } rows[] = {
        {"delay", "delay=40ms", {.body = BODY}, 40, 40},
        {"delay and status", "delay=40ms,status=500", {.body = BODY}, 40, 40},
        {"delay and reset", "reset,delay=40ms", {.body = BODY}, 40, 40},
        {"late head", "", {.body = BODY, .head_after_ms = 300}, 300, 300},
        {"late body", "", {.body = BODY, .body_after_ms = 600}, 0, 600},
        {"both late", "", {.body = BODY, .head_after_ms = 300, .body_after_ms = 600}, 300, 600},
        {"body due before head",
         "",
         {.body = BODY, .head_after_ms = 50, .body_after_ms = 20},
         50,
         50},
        {"drip", "drip=4B/10ms", {.body = BODY}, 0, 30},
        {"delay and drip", "drip=5B/10ms,delay=40ms", {.body = BODY}, 40, 70},
        {"drip of nothing", "drip=5B/10ms", {.body = ""}, 0, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stage s;
        uint64_t until, head_at = 0;
        enum mock_step step;

        begin(&s, "GET", rows[i].spec, rows[i].answer);
        while ((step = run(&s, false, &until)) == MOCK_STEP_WAIT) {
            if (head_at == 0 && s.sent.len > 0)
                head_at = s.now;
            s.now = until;
        }
        if (head_at == 0)
            head_at = s.now;
        cr_expect(step == MOCK_STEP_DONE, "%s: %d", rows[i].name, step);
        cr_expect(head_at == START + rows[i].head_ms * (uint64_t)MS, "%s: head at %llu",
                  rows[i].name, (unsigned long long)(head_at - START) / MS);
        cr_expect(s.now == START + rows[i].end_ms * (uint64_t)MS, "%s: end at %llu", rows[i].name,
                  (unsigned long long)(s.now - START) / MS);
        end(&s);
    }
}

Test(mock_play, a_drip_lets_out_its_piece_and_no_more)
{
    struct stage s;
    uint64_t until;
    size_t before;

    begin(&s, "GET", "drip=1B/100ms", (struct weir_mock_answer){.body = BODY});
    cr_assert(run(&s, false, &until) == MOCK_STEP_WAIT);
    for (int i = 0; i < 5; i++) {
        before = s.sent.len;
        s.now = until - 1;
        cr_assert(run(&s, false, &until) == MOCK_STEP_WAIT);
        cr_expect(s.sent.len == before, "too early");
        s.now = until;
        cr_assert(run(&s, false, &until) == MOCK_STEP_WAIT);
        cr_expect(s.sent.len == before + 1);
        cr_expect(until == s.now + 100 * MS);
    }
    end(&s);
}

Test(mock_play, a_hang_says_nothing_but_an_interim_head_may_go_before)
{
    struct stage s;

    begin(&s, "GET", "hang", (struct weir_mock_answer){.body = BODY});
    cr_expect(run_out(&s) == MOCK_STEP_HANG);
    cr_expect(s.sent.len == 0);
    end(&s);
    begin(&s, "GET", "hang", (struct weir_mock_answer){.body = BODY, .interim = 100});
    cr_expect(run_out(&s) == MOCK_STEP_HANG);
    cr_expect_str_eq(sent(&s), "HTTP/1.1 100 Continue\r\n\r\n");
    end(&s);
}

Test(mock_play, held_until_let_out)
{
    struct stage s;
    uint64_t until;

    begin(&s, "GET", "delay=40ms", (struct weir_mock_answer){.body = BODY});
    cr_expect(run(&s, true, &until) == MOCK_STEP_WAIT);
    s.now = until;
    cr_expect(run(&s, true, &until) == MOCK_STEP_HOLD);
    cr_expect(s.sent.len == 0);
    cr_expect(run(&s, false, &until) == MOCK_STEP_DONE);
    cr_expect(s.sent.len > 0);
    end(&s);
}
