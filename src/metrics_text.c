#include "metrics_text.h"
#include "buf.h"

#include <string.h>

void metrics_text_family(struct buf *out, const char *name, const char *type, const char *help)
{
    const char *const pieces[] = {"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        buf_str(out, pieces[i]);
}

/* A sample up to its value. */
static void begin_sample(struct buf *out, const char *name, const char *suffix, const char *labels)
{
    buf_str(out, name);
    buf_str(out, suffix);
    if (labels[0] != '\0') {
        buf_char(out, '{');
        buf_str(out, labels);
        buf_char(out, '}');
    }
    buf_char(out, ' ');
}

/* A number of seconds without needless zeros: 0.25, 3, 0.000000001. */
static void add_seconds(struct buf *out, uint64_t ns)
{
    uint64_t rest = ns % 1000000000u;
    char decimals[9];
    size_t len = sizeof decimals;

    buf_u64(out, ns / 1000000000u);
    if (rest == 0)
        return;
    for (size_t i = len; i-- > 0; rest /= 10)
        decimals[i] = (char)('0' + rest % 10);
    while (decimals[len - 1] == '0')
        len--;
    buf_char(out, '.');
    buf_add(out, decimals, len);
}

void metrics_text_u64(struct buf *out, const char *name, const char *labels, uint64_t value)
{
    begin_sample(out, name, "", labels);
    buf_u64(out, value);
    buf_char(out, '\n');
}

void metrics_text_seconds(struct buf *out, const char *name, const char *labels, uint64_t ns)
{
    begin_sample(out, name, "", labels);
    add_seconds(out, ns);
    buf_char(out, '\n');
}

void metrics_text_histogram(struct buf *out, const char *name, const char *labels,
                            enum metrics_scale scale, const struct metrics_histogram_sum *sum)
{
    const struct metrics_buckets *buckets = metrics_buckets(scale);
    uint64_t total = 0;

    for (unsigned i = 0; i <= buckets->bounds; i++) {
        total += sum->bucket[i];
        buf_str(out, name);
        buf_str(out, "_bucket{");
        buf_str(out, labels);
        buf_str(out, labels[0] != '\0' ? ",le=\"" : "le=\"");
        buf_str(out, buckets->le[i]);
        buf_str(out, "\"} ");
        buf_u64(out, total);
        buf_char(out, '\n');
    }
    begin_sample(out, name, "_sum", labels);
    add_seconds(out, sum->sum_ns);
    buf_char(out, '\n');
    begin_sample(out, name, "_count", labels);
    buf_u64(out, total);
    buf_char(out, '\n');
}

void metrics_text_label(struct buf *labels, const char *name, const char *value)
{
    if (labels->len > 0)
        buf_char(labels, ',');
    buf_str(labels, name);
    buf_str(labels, "=\"");
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\\' || *at == '"')
            buf_char(labels, '\\');
        if (*at == '\n')
            buf_str(labels, "\\n");
        else
            buf_char(labels, *at);
    }
    buf_char(labels, '"');
}
