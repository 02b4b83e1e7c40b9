#include "load_options.h"

#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: load [OPTION]... HOST PORT PATH\n"
    "\n"
    "Asks for PATH, {id} replaced by a number, at a constant rate whatever the answers do (open\n"
    "loop), and counts each one's time from the moment it was due. Prints one JSON object.\n"
    "\n"
    "  --rate R            requests a second\n"
    "  --connections N     instead of a rate: N clients that ask again when answered (closed "
    "loop)\n"
    "  --seconds S         how long is measured (5)\n"
    "  --warmup S          the same load before that, not measured (1)\n"
    "  --timeout S         an answer later than this is lost (10)\n"
    "  --leave SHARE       of all clients, 0 to 1, leave before they are answered ...\n"
    "  --leave-after S     ... so long after they asked (0.02)\n"
    "  --json              check that each body is JSON\n"
    "  --progress          write on stderr how it goes: seconds, sent, answered, in flight\n";

enum kind { KIND_NUMBER, KIND_TIME, KIND_COUNT, KIND_FLAG };

static const struct row {
    const char *name;
    enum kind kind;
    double min, max;
    size_t at;
} rows[] = {
#define AT(member) offsetof(struct load_options, member)
    {"rate", KIND_NUMBER, 0.1, 1e6, AT(rate)},
    {"connections", KIND_COUNT, 1, 10000, AT(connections)},
    {"seconds", KIND_TIME, 0.01, 86400, AT(seconds_ns)},
    {"warmup", KIND_TIME, 0, 86400, AT(warmup_ns)},
    {"timeout", KIND_TIME, 0.01, 86400, AT(timeout_ns)},
    {"leave", KIND_NUMBER, 0, 1, AT(leave_share)},
    {"leave-after", KIND_TIME, 0, 86400, AT(leave_ns)},
    {"json", KIND_FLAG, 0, 0, AT(json)},
    {"progress", KIND_FLAG, 0, 0, AT(progress)},
#undef AT
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Puts one option's value in its place. */
static bool set(struct load_options *out, const struct row *row, const char *text)
{
    void *place = (char *)out + row->at;
    double number = 1;
    char *end = NULL;

    if (row->kind != KIND_FLAG) {
        number = strtod(text, &end);
        if (end == text || *end != '\0' || !(number >= row->min && number <= row->max)) {
            fprintf(stderr, "load: --%s: \"%s\" is not a number from %g to %g\n", row->name, text,
                    row->min, row->max);
            return false;
        }
    }
    switch (row->kind) {
    case KIND_NUMBER:
        *(double *)place = number;
        break;
    case KIND_TIME:
        *(uint64_t *)place = (uint64_t)llround(number * 1e9);
        break;
    case KIND_COUNT:
        *(unsigned *)place = (unsigned)number;
        break;
    case KIND_FLAG:
        *(bool *)place = true;
        break;
    }
    return true;
}

bool load_options_read(int argc, char **argv, struct load_options *out)
{
    struct option longs[ROWS + 1] = {{0}};
    int i, found;

    *out = (struct load_options){.seconds_ns = 5000000000u,
                                 .warmup_ns = 1000000000u,
                                 .timeout_ns = 10000000000u,
                                 .leave_ns = 20000000u};
    for (i = 0; i < (int)ROWS; i++)
        longs[i] = (struct option){rows[i].name, rows[i].kind != KIND_FLAG, NULL, i + 1};
    while ((found = getopt_long(argc, argv, "", longs, NULL)) != -1)
        if (found == '?' || !set(out, &rows[found - 1], optarg))
            return false;
    if (argc - optind != 3 || (out->rate > 0) == (out->connections > 0)) {
        fputs(usage, stderr);
        return false;
    }
    out->host = argv[optind];
    out->port = argv[optind + 1];
    out->path = argv[optind + 2];
    if (strlen(out->path) > 512 || strlen(out->host) > 255) {
        fputs("load: HOST or PATH is too long\n", stderr);
        return false;
    }
    return true;
}
