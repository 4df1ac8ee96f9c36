/* The user's terminal as a serial line: raw mode while running, restored at exit whatever happens,
 * and the escape key Ctrl-A (X ends, H helps, Ctrl-A sends itself). */
#ifndef FRONTEND_TERM_H
#define FRONTEND_TERM_H

#include "frontend/loop.h"

#include <stddef.h>

struct term {
    bool used;     /* a serial port is on it */
    unsigned port; /* which */
    struct loop_source source;
    int watch;   /* of the loop's: standard input */
    bool open;   /* standard input has not ended */
    bool escape; /* the last byte was Ctrl-A */
    bool quit;   /* Ctrl-A X */
};

/* Puts the terminal into raw mode if standard input is one. */
void term_open(struct term *t);
void term_close(struct term *t);

/* Reads what is there, at most size bytes; handles escapes. Returns the bytes for the guest. */
size_t term_read(struct term *t, char *buf, size_t size);

#endif
