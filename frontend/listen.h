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

/* One end of a connection, in words. */
struct display_peer {
    const char *family; /* ipv4, ipv6, unix */
    char host[128];     /* or path */
    char service[16];
};
/* Of a socket: this end, or the other. False if it cannot be told; then all is empty. */
bool listen_name(int fd, bool other, struct display_peer *name);

#endif
