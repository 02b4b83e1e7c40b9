/* The control endpoint of a port: PUT, GET and DELETE /_fault, GET /_stats. */
#ifndef MOCK_CONTROL_H
#define MOCK_CONTROL_H

#include "mock_http.h"
#include "mock_port.h"

/* Whether this request is one for the control endpoint. */
bool mock_control_wants(const struct mock_port *port, const struct mock_head *head);
/* Does what the request asks; the answer is valid until the next call on the same engine. */
void mock_control_do(struct mock_port *port, const struct mock_head *head, struct mock_text body,
                     struct weir_mock_answer *answer);

#endif
