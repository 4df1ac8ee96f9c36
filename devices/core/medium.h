/* A drive whose medium can be changed while the machine runs. Opening the tray and putting a medium
 * in are input from outside: they pass through the journal, the medium as the path of its image. A
 * drive has a struct medium, known to the board as the object (MEDIUM_KIND, name). */
#ifndef DEVICES_CORE_MEDIUM_H
#define DEVICES_CORE_MEDIUM_H

#include "devices/core/blk.h"

#define MEDIUM_KIND "medium"
#define MEDIUM_NAME 64 /* with the zero at its end */

/* What the drive does, at the tick of the input. */
struct medium_ops {
    bool (*locked)(void *opaque); /* the guest holds the medium fast */
    bool (*open)(void *opaque);   /* the tray is out; may be NULL: there is none */
    /* Somebody wants the medium out; by force: it comes out, locked or not. */
    void (*eject)(void *opaque, bool force);
    /* A medium is put in and the tray closed. The drive owns blk, which is NULL if the image cannot
     * be opened any more; the tray is empty or open. */
    void (*insert)(void *opaque, struct blk *blk);
    /* Going back in time: this (or NULL) is in the drive, and nothing has happened. The drive owns
     * blk and closes what it had; its fields are loaded afterwards. */
    void (*put)(void *opaque, struct blk *blk);
    /* From outside: what is in the drive, or NULL. */
    const struct blk *(*current)(const void *opaque);
    /* And whether it takes an image; if not, one line in err. May be NULL: it takes all. */
    bool (*accepts)(const void *opaque, const struct blk *blk, const char *path, char *err,
                    size_t err_size);
};

struct medium {
    char name[MEDIUM_NAME];
    const struct medium_ops *ops;
    void *opaque;
    unsigned mode; /* enum blk_mode for its images */
    struct journal *journal;
    int channel;

    /* While the machine has a history: who watches its disks, and what was in the drive at its
     * start and has been put in since. */
    const struct blk_watch *watch; /* NULL: there is none */
    struct medium_kept {
        u64 tick;
        struct blk *blk;
    } * kept;
    size_t kept_count;
};

/* While the board is built. The name is copied; medium_name_ok() must have allowed it. */
void medium_init(struct medium *m, struct bus *bus, const char *name, unsigned mode,
                 const struct medium_ops *ops, void *opaque);

/* Not too long, and no other drive has it. */
bool medium_name_ok(struct bus *bus, const char *name);

/* From outside, on the machine's thread, between two instructions. What a guest has locked only
 * comes out by force: else the guest is told of the wish, and the result is false with one line in
 * err; so it is for an image that blk_open() refuses, and then nothing happens. */
bool medium_eject(struct medium *m, bool force, char *err, size_t err_size);
bool medium_change(struct medium *m, const char *path, bool force, char *err, size_t err_size);

/* From now on media stay open, so that they can be put in again; NULL: no longer. */
void medium_keep(struct medium *m, const struct blk_watch *watch);
/* What has been put in after this tick has not been. */
void medium_cut(struct medium *m, u64 tick);
struct blk *medium_now(const struct medium *m); /* what is in the drive, or NULL */
/* Puts back what was in the drive (or NULL) at the moment that the machine is put to. */
void medium_put(struct medium *m, struct blk *blk);

#endif
