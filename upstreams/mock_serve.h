/* Decides what a request gets: a route's answer with its fault, the control endpoint's, a refusal.
 */
#ifndef MOCK_SERVE_H
#define MOCK_SERVE_H

#include "mock_conn.h"

/* Begins the play of the next request in the input. False when it is not there yet; *ok turns false
 * when memory is out. */
bool mock_serve_next(struct mock_conn *c, bool *ok);

#endif
