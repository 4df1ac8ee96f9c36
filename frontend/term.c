/* Terminal handling. The saved terminal state is the process's, as atexit() needs it. */
#include "frontend/term.h"

#include <errno.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE 0x01 /* Ctrl-A */

static struct termios saved;
static bool raw;

static void restore(void)
{
    if (raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    raw = false;
}

void term_open(struct term *t)
{
    t->open = true;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
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

size_t term_read(struct term *t, char *buf, size_t size)
{
    ssize_t n = read(STDIN_FILENO, buf, size);

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        t->open = false;
    return n > 0 ? filter(t, buf, (size_t)n) : 0;
}
