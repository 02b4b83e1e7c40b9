/* The gate on a head of 400 bytes, against libevent's cutting of the same head into lines. */
#include "bench.h"
#include "gate.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

static const char head_text[] =
    "GET /v1/users/4711 HTTP/1.1\r\n"
    "Host: api.example.net\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    "Accept: application/json\r\n"
    "Accept-Language: sv-SE,sv;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g\r\n"
    "Sec-Fetch-Mode: cors\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

struct input {
    char *bytes; /* on the heap, as long as they are and no longer */
    size_t len;
};

static void with_lines(void *arg, unsigned long n)
{
    const struct input *in = arg;
    struct evbuffer *buffer = evbuffer_new();
    unsigned long lines = 0;

    for (unsigned long i = 0; i < n; i++) {
        char *line;

        evbuffer_add(buffer, in->bytes, in->len);
        while ((line = evbuffer_readln(buffer, NULL, EVBUFFER_EOL_CRLF)) != NULL) {
            lines++;
            free(line);
        }
    }
    bench_must(lines == n * 10, "every line was read");
    evbuffer_free(buffer);
}

static void in_one_piece(void *arg, unsigned long n)
{
    const struct input *in = arg;
    struct gate_refusal refusal;
    static struct gate_head head;

    for (unsigned long i = 0; i < n; i++) {
        size_t scanned = 0, used = 0;

        bench_must(gate_head(in->bytes, bench_any(in->len), 16384, &scanned, &head, &used, &refusal) ==
                       GATE_OK && used == in->len, "the head passes");
        bench_keep(&head);
    }
}

/* In four pieces, as over a slow link. */
static void in_pieces(void *arg, unsigned long n)
{
    const struct input *in = arg;
    struct gate_refusal refusal;
    static struct gate_head head;

    for (unsigned long i = 0; i < n; i++) {
        size_t scanned = 0, used = 0;

        for (size_t part = 1; part < 4; part++)
            bench_must(gate_head(in->bytes, in->len * part / 4, 16384, &scanned, &head, &used,
                                 &refusal) == GATE_MORE, "a part is not enough");
        bench_must(gate_head(in->bytes, in->len, 16384, &scanned, &head, &used, &refusal) == GATE_OK,
                   "the head passes");
        bench_keep(&head);
    }
}

int main(void)
{
    struct input in = {.len = sizeof(head_text) - 1};

    in.bytes = malloc(in.len);
    bench_must(in.bytes != NULL, "memory is there");
    memcpy(in.bytes, head_text, in.len);
    bench_group("a request head of 400 bytes", (struct bench_row[]){
        {"evbuffer_readln of its lines", with_lines, &in, in.len},
        {"gate_head", in_one_piece, &in, in.len},
        {"gate_head, in four pieces", in_pieces, &in, in.len},
    }, 3);
    free(in.bytes);
    return 0;
}
