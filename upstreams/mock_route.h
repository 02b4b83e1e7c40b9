/* The answers of a server by path: each route holds one or several, taken in turn. */
#ifndef MOCK_ROUTE_H
#define MOCK_ROUTE_H

#include "mock_http.h"

#include <sys/queue.h>
#include <weir/mock.h>

struct mock_route;
TAILQ_HEAD(mock_routes, mock_route);

/* Sets the answer of a pattern, or adds one more to those it has. Everything is copied. */
enum weir_status mock_route_set(struct mock_routes *routes, const char *pattern,
                                const struct weir_mock_answer *answer);
enum weir_status mock_route_then(struct mock_routes *routes, const char *pattern,
                                 const struct weir_mock_answer *answer);
/* The answer for the next request of a path, which may point into it by params; never NULL: without
 * a route it is the 404. Valid until the route changes. */
const struct weir_mock_answer *mock_route_take(struct mock_routes *routes, struct mock_text path,
                                               struct mock_params *params);
void mock_route_free_all(struct mock_routes *routes);

#endif
