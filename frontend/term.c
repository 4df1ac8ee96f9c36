/* Terminal handling. The saved terminal state is the process's one truly global thing: signal
 * handlers and atexit() need it. */
#define _GNU_SOURCE
#include "frontend/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ESCAPE 0x01 /* Ctrl-A */

static struct termios saved;
static bool raw;
static volatile sig_atomic_t interrupted;

static void restore(void)
{
    if (raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    raw = false;
}

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

bool term_interrupted(void)
{
    return interrupted;
}

static const int end_signals[] = {SIGTERM, SIGHUP, SIGINT};

void term_catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof(end_signals) / sizeof(end_signals[0]); i++)
        sigaction(end_signals[i], &sa, NULL);
}

/* poll(), but a signal that came just before it ends it too. */
static int wait_input(struct pollfd *p, nfds_t n, int timeout_ms)
{
    const struct timespec t = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    sigset_t block, before;
    sigemptyset(&block);
    for (size_t i = 0; i < sizeof(end_signals) / sizeof(end_signals[0]); i++)
        sigaddset(&block, end_signals[i]);
    sigprocmask(SIG_BLOCK, &block, &before);
    int ready = interrupted ? 0 : ppoll(p, n, timeout_ms < 0 ? NULL : &t, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ready;
}

void term_open(struct term *t)
{
    memset(t, 0, sizeof(*t));
    t->open = true;
    t->is_tty = isatty(STDIN_FILENO);
    if (!t->is_tty || tcgetattr(STDIN_FILENO, &saved))
        return;
    struct termios now = saved;
    now.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    now.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
    now.c_cflag = (now.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    atexit(restore);
    raw = tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
}

void term_close(struct term *t)
{
    t->open = false;
    restore();
}

static void help(void)
{
    static const char text[] = "\r\nCtrl-A H  this help\r\nCtrl-A X  end the emulator\r\n"
                               "Ctrl-A Ctrl-A  send Ctrl-A\r\n";
    ssize_t n = write(STDOUT_FILENO, text, sizeof(text) - 1);
    (void)n;
}

/* Takes the escapes out of buf; returns how many bytes are left. */
static size_t filter(struct term *t, char *buf, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        char c = buf[i];
        if (!t->escape) {
            t->escape = c == ESCAPE;
            if (!t->escape)
                buf[out++] = c;
            continue;
        }
        t->escape = false;
        if (c == 'x' || c == 'X')
            t->quit = true;
        else if (c == 'h' || c == 'H' || c == '?')
            help();
        else
            buf[out++] = c; /* Ctrl-A Ctrl-A, and any key that means nothing */
    }
    return out;
}

size_t term_read(struct term *t, char *buf, size_t size, int timeout_ms)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    if (!t->open || size == 0) {
        if (timeout_ms > 0)
            wait_input(NULL, 0, timeout_ms);
        return 0;
    }
    if ((timeout_ms ? wait_input(&p, 1, timeout_ms) : poll(&p, 1, 0)) <= 0)
        return 0;
    ssize_t n = read(STDIN_FILENO, buf, size);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        t->open = false;
    return n > 0 ? filter(t, buf, (size_t)n) : 0;
}
