/* What programs do to devices, drawn at random: single accesses to ports and registers that there
 * are, and what a driver does in one go (a disk command, a network card's ring), with parts left to
 * chance, because chance alone would take too long to find them. */
#ifndef TESTS_FUZZ_DRIVERS_H
#define TESTS_FUZZ_DRIVERS_H

#include "tests/fuzz/board.h"

#define OPS_MAX 1024

struct ops {
    unsigned count;
    struct op op[OPS_MAX];
};

#define PLACE_FUNCTIONS 32
#define PLACE_PORTS     128
#define PLACE_QUEUES    8

/* Where things are on a board at power-on. */
struct places {
    struct place {
        u8 devfn;
        u16 vendor, device;
        struct {
            bool io;
            u32 at, size; /* 0: there is no such bar */
        } bar[6];
        u16 queue_size[PLACE_QUEUES]; /* of a virtio device */
    } function[PLACE_FUNCTIONS];
    unsigned functions;
    struct {
        u16 base, count;
    } port[PLACE_PORTS]; /* ranges with a device behind them */
    unsigned ports;
};

/* Looks at a board at power-on, which must be renewed afterwards. */
void places_find(struct places *p, struct devtest *t);

/* Appends what comes of a seed to what has been done so far; nothing when there is no room. */
void drivers_act(const struct places *p, u64 seed, struct ops *to);

#endif
