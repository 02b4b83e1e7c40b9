/*
 * Which lane takes the next transfer. libcurl compares a new transfer with every connection to the
 * host and walks them again when one goes, so no lane may hold many; and new transfers belong where
 * idle connections are. Lanes are numbered, and three bitmaps tell which exist, have room, and have
 * idle connections: the lowest number wins, so the higher ones drain and are freed.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

/*
 * Transfers on one lane. Measured with 2,000 in flight to a hung upstream: from 32 to 128 a start
 * and a cancel cost the same, at 512 a tenth to a third more; a multi handle takes some 40 KiB and
 * two descriptors, which is 2.5 KiB for each transfer at 16, 0.6 KiB at 64.
 */
#define LANE_TRANSFERS 64
/* With TLS each multi parses the trusted certificates for itself: fewer, wider lanes. */
#define LANE_TRANSFERS_TLS 256

static unsigned capacity(const struct engine_origin *origin)
{
    return origin->tls ? LANE_TRANSFERS_TLS : LANE_TRANSFERS;
}

static void set_bit(uint64_t *map, size_t index, bool on)
{
    uint64_t bit = (uint64_t)1 << (index % 64);

    if (on)
        map[index / 64] |= bit;
    else
        map[index / 64] &= ~bit;
}

/* The lowest place whose bit is as asked; false when there is none. */
static bool find_bit(const uint64_t *map, size_t n_words, bool on, size_t *index)
{
    size_t i;

    for (i = 0; i < n_words; i++) {
        uint64_t word = on ? map[i] : ~map[i];

        if (word) {
            *index = i * 64 + (size_t)__builtin_ctzll(word);
            return true;
        }
    }
    return false;
}

void engine_lane_changed(struct engine_lane *lane)
{
    struct engine_origin *origin = lane->origin;
    unsigned transfers = lane->curl.transfers, sockets = lane->curl.sockets;
    bool room = transfers < capacity(origin);

    set_bit(origin->room, lane->index, room);
    set_bit(origin->idle, lane->index, room && sockets > transfers);
    origin->claimed -= lane->claimed;
    lane->claimed = sockets > transfers ? sockets : transfers;
    origin->claimed += lane->claimed;
    if (transfers == 0)
        lane->idle_since_ns = 0; /* the next sweep looks at the clock */
}

/* Doubles the table of lanes. */
static bool grow(struct engine_origin *origin)
{
    size_t words = origin->n_words ? origin->n_words * 2 : 1, old = origin->n_words;
    struct engine_lane **lanes = calloc(words * 64, sizeof(struct engine_lane *));
    uint64_t *maps = calloc(words * 3, sizeof(*maps));

    if (!lanes || !maps) {
        free(lanes);
        free(maps);
        return false;
    }
    if (old) {
        memcpy(lanes, origin->lanes, old * 64 * sizeof(struct engine_lane *));
        memcpy(maps, origin->used, old * sizeof(*maps));
        memcpy(maps + words, origin->room, old * sizeof(*maps));
        memcpy(maps + 2 * words, origin->idle, old * sizeof(*maps));
    }
    free(origin->lanes);
    free(origin->used);
    origin->lanes = lanes;
    origin->used = maps;
    origin->room = maps + words;
    origin->idle = maps + 2 * words;
    origin->n_words = words;
    return true;
}

static struct engine_lane *lane_new(struct engine_origin *origin)
{
    struct engine_lane *lane;
    size_t index;

    if (!find_bit(origin->used, origin->n_words, false, &index)) {
        index = origin->n_words * 64;
        if (!grow(origin))
            return NULL;
    }
    lane = calloc(1, sizeof(*lane));
    if (!lane)
        return NULL;
    lane->origin = origin;
    lane->index = index;
    if (!curl_lane_init(&lane->curl, &origin->engine->curl, 2 * (long)capacity(origin))) {
        free(lane);
        return NULL;
    }
    origin->lanes[index] = lane;
    set_bit(origin->used, index, true);
    engine_lane_changed(lane);
    engine_want_sweep(origin->engine);
    return lane;
}

static void lane_free(struct engine_lane *lane)
{
    struct engine_origin *origin = lane->origin;

    curl_lane_free(&lane->curl);
    origin->claimed -= lane->claimed;
    set_bit(origin->used, lane->index, false);
    set_bit(origin->room, lane->index, false);
    set_bit(origin->idle, lane->index, false);
    origin->lanes[lane->index] = NULL;
    free(lane);
}

enum weir_status engine_lane_for(struct engine_origin *origin, struct engine_lane **out)
{
    struct engine_lane *lane;
    size_t index;

    if (find_bit(origin->idle, origin->n_words, true, &index)) {
        *out = origin->lanes[index];
        return WEIR_OK;
    }
    if (origin->claimed >= origin->engine->max_connections)
        return WEIR_INTERNAL_ERROR;
    if (find_bit(origin->room, origin->n_words, true, &index)) {
        *out = origin->lanes[index];
        return WEIR_OK;
    }
    lane = lane_new(origin);
    if (!lane)
        return WEIR_NO_MEMORY;
    *out = lane;
    return WEIR_OK;
}

bool engine_lanes_trim(struct engine_origin *origin, uint64_t before_ns)
{
    uint64_t now_ns = weir_loop_now(origin->engine->loop);
    bool left = false;
    size_t i;

    for (i = 0; i < origin->n_words * 64; i++) {
        struct engine_lane *lane = origin->lanes[i];

        if (!lane)
            continue;
        if (lane->curl.transfers == 0 && lane->idle_since_ns && lane->idle_since_ns <= before_ns) {
            lane_free(lane);
            continue;
        }
        if (lane->curl.transfers == 0 && !lane->idle_since_ns)
            lane->idle_since_ns = now_ns;
        left = true;
    }
    return left;
}

void engine_lanes_free(struct engine_origin *origin)
{
    size_t i;

    for (i = 0; i < origin->n_words * 64; i++)
        if (origin->lanes[i])
            lane_free(origin->lanes[i]);
    free(origin->lanes);
    free(origin->used);
    origin->lanes = NULL;
    origin->used = origin->room = origin->idle = NULL;
    origin->n_words = 0;
}
