/* Shaded balls, in fixed point. */
#ifndef DEMO_SPHERE_H
#define DEMO_SPHERE_H

#include "bios/demo/bodies.h"
#include "bios/demo/vbe.h"

#define SUB 16 /* parts of a dot, in which places are given */

struct sphere {
    const struct body *body;
    int x, y;     /* its middle, in SUBs of the screen */
    int light[3]; /* where the sun is, right, down and to us; 16384 is 1 */
    u32 turn;     /* of 1024, about its axis */
    bool shines, picked;
};

void sphere_draw(struct tile *t, const struct sphere *s);
/* How far it reaches from its middle, in dots. */
int sphere_reach(const struct body *b);

#endif
