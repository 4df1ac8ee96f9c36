/* -daemonize and -pidfile. The parent stays until the machine stands, so that its exit status tells
 * whether it does: a byte comes through a pipe, or the pipe's end. */
#include "frontend/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frontend/options.h"

/* In the parent: the child has said that it runs, or has ended. */
static int await_child(int fd, pid_t child)
{
    char byte;
    ssize_t n;
    int status = 0;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        return 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

bool daemon_begin(struct daemon *d, bool wanted)
{
    int fd[2];
    pid_t child;

    *d = (struct daemon){.fd = -1};
    if (!wanted)
        return true;
    if (pipe(fd))
        return complain("-daemonize: %s", strerror(errno));
    child = fork();
    if (child < 0) {
        close(fd[0]);
        close(fd[1]);
        return complain("-daemonize: %s", strerror(errno));
    }
    if (child) {
        close(fd[1]);
        _exit(await_child(fd[0], child));
    }
    close(fd[0]);
    d->fd = fd[1];
    setsid();
    return true;
}

/* Created anew or written over; the process number in decimal and a line end. */
bool daemon_pidfile(struct daemon *d, const char *path)
{
    FILE *f = path ? fopen(path, "we") : NULL;
    bool good = f;

    if (!path)
        return true;
    if (f) {
        good = fprintf(f, "%ld\n", (long)getpid()) > 0;
        good = !fclose(f) && good;
    }
    if (!good)
        return complain("-pidfile: cannot write '%s': %s", path, strerror(errno));
    d->pidfile = path;
    return true;
}

void daemon_ready(struct daemon *d)
{
    int null;

    if (d->fd < 0)
        return;
    null = open("/dev/null", O_RDWR);
    for (int i = 0; null >= 0 && i < 3; i++)
        dup2(null, i);
    if (null > 2)
        close(null);
    while (write(d->fd, "", 1) < 0 && errno == EINTR)
        continue;
    close(d->fd);
    d->fd = -1;
}

void daemon_end(struct daemon *d)
{
    if (d->pidfile)
        unlink(d->pidfile);
    d->pidfile = NULL;
}
