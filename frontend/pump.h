/* A connection by way of a thread of its own, which buffers what is sent: for a library whose
 * writing waits until all is taken. Whoever writes to the inner socket waits for memory only, never
 * for the network. */
#ifndef FRONTEND_PUMP_H
#define FRONTEND_PUMP_H

#include <stdbool.h>

struct pump;

/* Takes over a connected socket. NULL: the host refuses; then the socket is closed. */
struct pump *pump_start(int outer);
/* The end for the library, which closes it. */
int pump_inner(const struct pump *p);
/* Has what was written gone out, but for what the host's network may well hold? */
bool pump_is_empty(const struct pump *p);
/* Ends the connection; what is left goes out as far as that needs no waiting. */
void pump_stop(struct pump *p);

#endif
