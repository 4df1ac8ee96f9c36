/* The user's terminal as a serial line: raw mode while running, restored at exit whatever happens.
 */
#ifndef FRONTEND_TERM_H
#define FRONTEND_TERM_H

#include <stdbool.h>

/* Puts the terminal into raw mode if standard input is one; signals: Ctrl-C still interrupts. */
void term_raw(bool signals);
void term_restore(void);

#endif
