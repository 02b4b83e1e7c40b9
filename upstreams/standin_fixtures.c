#include "standin_fixtures.h"

/* Puts a file into the program, between two symbols of its name. */
#define EMBED(name)                                                                                \
    __asm__(".pushsection .rodata\n"                                                               \
            ".local standin_" #name "_json\n"                                                      \
            ".local standin_" #name "_end\n"                                                       \
            "standin_" #name "_json:\n"                                                            \
            ".incbin \"" WEIR_UPSTREAMS_DIR "/" #name ".json\"\n"                                  \
            "standin_" #name "_end:\n"                                                             \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern const char standin_##name##_json[], standin_##name##_end[]

EMBED(profile);
EMBED(preferences);
EMBED(activity);

#define ROW(name, env, port)                                                                       \
    {                                                                                              \
#name, "/users/{id}/" #name, env, port, standin_##name##_json,                             \
            (size_t)(standin_##name##_end - standin_##name##_json)                                 \
    }

struct standin_fixture standin_fixtures_get(unsigned i)
{
    const struct standin_fixture fixtures[STANDIN_UPSTREAMS] = {
        ROW(profile, "STANDIN_PROFILE", 9101),
        ROW(preferences, "STANDIN_PREFERENCES", 9102),
        ROW(activity, "STANDIN_ACTIVITY", 9103),
    };

    return fixtures[i];
}
