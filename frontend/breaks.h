/* Break points of a session: whoever has set them, numbered, and given to the machine when it goes
 * on. */
#ifndef FRONTEND_BREAKS_H
#define FRONTEND_BREAKS_H

#include "machine/orrery.h"

struct session;

enum break_owner { BREAK_GDB, BREAK_USER, BREAK_STEP /* session.c, for one step */ };

struct breakpoint {
    unsigned number; /* of a user's, from 1; else 0 */
    enum break_owner owner;
    bool hardware; /* GDB's own distinction; it is no other to the machine */
    struct orrery_break what;
    uint64_t hits;
};

struct breaks {
    struct breakpoint all[ORRERY_MAX_BREAKS];
    unsigned n, numbers; /* numbers given so far */
    bool on_triple;      /* the machine is kept for looking at after a triple fault */
    struct orrery_break applied[ORRERY_MAX_BREAKS]; /* what the machine has now ... */
    unsigned napplied;
};

/* False: there is no room. Users' have numbers, in the order they come. */
bool breaks_add(struct session *s, enum break_owner owner, const struct orrery_break *what,
                bool hardware);
/* False: there is none. */
bool breaks_delete(struct session *s, unsigned number);
bool breaks_remove(struct session *s, enum break_owner owner, const struct orrery_break *what,
                   bool hardware);
void breaks_clear(struct session *s, enum break_owner owner);

/* Tells the machine, if there is news to it. Before a step what has gone may stay: see
 * breaks_hit(). */
void breaks_apply(struct session *s, bool step);
/* The one that a stop was for, counted; NULL: it has gone since. GDB's come first. */
struct breakpoint *breaks_hit(struct session *s, const struct orrery_break *what);

/* "vector 0x0e", "write of 0x1000, 4 bytes". */
void breaks_describe(const struct orrery_break *what, char *text, size_t size);
void breaks_print(const struct session *s, FILE *out);

/* What "stop-on" takes: magic | mode [pe|pg|vm|smm|lm] | vector A[-B] | port A[-B] [r|w] |
 * mmio A[-B] [r|w] | cr3 [VALUE] | triple; blanks may be commas or equal signs. False with a
 * message. */
bool breaks_open(struct session *s); /* those of the options; false after a complaint */
bool breaks_stop_on(struct session *s, const char *text, char *err, size_t err_size);

#endif
