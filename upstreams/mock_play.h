/*
 * How one answer is played: which bytes, when, and how it ends. Plain data and pure functions; the
 * connection sends what is due and asks for the next step.
 */
#ifndef MOCK_PLAY_H
#define MOCK_PLAY_H

#include "mock_fault.h"
#include "mock_http.h"

#include <weir/mock.h>

#define MOCK_PLAY_NEVER UINT64_MAX

enum mock_end {
    MOCK_END_KEEP,        /* the connection waits for the next request */
    MOCK_END_CLOSE,       /* it is closed */
    MOCK_END_RESET,       /* it is reset */
    MOCK_END_DROP_REUSED, /* it is closed when the next request comes */
};

/*
 * MOCK_STAGE_DUE ──due_ns──→ HOLD ──let out──→ BODY ──all sent──→ done
 * Only an interim head may go before HOLD is left. A body that is late or drips is held back by
 * limit.
 */
enum mock_stage { MOCK_STAGE_DUE, MOCK_STAGE_HOLD, MOCK_STAGE_BODY };

struct mock_play {
    struct mock_bytes out; /* interim head, head and body, or what stands in their place */
    size_t interim_len;    /* the interim head ends here */
    size_t head_len;       /* the head ends here */
    uint64_t fill;         /* this many letters follow out, then tail */
    const char *tail;
    uint64_t total, pos, limit; /* all bytes; sent so far; may be sent now */
    enum mock_stage stage;
    uint64_t due_ns;     /* when the head may go */
    uint64_t body_ns;    /* when the body, or its next piece, may go */
    uint64_t piece;      /* bytes that drip at a time, 0 = all */
    int64_t interval_ns; /* between pieces */
    enum mock_end end;
};

/* What a play is made of. */
struct mock_request {
    const struct mock_head *head;
    const struct weir_mock_answer *answer;
    const struct mock_params *params;
    const struct mock_hit *hit; /* NULL = no fault */
    uint64_t arrived_ns;
    struct mock_bytes *scratch;
};

/* Makes ready the answer of a request, reusing the memory of the one before. False: out of memory.
 */
bool mock_play_begin(struct mock_play *play, const struct mock_request *request);

enum mock_step {
    MOCK_STEP_SEND, /* there are bytes to send */
    MOCK_STEP_WAIT, /* nothing before *until_ns */
    MOCK_STEP_HANG, /* nothing, ever */
    MOCK_STEP_HOLD, /* nothing before somebody lets it out */
    MOCK_STEP_DONE,
};
/* What comes next. While hold is true an answer that is ready is not let out. */
enum mock_step mock_play_step(struct mock_play *play, uint64_t now_ns, bool hold,
                              uint64_t *until_ns);
/* The bytes to send now; at least one after MOCK_STEP_SEND. */
struct mock_text mock_play_bytes(const struct mock_play *play);
void mock_play_sent(struct mock_play *play, size_t len);
void mock_play_done(struct mock_play *play);

#endif
