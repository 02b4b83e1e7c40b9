#include "stage.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void scratch_make(struct scratch *s)
{
    strcpy(s->folder, "/tmp/weir-test-XXXXXX");
    cr_assert(mkdtemp(s->folder) != NULL);
}

void scratch_write(const struct scratch *s, const char *name, const char *text, char *path)
{
    FILE *f;

    snprintf(path, 64, "%s/%s", s->folder, name);
    f = fopen(path, "we");
    cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0, "%s", path);
}

void scratch_remove(const struct scratch *s)
{
    DIR *dir = opendir(s->folder);
    struct dirent *e;
    char path[512];

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", s->folder, e->d_name);
        unlink(path);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(s->folder);
}

int program_run(const char *program, const char *const *env, const char *const *arguments,
                char **output)
{
    struct process *p = process_start(program, env, arguments);
    int status = process_wait_exit(p, 20000);

    *output = process_output(p);
    process_free(p);
    return status;
}

void stage_start(struct stage *s, const char *document, const char *const *settings)
{
    const char *all[40] = {s->setting};
    size_t n = 1;

    scratch_make(&s->scratch);
    stage_write(s, document);
    snprintf(s->setting, sizeof(s->setting), "WEIR_ROUTES_FILE=%s", s->file);
    for (; settings != NULL && *settings != NULL && n < 39; settings++)
        all[n++] = *settings;
    all[n] = NULL;
    trio_start(&s->trio, all);
}

void stage_write(struct stage *s, const char *document)
{
    scratch_write(&s->scratch, "routes.json", document, s->file);
}

void stage_stop(struct stage *s)
{
    trio_stop(&s->trio);
    scratch_remove(&s->scratch);
}

void stage_get(struct stage *s, const char *path, const char *headers, struct response *r)
{
    cr_assert(client_get(s->trio.weir.port, path, headers, r, 10000), "%s: no answer", path);
}

void stage_say(const struct weir *w, const char *bytes, struct response *r)
{
    int fd = client_connect(w->port);

    cr_assert(fd >= 0 && client_say(fd, bytes));
    cr_assert(client_read(fd, r, 10000, strncmp(bytes, "HEAD ", 5) == 0), "no answer to %s", bytes);
    close(fd);
}

struct weir_mock_request stage_last(struct weir_mock *m)
{
    struct weir_mock_request q = {0};
    struct weir_mock_stats stats;

    weir_mock_stats(m, &stats);
    cr_assert(stats.requests > 0 && weir_mock_request(m, stats.requests - 1, &q));
    return q;
}

unsigned stage_count_header(const struct weir_mock_request *q, const char *name)
{
    unsigned n = 0;

    for (const char *p = q->head; (p = strstr(p, "\r\n")) != NULL;) {
        p += 2;
        n += strncasecmp(p, name, strlen(name)) == 0 && p[strlen(name)] == ':';
    }
    return n;
}

cJSON *response_json(const struct response *r)
{
    cJSON *doc = cJSON_ParseWithLengthOpts(r->body, r->body_len + 1, NULL, 1);

    cr_assert(doc != NULL, "not JSON: %s", r->body);
    return doc;
}

void expect_members(const cJSON *object, const char *names, const char *what)
{
    char found[512] = "";

    for (const cJSON *m = object ? object->child : NULL; m != NULL; m = m->next) {
        strncat(found, m->string, sizeof(found) - strlen(found) - 2);
        strcat(found, m->next ? "," : "");
    }
    cr_expect_str_eq(found, names, "%s: members %s", what, found);
}

const char *member_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text ? text : "";
}
