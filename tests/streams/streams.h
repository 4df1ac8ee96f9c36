/* Random instruction streams: bytes drawn at random, run for a bounded number of instructions in an
 * emptied machine, on both back ends; their state must be the same afterwards. */
#ifndef TESTS_STREAMS_H
#define TESTS_STREAMS_H

#include "base/types.h"
#include "cpu/decode.h"

#define STREAM_BYTES 15

/* A stream follows from these: the machine's mode, registers and tables from config and seed. */
struct stream {
    unsigned config; /* index into the modes of world.c */
    u64 seed;
    u8 code[STREAM_BYTES];
};

/* -- world.c -- */
struct world;
struct world *world_new(const char *accel, struct decoder *d); /* NULL: no such back end here */
void world_free(struct world *w);
extern const unsigned world_configs;
const char *world_config_name(unsigned config);
/* Prepares the machine for s. */
void world_load(struct world *w, const struct stream *s);
/* Runs it; returns a hash of the CPU's state. */
u64 world_run(struct world *w);
/* What the CPU looks like, for reports. */
void world_print(const struct world *w, const char *name);
/* Is RAM the same in both? */
bool world_same_ram(const struct world *a, const struct world *b);
/* Makes RAM what it was at first. world_load() does so only for pages that the TLB knows of. */
void world_restore(struct world *w);

/* -- draw.c -- */
void stream_draw(struct stream *s, u64 seed);

#endif
