/* Running in the background, and the file that says under what number. */
#ifndef FRONTEND_DAEMON_H
#define FRONTEND_DAEMON_H

#include <stdbool.h>

struct daemon {
    int fd;              /* to the parent that waits, or -1 */
    const char *pidfile; /* written, and removed at the end */
};

/* Before any thread is started. The parent does not come back: it exits when the child has said
 * daemon_ready(), or with the child's status. False after a complaint. */
bool daemon_begin(struct daemon *d, bool wanted);
/* The number of this process goes into a file; NULL: none is wanted. */
bool daemon_pidfile(struct daemon *d, const char *path);
/* The machine stands: lets go of terminal and parent. */
void daemon_ready(struct daemon *d);
void daemon_end(struct daemon *d);

#endif
