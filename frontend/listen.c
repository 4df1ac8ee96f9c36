/* Makes sockets that listen. A name may have several addresses, and all of them are listened at. */
#define _GNU_SOURCE
#include "frontend/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "frontend/options.h"

#define MAX_HOST 256
#define MAX_PORT 65535
#define BACKLOG  8

static bool unix_address(struct sockaddr_un *a, const char *path)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof(a->sun_path))
        return false;
    memcpy(a->sun_path, path, strlen(path));
    return true;
}

/* What a killed process left behind answers nobody. */
static void remove_stale(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof(*a)) && errno == ECONNREFUSED)
        unlink(a->sun_path);
    if (fd >= 0)
        close(fd);
}

static bool open_unix(struct listener *l, const char *option, const char *path)
{
    struct sockaddr_un a;
    int fd;

    if (!unix_address(&a, path))
        return complain("-%s: '%s' is empty or too long for a socket's path", option, path);
    remove_stale(&a);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) || listen(fd, BACKLOG)) {
        complain("-%s: cannot listen at '%s': %s", option, path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    l->fd[l->count++] = fd;
    l->unix_path = strdup(path);
    return true;
}

/* Of one address. Families that the host does not have are left out. */
static bool open_one(struct listener *l, const struct addrinfo *at)
{
    const int on = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

    if (fd < 0)
        return errno == EAFNOSUPPORT;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (!bind(fd, at->ai_addr, at->ai_addrlen) && !listen(fd, BACKLOG)) {
        l->fd[l->count++] = fd;
        return true;
    }
    error = errno;
    close(fd);
    errno = error;
    return at->ai_family == AF_INET6 && error == EADDRNOTAVAIL;
}

/* Cuts HOST:PORT up; host is empty for all interfaces. */
static bool split(const char *address, char host[MAX_HOST], unsigned long *port)
{
    const char *colon = strrchr(address, ':'), *from = address, *to = colon;
    char *end;

    if (!colon || colon[1] < '0' || colon[1] > '9')
        return false;
    *port = strtoul(colon + 1, &end, 10);
    if (to > from && *from == '[' && to[-1] == ']') {
        from++;
        to--;
    }
    if (*end || to - from >= MAX_HOST)
        return false;
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = 0;
    return true;
}

static bool open_tcp(struct listener *l, const char *option, const char *address, unsigned base)
{
    const struct addrinfo wanted = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char host[MAX_HOST], service[16];
    unsigned long port = 0;
    bool ok = true;
    int error;

    if (!split(address, host, &port) || port > MAX_PORT - base)
        return complain("-%s: '%s' is not an address (:N, HOST:N, unix:PATH)", option, address);
    snprintf(service, sizeof(service), "%lu", port + base);
    error = getaddrinfo(*host ? host : NULL, service, &wanted, &list);
    if (error)
        return complain("-%s: '%s': %s", option, address, gai_strerror(error));
    for (struct addrinfo *at = list; at && ok && l->count < MAX_LISTEN; at = at->ai_next)
        ok = open_one(l, at);
    if (!ok || !l->count)
        complain("-%s: cannot listen at '%s' (port %s): %s", option, address, service,
                 strerror(errno));
    freeaddrinfo(list);
    return ok && l->count;
}

bool listen_open(struct listener *l, const char *option, const char *address, unsigned base)
{
    if (!strncmp(address, "unix:", 5))
        return open_unix(l, option, address + 5);
    return open_tcp(l, option, address, base);
}

void listen_close(struct listener *l)
{
    for (unsigned i = 0; i < l->count; i++)
        close(l->fd[i]);
    if (l->unix_path)
        unlink(l->unix_path);
    free(l->unix_path);
    *l = (struct listener){0};
}

bool listen_name(int fd, bool other, struct display_peer *name)
{
    struct sockaddr_storage a = {0};
    const struct sockaddr_un *path = (const struct sockaddr_un *)&a;
    struct sockaddr *any = (struct sockaddr *)&a;
    socklen_t len = sizeof(a);

    *name = (struct display_peer){.family = "unknown"};
    if (other ? getpeername(fd, any, &len) : getsockname(fd, any, &len))
        return false;
    if (a.ss_family == AF_UNIX) {
        name->family = "unix";
        if (len > offsetof(struct sockaddr_un, sun_path))
            snprintf(name->host, sizeof(name->host), "%s", path->sun_path);
        return true;
    }
    name->family = a.ss_family == AF_INET6 ? "ipv6" : "ipv4";
    return !getnameinfo(any, len, name->host, sizeof(name->host), name->service,
                        sizeof(name->service), NI_NUMERICHOST | NI_NUMERICSERV);
}
