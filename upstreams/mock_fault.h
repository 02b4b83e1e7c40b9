/*
 * A fault as a SPEC describes it, and what it decides for one request: which requests are hit and
 * how long a delay is drawn depend on seed and number alone, so that a run can be repeated.
 */
#ifndef MOCK_FAULT_H
#define MOCK_FAULT_H

#include "mock_units.h"

/* What goes wrong, beside a delay; at most one of them in a SPEC. */
enum mock_fault_kind {
    MOCK_FAULT_NONE,
    MOCK_FAULT_HANG,
    MOCK_FAULT_STATUS,
    MOCK_FAULT_RESET,
    MOCK_FAULT_CUT,
    MOCK_FAULT_DRIP,
    MOCK_FAULT_GARBAGE,
    MOCK_FAULT_BIG,
    MOCK_FAULT_KINDS
};

struct mock_fault {
    enum mock_fault_kind kind;
    unsigned given;      /* which words stood in the SPEC, a bit each */
    int64_t delay_ns;    /* the delay, or the median of a drawn one */
    double sigma;        /* of the logarithm; 0 = always the same delay */
    int status;          /* of MOCK_FAULT_STATUS */
    uint64_t size;       /* of MOCK_FAULT_BIG, or of a piece of MOCK_FAULT_DRIP */
    int64_t interval_ns; /* between pieces of MOCK_FAULT_DRIP */
    double rate;         /* share of requests hit, 1 = all */
};

/* The fault of one request: kind NONE without a delay when it is not hit. */
struct mock_hit {
    enum mock_fault_kind kind;
    int64_t delay_ns;
    int status;
    uint64_t size;
    int64_t interval_ns;
    uint64_t noise; /* for bytes that are to be arbitrary */
};

/* Reads a SPEC. False with a sentence in why when it is not one; *out is untouched then. */
bool mock_fault_parse(struct mock_text spec, struct mock_fault *out, struct mock_why why);

/* What the fault does to request number index (from 0) of an upstream with this seed. */
struct mock_hit mock_fault_draw(const struct mock_fault *fault, uint64_t seed, uint64_t index);

/* A seed for a name, so that upstreams under one seed do not stumble together. */
uint64_t mock_fault_seed(uint64_t seed, const char *name);

#endif
