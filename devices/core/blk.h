/* A disk behind a disk controller: a raw image file, in sectors of 512 bytes. A last sector that is
 * not whole reads as filled up with zeros, and is whole once it was written.
 *
 * The file is opened for writing only when the guest's writes are to reach it. In snapshot mode
 * they go to an overlay in memory (clusters of 64 KiB, copied on the first write) and are lost at
 * the end. */
#ifndef DEVICES_CORE_BLK_H
#define DEVICES_CORE_BLK_H

#include "devices/core/dev.h"

#define BLK_KIND   "drive" /* of disks that -device options name, on the board's bus */
#define BLK_SECTOR 512u

#define BLK_DEMO "orrery:demo" /* stands for a file: the demonstration that is built in */

struct blk;

/* What of a disk belongs to the machine's state: a running hash over all that the guest wrote. With
 * the image's first contents it determines the contents now. It lives in the controller's struct
 * and is listed there as FIELD_SUB(struct drive, log, blk_log_fields). */
struct blk_log {
    u64 writes; /* successful calls of blk_write() and blk_zero() */
    u64 digest; /* over (digest before, sector, data or number of sectors) of each of them */
};
extern const struct field blk_log_fields[];

enum blk_mode {
    BLK_WRITABLE = 0, /* writes reach the file */
    BLK_SNAPSHOT = 1, /* writes go to memory */
    BLK_READONLY = 2, /* writes fail */
    BLK_RAW = 4,      /* with one of them: it is known to be raw, whatever it begins with */
    BLK_UNLOCKED = 8, /* and: in use or not, only to look at it */
};

/* Opens an image. Refuses what is missing, unreadable, no file, empty,
 * in use by another machine, or in another format than raw. `mode`: enum blk_mode. NULL and one
 * line in err. */
struct blk *blk_open(const char *path, unsigned mode, char *err, size_t err_size);
void blk_close(struct blk *b); /* NULL is allowed */
/* What is held stays open, though unlocked, after blk_close(), and can be used again then, until it
 * is released. */
void blk_hold(struct blk *b);
struct blk *blk_reuse(struct blk *b);
void blk_release(struct blk *b);
const char *blk_path(const struct blk *b); /* as it was opened */

/* Connects the log that blk_write() keeps; the controller's own, for as long as the disk is open.
 */
void blk_attach(struct blk *b, struct blk_log *log);

u64 blk_sectors(const struct blk *b);

/* Whether this is the file at the path. */
bool blk_is_file(const struct blk *b, const char *path);

/* Transfers of `count` sectors from `sector` on. False when out of range, read-only, or the host
 * cannot. */
bool blk_read(struct blk *b, u64 sector, void *buf, u32 count);
bool blk_write(struct blk *b, u64 sector, const void *buf, u32 count);

/* Makes sectors read as zeros, and gives their space back to the host where that can be done. False
 * as blk_write(). */
bool blk_zero(struct blk *b, u64 sector, u32 count);

/* Somebody sees what is going to be overwritten; NULL: nobody. It must outlive its use. */
struct blk_watch {
    void (*overwrite)(void *opaque, struct blk *b, u64 sector, u32 count);
    void *opaque;
};
void blk_set_watch(struct blk *b, const struct blk_watch *watch);

/* Changes contents behind the guest's back: neither log nor watch knows. False: as blk_write(). */
bool blk_put(struct blk *b, u64 sector, const void *buf, u32 count);

/* Are all bytes of these sectors known to be zero, without reading them? */
bool blk_is_hole(const struct blk *b, u64 sector, u32 count);

/* Hash of all contents, in which zeros cost nothing where the host has none stored. False: cannot
 * be read. */
bool blk_checksum(struct blk *b, u64 *sum);
/* Bytes that the host has stored of the image. */
u64 blk_stored(const struct blk *b);

/* Snapshot mode: the overlay, by clusters of BLK_CLUSTER bytes (the last may be shorter). Is the
 * cluster in it? Empties it: the file shows again. */
#define BLK_CLUSTER 65536u
bool blk_in_overlay(const struct blk *b, u64 cluster);
void blk_drop_overlay(struct blk *b);
unsigned blk_mode(const struct blk *b); /* BLK_WRITABLE, BLK_SNAPSHOT or BLK_READONLY */

bool blk_is_writable(const struct blk *b);

/* A controller has it: blk_attach() was called. */
bool blk_is_attached(const struct blk *b);

/* What was written is on the host's disk. False if it could not be brought there. */
bool blk_flush(struct blk *b);

#endif
