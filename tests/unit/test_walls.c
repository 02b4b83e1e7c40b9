/*
 * The walls of the house, read from the source tree: which files may see which library, how large a
 * file may be, and that no header leads back to itself.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <glob.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 512, NAME_BYTES = 128 };

struct file {
    char path[NAME_BYTES]; /* from the root of the tree, e.g. src/buf.h */
    char *text;            /* without comments; the lines are still there */
    unsigned lines;
};

static struct file files[FILES_MAX];
static size_t file_count;

/* Blanks comments, lines kept, so that words in them count for nothing. */
static void blank_comments(char *text)
{
    for (char *at = text; (at = strstr(at, "/*")) != NULL;) {
        char *end = strstr(at + 2, "*/");

        for (; at < (end != NULL ? end + 2 : at + strlen(at)); at++)
            if (*at != '\n')
                *at = ' ';
    }
}

static void load(const char *full, const char *root)
{
    struct file *f = &files[file_count++];
    FILE *in = fopen(full, "r");
    long size;

    cr_assert(in != NULL && file_count < FILES_MAX, "%s", full);
    fseek(in, 0, SEEK_END);
    size = ftell(in);
    rewind(in);
    f->text = calloc(1, (size_t)size + 1);
    cr_assert_not_null(f->text);
    cr_assert_eq(fread(f->text, 1, (size_t)size, in), (size_t)size, "%s", full);
    fclose(in);
    snprintf(f->path, sizeof f->path, "%s", full + strlen(root) + 1);
    for (const char *at = f->text; *at != '\0'; at++)
        f->lines += *at == '\n';
    blank_comments(f->text);
}

static void set_up(void)
{
    static const char *const patterns[] = {"src/*.[ch]", "upstreams/*.[ch]", "include/weir/*.h"};

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        char pattern[4096];
        glob_t found;

        snprintf(pattern, sizeof pattern, "%s/%s", WEIR_SOURCE_DIR, patterns[i]);
        cr_assert_eq(glob(pattern, 0, NULL, &found), 0, "%s", pattern);
        for (size_t k = 0; k < found.gl_pathc; k++)
            load(found.gl_pathv[k], WEIR_SOURCE_DIR);
        globfree(&found);
    }
    cr_assert(file_count > 40, "only %zu files found", file_count);
}

static void tear_down(void)
{
    for (size_t i = 0; i < file_count; i++)
        free(files[i].text);
}

TestSuite(walls, .init = set_up, .fini = tear_down, .timeout = 60);

static bool starts_with(const char *s, const char *start)
{
    return strncmp(s, start, strlen(start)) == 0;
}

static bool is_header(const struct file *f)
{
    return f->path[strlen(f->path) - 1] == 'h';
}

/* The next file that is included, from *at on; false at the end. */
static bool next_include(const char **at, char name[NAME_BYTES])
{
    for (const char *line = *at; line != NULL && *line != '\0';) {
        const char *next = strchr(line, '\n');

        *at = next != NULL ? next + 1 : line + strlen(line);
        if (sscanf(line, " # include %*[<\"]%127[^>\"\n]", name) == 1)
            return true;
        line = *at;
    }
    return false;
}

/* Whether a path is one of a list of beginnings. */
static bool within(const char *path, const char *const *beginnings)
{
    for (; *beginnings != NULL; beginnings++)
        if (starts_with(path, *beginnings))
            return true;
    return false;
}

/* A library: how its headers begin, how its types look in C, who may see it. */
struct wall {
    const char *headers, *types;
    const char *behind[4];
};

static const struct wall walls[] = {
    {"event2/http", "(^|[^a-zA-Z0-9_])evhttp_?[a-z_]*", {"src/listen", "src/reply"}},
    {"curl/",
     "(^|[^a-zA-Z0-9_])CURL(M|U|SH|code|Mcode|Ucode)?([^a-zA-Z0-9_]|$)",
     {"src/fetch", "src/curl_loop", "src/engine"}},
    {"cjson/", "(^|[^a-zA-Z0-9_])cJSON", {"src/config", "src/problem"}},
};

Test(walls, each_library_is_seen_by_its_own_modules_only)
{
    for (size_t w = 0; w < sizeof walls / sizeof walls[0]; w++) {
        unsigned seen = 0;

        for (size_t i = 0; i < file_count; i++) {
            const char *at = files[i].text;
            char name[NAME_BYTES];

            while (next_include(&at, name)) {
                bool inside = within(files[i].path, walls[w].behind);

                if (!starts_with(name, walls[w].headers))
                    continue;
                seen++;
                cr_expect(inside, "%s includes <%s>", files[i].path, name);
            }
        }
        cr_expect(seen > 0, "nobody includes <%s...>: is the wall's name right?", walls[w].headers);
    }
}

Test(walls, no_header_outside_shows_a_librarys_types)
{
    for (size_t w = 0; w < sizeof walls / sizeof walls[0]; w++) {
        regex_t types;

        cr_assert_eq(regcomp(&types, walls[w].types, REG_EXTENDED | REG_NEWLINE), 0);
        for (size_t i = 0; i < file_count; i++) {
            regmatch_t match;

            if (!is_header(&files[i]) || within(files[i].path, walls[w].behind))
                continue;
            if (regexec(&types, files[i].text, 1, &match, 0) == 0)
                cr_expect_fail("%s shows %.*s", files[i].path, (int)(match.rm_eo - match.rm_so),
                               files[i].text + match.rm_so);
        }
        regfree(&types);
    }
}

Test(walls, headers_of_src_include_no_third_party_outside_their_wall)
{
    static const char *const third_party[] = {"event2/", "curl/", "cjson/", "criterion/", NULL};
    static const char *const behind[] = {"src/listen", "src/reply", "src/curl_loop", "src/fetch",
                                         NULL};

    for (size_t i = 0; i < file_count; i++) {
        const char *at = files[i].text;
        char name[NAME_BYTES];

        while (is_header(&files[i]) && starts_with(files[i].path, "src/") &&
               next_include(&at, name))
            cr_expect(!within(name, third_party) || within(files[i].path, behind),
                      "%s includes <%s>", files[i].path, name);
    }
}

Test(walls, public_headers_need_only_the_standard_and_each_other)
{
    static const char *const allowed[] = {"weir/",    "stdbool.h", "stddef.h",
                                          "stdint.h", "stdarg.h",  NULL};

    for (size_t i = 0; i < file_count; i++) {
        const char *at = files[i].text;
        char name[NAME_BYTES];

        while (starts_with(files[i].path, "include/") && next_include(&at, name))
            cr_expect(within(name, allowed), "%s includes <%s>", files[i].path, name);
    }
}

/* ---- shape ---- */

Test(walls, files_stay_readable_in_one_sitting)
{
    static const struct {
        const char *path, *end;
        unsigned most;
    } limits[] = {
        {"src/config.h", ".h", 130}, {"src/listen_conn.h", ".h", 115}, /* structs */
        {"src/engine.h", ".h", 110}, {"src/", ".h", 80},
        {"src/", ".c", 400},         {"upstreams/", ".h", 400},
        {"upstreams/", ".c", 400},
    };

    for (size_t i = 0; i < file_count; i++) {
        const char *path = files[i].path;

        for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
            if (!starts_with(path, limits[k].path) || !strstr(path, limits[k].end))
                continue;
            cr_expect(files[i].lines <= limits[k].most, "%s has %u lines, more than %u", path,
                      files[i].lines, limits[k].most);
            break;
        }
    }
}

/* The guard of src/log_ring.h is LOG_RING_H, that of include/weir/status.h WEIR_STATUS_H. */
static void guard_of(const struct file *f, char guard[NAME_BYTES])
{
    const char *name = strrchr(f->path, '/') + 1;
    const char *prefix = starts_with(f->path, "include/weir/") ? "WEIR_" : "";

    snprintf(guard, NAME_BYTES, "%s%s", prefix, name);
    for (char *at = guard; *at != '\0'; at++)
        *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
}

Test(walls, every_header_is_guarded_by_its_own_name)
{
    for (size_t i = 0; i < file_count; i++) {
        char guard[NAME_BYTES], first[NAME_BYTES] = "", second[NAME_BYTES] = "";
        const char *last;

        if (!is_header(&files[i]))
            continue;
        guard_of(&files[i], guard);
        sscanf(files[i].text, " #ifndef %127s #define %127s", first, second);
        cr_expect_str_eq(first, guard, "%s", files[i].path);
        cr_expect_str_eq(second, guard, "%s", files[i].path);
        last = strrchr(files[i].text, '#');
        cr_expect(last != NULL && starts_with(last, "#endif"), "%s", files[i].path);
    }
}

/* ---- circles ---- */

static const struct file *file_at(const char *directory, const char *name)
{
    char path[2 * NAME_BYTES];

    snprintf(path, sizeof path, "%s%s", directory, name);
    for (size_t i = 0; i < file_count; i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    return NULL;
}

/* The file of our own that an include names. */
static const struct file *included(const char *name)
{
    static const char *const directories[] = {"src/", "upstreams/", "include/"};
    const struct file *f = NULL;

    for (size_t i = 0; f == NULL && i < sizeof directories / sizeof directories[0]; i++)
        f = file_at(directories[i], name);
    return f;
}

/* Marks every file that includes lead to. */
static void follow(const struct file *from, bool reached[FILES_MAX])
{
    const char *at = from->text;
    char name[NAME_BYTES];

    while (next_include(&at, name)) {
        const struct file *next = included(name);

        if (next == NULL || reached[next - files])
            continue;
        reached[next - files] = true;
        follow(next, reached);
    }
}

Test(walls, no_header_leads_back_to_itself)
{
    for (size_t i = 0; i < file_count; i++) {
        bool reached[FILES_MAX] = {false};

        follow(&files[i], reached);
        cr_expect(!reached[i], "%s", files[i].path);
    }
}

/* An include of our own headers must name one that exists, by its bare name. */
Test(walls, quoted_includes_name_files_of_the_tree)
{
    for (size_t i = 0; i < file_count; i++) {
        const char *at = files[i].text;

        while ((at = strstr(at, "#include \"")) != NULL) {
            char name[NAME_BYTES] = "";

            sscanf(at, "#include \"%127[^\"\n]", name);
            cr_expect(included(name) != NULL, "%s includes \"%s\"", files[i].path, name);
            at++;
        }
    }
}
