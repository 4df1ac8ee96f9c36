/* What moves on the page with the planets. */
#ifndef DEMO_BODIES_H
#define DEMO_BODIES_H

#include "base/types.h"

struct body {
    const char *name;
    s8 parent;        /* whose moon it is; -1: the sun's */
    u16 orbit;        /* in dots, of the longer half axis */
    u32 period;       /* days, times 16 */
    u16 start;        /* where it is on 2026-01-01, of 1024 to a circle */
    u8 radius;        /* in dots, larger than true by far */
    u8 ring;          /* outer radius, in tenths of the radius; 0: none */
    u32 colour, dark; /* lit, and in bands or patches */
    const char *facts;
};

#define BODIES 11
#define SUN    0

#define EPOCH_YEAR 2026

extern const struct body bodies[BODIES];

#endif
