/*
 * How many requests one turn of the loop begins. Pure.
 *
 * A turn that begins all that wait starts their calls before it looks at a single answer, so no
 * connection is free again and each call opens its own. That makes the turn longer, so more wait at
 * the next: a loop that has fallen behind would never catch up. Beginning a few and then looking at
 * the answers keeps the connections few and finishes first what is under way.
 *
 * What is left is reported again by the next poll, which costs a hundredth of a new connection. A
 * turn begins at least a sixteenth of what the last one left, so that a request is reported some
 * sixteen times at most, however many wait.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>

struct quota { /* all 0 at first */
    unsigned taken, left, last_left;
};

/* Whether one more may begin in this turn; true for the first one of a turn, always. */
bool quota_take(struct quota *quota);
/* The next turn. */
void quota_renew(struct quota *quota);

#endif
