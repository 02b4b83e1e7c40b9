/* Answers as upstreams send them, good and bad, over a real socket. */
#include "fetch_bench.h"

#define OK_HEAD  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define MAX_BODY 1000

struct answer_case {
    const char *name, *reply;
    enum raw_after after;
    enum weir_status status;
    int http;
    const char *body;
};

static char flood[100000], long_line[300000], big_length[2000], big_chunks[3000];

static const struct answer_case cases[] = {
    {"length", OK_HEAD "Content-Length: 5\r\n\r\nhello", RAW_KEEP, WEIR_OK, 200, "hello"},
    {"chunks", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
     RAW_KEEP, WEIR_OK, 200, "hello"},
    {"trailer",
     OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nContent-Encoding: gzip\r\n\r\n",
     RAW_KEEP, WEIR_OK, 200, "hi"},
    {"until close", OK_HEAD "\r\nhello", RAW_CLOSE, WEIR_OK, 200, "hello"},
    {"1.0", "HTTP/1.0 200 OK\r\n\r\nhello", RAW_CLOSE, WEIR_OK, 200, "hello"},
    {"no body", OK_HEAD "Content-Length: 0\r\n\r\n", RAW_KEEP, WEIR_OK, 200, NULL},
    {"no content", "HTTP/1.1 204 No Content\r\n\r\n", RAW_KEEP, WEIR_OK, 204, NULL},
    {"identity", OK_HEAD "Content-Encoding: Identity\r\nContent-Length: 2\r\n\r\nhi", RAW_KEEP,
     WEIR_OK, 200, "hi"},
    {"two like lengths", OK_HEAD "Content-Length: 2\r\ncontent-length: 2\r\n\r\nhi", RAW_KEEP,
     WEIR_OK, 200, "hi"},
    {"100 first", "HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\nhi", RAW_KEEP,
     WEIR_OK, 200, "hi"},
    {"103 first",
     "HTTP/1.1 103 Early Hints\r\nContent-Encoding: br\r\nLink: <x>\r\n\r\n" OK_HEAD
     "Content-Length: 2\r\n\r\nhi",
     RAW_KEEP, WEIR_OK, 200, "hi"},
    {"extra bytes", OK_HEAD "Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n", RAW_KEEP, WEIR_OK,
     200, "hi"},
    {"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", RAW_KEEP,
     WEIR_BAD_STATUS, 404, "no"},
    {"not found, and long", "HTTP/1.1 404 Not Found\r\nContent-Length: 2000\r\n\r\nno", RAW_KEEP,
     WEIR_BAD_STATUS, 404, NULL},
    {"not found, and packed",
     "HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno", RAW_KEEP,
     WEIR_BAD_STATUS, 404, NULL},
    {"redirect", "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
     RAW_KEEP, WEIR_BAD_STATUS, 302, NULL},
    {"gzip", OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", RAW_KEEP,
     WEIR_HTTP_RESPONSE_CONTENT_CODING, 200, NULL},
    {"gzip transfer", OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n", RAW_KEEP,
     WEIR_HTTP_RESPONSE_CONTENT_CODING, 200, NULL},
    {"garbage", "hello, this is not HTTP\r\n\r\n", RAW_CLOSE, WEIR_HTTP_PROTOCOL_ERROR, 0, NULL},
    {"binary", "\001\002\003\004\005\006\007", RAW_CLOSE, WEIR_HTTP_PROTOCOL_ERROR, 0, NULL},
    {"HTTP/0.9", "<html>old</html>", RAW_CLOSE, WEIR_HTTP_PROTOCOL_ERROR, 0, NULL},
    {"HTTP/2 line", "HTTP/2 200\r\nContent-Length: 0\r\n\r\n", RAW_KEEP, WEIR_HTTP_PROTOCOL_ERROR,
     0, NULL},
    {"no colon", OK_HEAD "nonsense\r\n\r\n", RAW_CLOSE, WEIR_HTTP_PROTOCOL_ERROR, 200, NULL},
    {"switch", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", RAW_KEEP,
     WEIR_HTTP_PROTOCOL_ERROR, 0, NULL},
    {"odd length", OK_HEAD "Content-Length: five\r\n\r\nhello", RAW_KEEP, WEIR_HTTP_PROTOCOL_ERROR,
     200, NULL},
    {"signed length", OK_HEAD "Content-Length: +5\r\n\r\nhello", RAW_KEEP, WEIR_HTTP_PROTOCOL_ERROR,
     200, NULL},
    {"two lengths", OK_HEAD "Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello", RAW_KEEP,
     WEIR_HTTP_PROTOCOL_ERROR, 200, NULL},
    {"length and chunks",
     OK_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", RAW_KEEP,
     WEIR_HTTP_PROTOCOL_ERROR, 200, NULL},
    {"bad chunk", OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", RAW_KEEP,
     WEIR_HTTP_PROTOCOL_ERROR, 200, NULL},
    {"nothing", NULL, RAW_CLOSE, WEIR_CONNECTION_TERMINATED, 0, NULL},
    {"reset", NULL, RAW_RESET, WEIR_CONNECTION_TERMINATED, 0, NULL},
    {"1xx only", "HTTP/1.1 100 Continue\r\n\r\n", RAW_CLOSE, WEIR_CONNECTION_TERMINATED, 0, NULL},
    {"part of a status line", "HTTP/1.1 2", RAW_CLOSE, WEIR_CONNECTION_TERMINATED, 0, NULL},
    {"cut after the status line", "HTTP/1.1 200 OK\r\n", RAW_CLOSE, WEIR_HTTP_RESPONSE_INCOMPLETE,
     200, NULL},
    {"cut in the head", OK_HEAD "Content-Len", RAW_CLOSE, WEIR_HTTP_RESPONSE_INCOMPLETE, 200, NULL},
    {"cut body", OK_HEAD "Content-Length: 10\r\n\r\nhello", RAW_CLOSE,
     WEIR_HTTP_RESPONSE_INCOMPLETE, 200, NULL},
    {"reset body", OK_HEAD "Content-Length: 10\r\n\r\nhello", RAW_RESET,
     WEIR_HTTP_RESPONSE_INCOMPLETE, 200, NULL},
    {"no last chunk", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", RAW_CLOSE,
     WEIR_HTTP_RESPONSE_INCOMPLETE, 200, NULL},
    {"header flood", flood, RAW_KEEP, WEIR_HTTP_RESPONSE_HEADER_SIZE, 200, NULL},
    {"one long line", long_line, RAW_KEEP, WEIR_HTTP_RESPONSE_HEADER_SIZE, 200, NULL},
    {"length over the cap", OK_HEAD "Content-Length: 1001\r\n\r\n", RAW_KEEP,
     WEIR_HTTP_RESPONSE_BODY_SIZE, 200, NULL},
    {"length beyond numbers", OK_HEAD "Content-Length: 99999999999999999999999\r\n\r\n", RAW_KEEP,
     WEIR_HTTP_RESPONSE_BODY_SIZE, 200, NULL},
    {"chunks over the cap", big_chunks, RAW_KEEP, WEIR_HTTP_RESPONSE_BODY_SIZE, 200, NULL},
    {"unframed over the cap", big_length, RAW_KEEP, WEIR_HTTP_RESPONSE_BODY_SIZE, 200, NULL},
};

static void fill_big_ones(void)
{
    size_t at = (size_t)sprintf(flood, OK_HEAD);

    while (at < sizeof(flood) - 100)
        at += (size_t)sprintf(flood + at, "X-Header-%zu: some value that fills a line\r\n", at);
    at = (size_t)sprintf(long_line, OK_HEAD "X-Long: ");
    memset(long_line + at, 'x', sizeof(long_line) - 1 - at);
    at = (size_t)sprintf(big_length, OK_HEAD "\r\n");
    memset(big_length + at, 'x', sizeof(big_length) - 1 - at);
    at = (size_t)sprintf(big_chunks, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n");
    while (at < 2800)
        at += (size_t)sprintf(big_chunks + at, "a\r\n0123456789\r\n");
}

static struct raw_reply reply_case(void *arg, unsigned nth, const char *head)
{
    const struct answer_case *const *now = arg;

    (void)nth, (void)head;
    return (struct raw_reply){(*now)->reply, 0, (*now)->after};
}

Test(fetch_answer, every_answer_ends_as_it_should, .timeout = 60)
{
    const struct answer_case *now = NULL;
    struct raw_server *server = raw_server_new(reply_case, &now);
    struct weir_upstream *upstream;
    struct bench bench;
    size_t i;

    fill_big_ones();
    bench_init(&bench, NULL);
    upstream = bench_upstream(&bench, raw_server_origin(server), MAX_BODY);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fetch_result result;

        now = &cases[i];
        result = bench_get(&bench, upstream);
        cr_expect_str_eq(weir_status_word(result.status), weir_status_word(now->status), "%s: %s",
                         now->name, weir_status_word(result.status));
        cr_expect_eq(result.answer.status, now->http, "%s: status %d", now->name,
                     result.answer.status);
        if (now->body)
            cr_expect(result.answer.body && strcmp(result.answer.body, now->body) == 0 &&
                          result.answer.body_len == strlen(now->body),
                      "%s: body %s", now->name, result.answer.body);
        else
            cr_expect_null(result.answer.body, "%s: has a body", now->name);
        free(result.answer.body);
    }
    weir_upstream_free(upstream);
    bench_done(&bench);
    raw_server_free(server);
}
