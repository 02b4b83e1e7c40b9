/*
 * Whose word about the client's address counts: the list of trusted proxies, and what
 * X-Forwarded-For tells when one of them has sent it. Pure.
 */
#ifndef PROXIES_H
#define PROXIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gate.h"

#define PROXIES_TEXT 48 /* an address as text, with its NUL */

struct config_why;

/* An IPv4 address in the first four bytes, or an IPv6 one. An IPv4-mapped one counts as IPv4. */
struct proxies_address {
    uint8_t bytes[16];
    bool v4;
};

struct proxies_range {
    struct proxies_address first;
    unsigned bits; /* of it that an address must share */
};

struct proxies {
    struct proxies_range *ranges; /* NULL: none is trusted */
    size_t n;
};

/* Reads a comma list of addresses and networks: "10.0.0.0/8, 2001:db8::1"; or says why not and
 * leaves *out untouched. */
bool proxies_read(const char *text, struct proxies *out, struct config_why *why);
void proxies_done(struct proxies *p);

/* Whether an address (as text, without port) is in the list. */
bool proxies_trust(const struct proxies *p, const char *address);

/*
 * The client's address behind a trusted peer, as text into found: the X-Forwarded-For lists are
 * walked from the right, trusted addresses skipped, and the first that is not trusted is the
 * client. Where the walk ends early (an entry that is no address, the end, a hundred hops) it is
 * the last address that was read, at the least the peer.
 */
void proxies_client(const struct proxies *p, const struct gate_head *head, const char *peer,
                    char found[PROXIES_TEXT]);

/* The list to send on: the one that came, when that may be believed, with the peer behind it. Like
 * snprintf it writes what finds room, ends it by NUL, and returns the whole length. */
size_t proxies_forwarded(const struct gate_head *head, bool believed, const char *peer, char *out,
                         size_t size);

#endif
