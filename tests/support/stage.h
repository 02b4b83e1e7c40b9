/* Scratch files, programs that run to their end, and weir with a routes document of the test's own.
 */
#ifndef STAGE_H
#define STAGE_H

#include "trio.h"

#include <cjson/cJSON.h>

/* A folder of its own under /tmp. */
struct scratch {
    char folder[32];
};
void scratch_make(struct scratch *s);
/* Writes a file there, anew when it exists; its path goes to path (of 64 bytes). */
void scratch_write(const struct scratch *s, const char *name, const char *text, char *path);
/* Removes the folder with all its files. */
void scratch_remove(const struct scratch *s);

/* Runs a program with exactly these settings and arguments (each ended by NULL) until it ends; its
 * output, both streams, is to be freed. The exit status, or -1 when it does not end. */
int program_run(const char *program, const char *const *env, const char *const *arguments,
                char **output);

/* The trio's mocks, with a weir that has this document. */
struct stage {
    struct scratch scratch;
    char file[64], setting[128]; /* the document's path, and "WEIR_ROUTES_FILE=path" */
    struct trio trio;
};
void stage_start(struct stage *s, const char *document, const char *const *settings);
void stage_stop(struct stage *s);
/* Writes another document, for a reload. */
void stage_write(struct stage *s, const char *document);

/* A GET that must bring a whole answer; extra header lines (each with CR LF) or NULL. */
void stage_get(struct stage *s, const char *path, const char *headers, struct response *r);
/* Any bytes on a connection of their own, and the answer that must come. */
void stage_say(const struct weir *w, const char *bytes, struct response *r);
/* The last request that a mock has seen; fails the test when there is none. */
struct weir_mock_request stage_last(struct weir_mock *m);
/* How many header lines of that name a request has. */
unsigned stage_count_header(const struct weir_mock_request *q, const char *name);

/* The answer's body as JSON, which it must be to its last byte. To be deleted. */
cJSON *response_json(const struct response *r);
/* The names of an object's members, in order: "a,b,c". */
void expect_members(const cJSON *object, const char *names, const char *what);
/* The text of a string member, "" when there is none. */
const char *member_text(const cJSON *object, const char *name);

#endif
