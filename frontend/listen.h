/* Sockets that wait for connections: HOST:PORT, :PORT on all interfaces, [IPV6]:PORT, unix:PATH. */
#ifndef FRONTEND_LISTEN_H
#define FRONTEND_LISTEN_H

#include <stdbool.h>

#define MAX_LISTEN 4

struct listener {
    int fd[MAX_LISTEN]; /* of one address: IPv4 and IPv6 may be two */
    unsigned count;
    char *unix_path; /* removed at the end */
};

/* base is added to the port's number. Zero-initialize *l. False after one line on standard error,
 * which begins with -option. */
bool listen_open(struct listener *l, const char *option, const char *address, unsigned base);
void listen_close(struct listener *l);

#endif
