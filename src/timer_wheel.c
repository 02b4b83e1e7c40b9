/*
 * How it works. Time is cut into ticks, and a tick's number into groups of six bits. A timer whose
 * number first differs from the present one in group k lies on level k, in the slot that its own
 * group k names; so all of level k comes before all of level k + 1, and the lowest set bit of the
 * lowest busy level is the next thing to do. When time enters a slot of a higher level its timers
 * are put in again, further down (at most ten times in a timer's life, in practice once or twice).
 *
 * A timer's tick is the first one that begins at or after its moment: a slot fires whole, late by
 * less than a tick and never early.
 */
#include "timer_wheel.h"

#include "chain.h"

#include <string.h>

struct place {
    unsigned level, slot;
    uint64_t tick; /* when time enters the slot */
};

static uint64_t tick_of(const struct timer_wheel *wheel, uint64_t at_ns)
{
    uint64_t whole = at_ns >> wheel->shift;

    return whole + (whole << wheel->shift != at_ns);
}

static uint64_t moment_of(const struct timer_wheel *wheel, uint64_t tick)
{
    return tick > UINT64_MAX >> wheel->shift ? TIMER_WHEEL_NEVER - 1 : tick << wheel->shift;
}

static unsigned level_of(const struct timer_wheel *wheel, uint64_t tick)
{
    return (63u - (unsigned)__builtin_clzll(tick ^ wheel->tick)) / TIMER_WHEEL_BITS;
}

/* Finds the slot that time enters next; false when all are empty. */
static bool next_place(const struct timer_wheel *wheel, struct place *place)
{
    unsigned level, bits;
    uint64_t above;

    for (level = 0; level < TIMER_WHEEL_LEVELS; level++) {
        if (wheel->busy[level] == 0)
            continue;
        bits = level * TIMER_WHEEL_BITS;
        above = (wheel->tick >> bits) & ~(uint64_t)(TIMER_WHEEL_SLOTS - 1);
        place->level = level;
        place->slot = (unsigned)__builtin_ctzll(wheel->busy[level]);
        place->tick = (above | place->slot) << bits;
        return true;
    }
    return false;
}

void timer_wheel_init(struct timer_wheel *wheel, unsigned shift, uint64_t now_ns)
{
    memset(wheel, 0, sizeof(*wheel));
    wheel->shift = shift;
    wheel->tick = now_ns >> shift;
}

uint64_t timer_wheel_add(struct timer_wheel *wheel, struct weir_timer *timer)
{
    uint64_t tick = tick_of(wheel, timer->at_ns);
    unsigned level, slot;

    if (tick <= wheel->tick) {
        CHAIN_PUSH(&wheel->due, timer);
        return 0;
    }
    level = level_of(wheel, tick);
    slot = (unsigned)(tick >> level * TIMER_WHEEL_BITS) & (TIMER_WHEEL_SLOTS - 1);
    CHAIN_PUSH(&wheel->slots[level][slot], timer);
    wheel->busy[level] |= (uint64_t)1 << slot;
    return moment_of(wheel, tick);
}

void timer_wheel_remove(struct timer_wheel *wheel, struct weir_timer *timer)
{
    uintptr_t from = (uintptr_t)timer->pprev, slots = (uintptr_t)wheel->slots;
    size_t index = (from - slots) / sizeof(wheel->slots[0][0]);
    bool last = timer->next == NULL && from >= slots && from < slots + sizeof(wheel->slots);

    CHAIN_UNLINK(timer);
    if (last)
        wheel->busy[index / TIMER_WHEEL_SLOTS] &= ~((uint64_t)1 << index % TIMER_WHEEL_SLOTS);
}

/* Puts the timers of a slot that time has just entered in again; what is due goes to *tail. */
static void cascade(struct timer_wheel *wheel, struct weir_timer **slot, struct weir_timer ***tail)
{
    struct weir_timer *list = NULL, **end = &list, *timer;

    CHAIN_APPEND_REVERSED(&end, slot);
    while ((timer = list) != NULL) {
        CHAIN_UNLINK(timer);
        if (tick_of(wheel, timer->at_ns) > wheel->tick) {
            timer_wheel_add(wheel, timer);
            continue;
        }
        CHAIN_PUSH(*tail, timer);
        *tail = &timer->next;
    }
}

void timer_wheel_take(struct timer_wheel *wheel, uint64_t now_ns, struct weir_timer **list)
{
    uint64_t target = now_ns >> wheel->shift;
    struct weir_timer **tail = list, **slot;
    struct place place;

    CHAIN_APPEND_REVERSED(&tail, &wheel->due);
    while (next_place(wheel, &place) && place.tick <= target) {
        slot = &wheel->slots[place.level][place.slot];
        wheel->busy[place.level] &= ~((uint64_t)1 << place.slot);
        wheel->tick = place.tick;
        if (place.level == 0)
            CHAIN_APPEND_REVERSED(&tail, slot);
        else
            cascade(wheel, slot, &tail);
    }
    if (target > wheel->tick)
        wheel->tick = target;
}

uint64_t timer_wheel_next(const struct timer_wheel *wheel)
{
    struct place place;

    if (wheel->due)
        return 0;
    return next_place(wheel, &place) ? moment_of(wheel, place.tick) : TIMER_WHEEL_NEVER;
}

static void clear_chain(struct weir_timer **head)
{
    struct weir_timer *timer;

    while ((timer = *head) != NULL)
        CHAIN_UNLINK(timer);
}

void timer_wheel_clear(struct timer_wheel *wheel)
{
    unsigned level, slot;

    clear_chain(&wheel->due);
    for (level = 0; level < TIMER_WHEEL_LEVELS; level++) {
        for (slot = 0; slot < TIMER_WHEEL_SLOTS; slot++)
            clear_chain(&wheel->slots[level][slot]);
        wheel->busy[level] = 0;
    }
}
