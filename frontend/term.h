/* The user's terminal as a serial line: raw mode while running, restored at exit whatever happens,
 * and the escape key Ctrl-A (X ends, H helps, Ctrl-A sends itself). */
#ifndef FRONTEND_TERM_H
#define FRONTEND_TERM_H

#include <stdbool.h>
#include <stddef.h>

struct term {
    bool open;   /* standard input has not ended */
    bool escape; /* the last byte was Ctrl-A */
    bool quit;   /* Ctrl-A X */
    bool is_tty;
};

/* Puts the terminal into raw mode if standard input is one. */
void term_open(struct term *t);
void term_close(struct term *t);

/* Reads what is there, at most size bytes, waiting at most timeout_ms for the first (-1: for ever);
 * handles escapes. Returns the bytes for the guest. */
size_t term_read(struct term *t, char *buf, size_t size, int timeout_ms);

/* From here on SIGTERM, SIGHUP and SIGINT only set what term_interrupted() tells. */
void term_catch_signals(void);

/* Set by SIGTERM, SIGHUP and SIGINT: leave the run loop. */
bool term_interrupted(void);

#endif
