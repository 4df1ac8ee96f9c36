/* Disks for -device options to name, and -drive if=virtio. Each function is false after one line on
 * standard error. */
#ifndef FRONTEND_DISKS_H
#define FRONTEND_DISKS_H

#include "frontend/drives.h"
#include "machine/orrery.h"

#define DISK_ID 64 /* of an id, with its end */

struct disks {
    struct orrery_drive disk[MAX_DRIVES + 1];
    char id[MAX_DRIVES][16]; /* of those that have none of their own */
    char device[MAX_DRIVES][DISK_ID + 32];
    unsigned virtios;
};

/* A drive with if=virtio was read: adds its device. */
bool disks_add_virtio(struct options *o, struct drive *d);

/* After the last option, before drives_finish() looks for drives that nobody uses. */
bool disks_finish(struct options *o);

#endif
