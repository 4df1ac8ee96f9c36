/* The inside of snapshots, for those in memory (snapshot.c) and in files (snapfile.c). */
#ifndef MACHINE_SNAPSHOT_INT_H
#define MACHINE_SNAPSHOT_INT_H

#include "machine/machine.h"
#include "machine/pages.h"
#include "machine/snapshot.h"

#define IMAGE_AREAS 16

/* A machine at one moment: its memory by the areas of phys, and its state (state.h). */
struct image {
    unsigned areas;
    struct pages area[IMAGE_AREAS];
    struct pages state;
    size_t state_len;
};

struct snapshot {
    struct orrery *machine;
    u64 tick;
    struct image image;
};

/* What the machine's memory was when it was last saved or restored. */
struct present {
    struct image image;
    u64 used;           /* bytes that it and all snapshots have allocated */
    unsigned snapshots; /* how many there are */
};

/* An image of zeros; of a state. False: no memory. */
bool image_init(struct orrery *o, struct image *im, u64 *used);
bool image_set_state(struct image *im, const u8 *data, size_t len, u64 *used);
u8 *image_state(const struct image *im); /* the caller frees it */
void image_free(struct image *im);

/* A snapshot of nothing yet. NULL: no memory. */
struct snapshot *snapshot_new(struct orrery *o);

#endif
