/* The system's lookup, as text that curl takes. */
#include "resolve_system.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>

/* Appends one address; false when there is no more room. Scoped IPv6 addresses are left out: curl
 * cannot be given their scope. */
static bool append_address(const struct sockaddr *address, char *text, size_t size, size_t *len)
{
    const struct sockaddr_in6 *v6 = (const void *)address;
    const struct sockaddr_in *v4 = (const void *)address;
    char one[INET6_ADDRSTRLEN + 3];
    size_t n;

    if (address->sa_family == AF_INET6) {
        if (v6->sin6_scope_id != 0)
            return true;
        one[0] = '[';
        inet_ntop(AF_INET6, &v6->sin6_addr, one + 1, INET6_ADDRSTRLEN);
        strcat(one, "]");
    } else if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, one, INET_ADDRSTRLEN);
    } else {
        return true;
    }
    n = strlen(one);
    if (*len + n + 2 > size)
        return false;
    if (*len > 0)
        text[(*len)++] = ',';
    memcpy(text + *len, one, n + 1);
    *len += n;
    return true;
}

int resolve_system_lookup(const char *host, char *text, size_t size)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const struct addrinfo *one;
    size_t len = 0;
    int error = getaddrinfo(host, NULL, &hints, &found);

    if (error != 0)
        return error;
    for (one = found; one; one = one->ai_next)
        if (!append_address(one->ai_addr, text, size, &len))
            break;
    freeaddrinfo(found);
    return len > 0 ? 0 : EAI_NONAME;
}
