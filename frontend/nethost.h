/* The host's side of the machine's networks while it runs: libslirp behind each of them, and files
 * with copies of the frames. */
#ifndef FRONTEND_NETHOST_H
#define FRONTEND_NETHOST_H

#include <stdbool.h>
#include <stdio.h>

struct session;
struct usernet; /* frontend/usernet.c */

struct nethost {
    struct session *session;
    struct usernet *user; /* NULL in a replay: frames then come from the journal */
    FILE *dump;
};

/* Before the machine is built: opens files and fills in its configuration. False after a complaint.
 */
bool nethosts_open(struct session *s);
/* When it stands: networks begin to work. False after a complaint. */
bool nethosts_start(struct session *s);
void nethosts_stop(struct session *s);

#endif
