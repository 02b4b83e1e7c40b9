#include "config_builtin.h"

/* The path comes from the build, which also makes this file depend on the document. */
#ifndef WEIR_ROUTES_JSON
#error "WEIR_ROUTES_JSON must name the routes document"
#endif

__asm__(".section .rodata\n"
        ".global config_builtin_begin\n"
        ".hidden config_builtin_begin\n"
        "config_builtin_begin:\n"
        ".incbin \"" WEIR_ROUTES_JSON "\"\n"
        ".global config_builtin_end\n"
        ".hidden config_builtin_end\n"
        "config_builtin_end:\n"
        ".byte 0\n"
        ".previous\n");

/* Labels made by the assembler above: their addresses are all that is used. */
extern const char config_builtin_begin[] __attribute__((visibility("hidden")));
extern const char config_builtin_end[] __attribute__((visibility("hidden")));

const char *config_builtin_routes(size_t *len)
{
    *len = (size_t)(config_builtin_end - config_builtin_begin);
    return config_builtin_begin;
}
