/*
 * Intrusive chains: a head pointer and nodes with `next` and `pprev`, where pprev is the address
 * of whatever points at the node, and NULL says that the node is in no chain. Pushing and
 * unlinking are O(1) and need no head; a chain grows at its head, so it reads newest first.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include <stddef.h>

/* Puts the node at the head. */
#define CHAIN_PUSH(head, node)                                                                     \
    do {                                                                                           \
        (node)->next = *(head);                                                                    \
        (node)->pprev = (head);                                                                    \
        if (*(head))                                                                               \
            (*(head))->pprev = &(node)->next;                                                      \
        *(head) = (node);                                                                          \
    } while (0)

/* Takes the node out of the chain it is in. */
#define CHAIN_UNLINK(node)                                                                         \
    do {                                                                                           \
        *(node)->pprev = (node)->next;                                                             \
        if ((node)->next)                                                                          \
            (node)->next->pprev = (node)->pprev;                                                   \
        (node)->next = NULL;                                                                       \
        (node)->pprev = NULL;                                                                      \
    } while (0)

/* Moves a whole chain, oldest node first, behind *tail (the last `next`), and moves *tail on. */
#define CHAIN_APPEND_REVERSED(tail, head)                                                          \
    do {                                                                                           \
        __typeof__(*(head)) chain_node;                                                            \
        __typeof__(*(tail)) chain_at = *(tail);                                                    \
                                                                                                   \
        while ((chain_node = *(head)) != NULL) {                                                   \
            CHAIN_UNLINK(chain_node);                                                              \
            if (!*chain_at)                                                                        \
                *(tail) = &chain_node->next;                                                       \
            CHAIN_PUSH(chain_at, chain_node);                                                      \
        }                                                                                          \
    } while (0)

#endif
