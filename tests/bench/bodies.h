/* Texts to measure with: answers as APIs give them, made by the same words every time. */
#ifndef BODIES_H
#define BODIES_H

#include "buf.h"

/* An array of so many entries as an activity feed has them: ids of 64 bits, dates, some text. */
static inline void bodies_feed(struct buf *b, size_t entries)
{
    buf_char(b, '[');
    for (size_t i = 0; i < entries; i++) {
        buf_str(b, i ? ",{\"id\":" : "{\"id\":");
        buf_u64(b, 9223372036854775807u - i);
        buf_str(b, ",\"type\":\"purchase\",\"at\":\"2026-03-14T18:02:11.120Z\",\"amount\":129.90,"
                   "\"currency\":\"SEK\",\"merchant\":\"Bageri \xc3\x96stra\",\"paid\":true,"
                   "\"note\":null,\"lines\":[{\"sku\":\"SKI-190\",\"n\":1},{\"sku\":\"WAX-7\",\"n\":2}]}");
    }
    buf_char(b, ']');
}

/* The same with an indentation of two, as people like to read it. */
static inline void bodies_indented(struct buf *b, size_t entries)
{
    buf_str(b, "[");
    for (size_t i = 0; i < entries; i++) {
        buf_str(b, i ? ",\n  {\n    \"id\": " : "\n  {\n    \"id\": ");
        buf_u64(b, 9223372036854775807u - i);
        buf_str(b, ",\n    \"type\": \"purchase\",\n    \"at\": \"2026-03-14T18:02:11.120Z\",\n"
                   "    \"amount\": 129.90,\n    \"address\": {\n      \"city\": \"Stockholm\",\n"
                   "      \"position\": [\n        59.3148,\n        18.0723\n      ]\n    }\n  }");
    }
    buf_str(b, "\n]\n");
}

/* Long strings: prose, escapes, letters that are not ASCII. */
static inline void bodies_prose(struct buf *b, size_t entries)
{
    buf_char(b, '[');
    for (size_t i = 0; i < entries; i++) {
        buf_str(b, i ? ",{\"text\":\"" : "{\"text\":\"");
        buf_str(b, "She had climbed since she was nine, first the boulders behind the school, later "
                   "whatever stood in the way between home and work; \\\"a wall\\\", she used to say, "
                   "\\\"is a door that has not made up its mind\\\".\\nBageriet p\xc3\xa5 "
                   "G\xc3\xb6tgatan \xc3\xb6ppnar klockan sju. \xe9\x9d\x92\xe6\x9c\xa8 \\u2014 done.\"}");
    }
    buf_char(b, ']');
}

/* Numbers and little else. */
static inline void bodies_numbers(struct buf *b, size_t entries)
{
    buf_char(b, '[');
    for (size_t i = 0; i < entries; i++) {
        if (i)
            buf_char(b, ',');
        buf_u64(b, i * 2654435761u % 100000);
        buf_str(b, ".5");
    }
    buf_char(b, ']');
}

#endif
