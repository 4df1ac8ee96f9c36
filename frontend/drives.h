/* The options that give the machine its drives: -hda ... -hdd, -cdrom, -fda, -fdb, -drive, -device
 * ide-hd, ide-cd and floppy, and -global isa-fdc.driveA and driveB. Each function is false after
 * one line on standard error. */
#ifndef FRONTEND_DRIVES_H
#define FRONTEND_DRIVES_H

#include <stdbool.h>

struct options;
struct orrery_drive; /* machine/orrery.h */

#define MAX_DRIVES 16
#define PLACES     6 /* for drives: four of IDE, two of floppy disks */

enum tristate { UNSET, OFF, ON };
enum drive_media { MEDIA_UNSET, MEDIA_DISK, MEDIA_CDROM, MEDIA_FLOPPY };

struct drive {
    const char *option; /* as it is called in messages */
    const char *file, *id;
    enum drive_media media;
    enum tristate readonly, snapshot;
    bool raw;    /* format=raw was given */
    bool placed; /* if=none: a -device does it later */
};

struct drives {
    struct drive drive[MAX_DRIVES];
    unsigned count;
    struct drive *slot[PLACES];
    const char *name[PLACES]; /* of the devices, or NULL */
    char *device[PLACES];     /* -device options for drives, not yet looked at */
    unsigned devices;
    const char *global[2]; /* isa-fdc.driveA and driveB */
};

/* Option handlers. The text of an option is cut up in place. */
bool drives_hd(struct options *o, const char *name, const char *arg);
bool drives_cdrom(struct options *o, const char *name, const char *arg);
bool drives_fd(struct options *o, const char *name, const char *arg);
bool drives_drive(struct options *o, const char *name, const char *arg);
bool drives_global(struct options *o, const char *name, const char *arg);

/* Whether this -device is for drives_device(). */
bool drives_is_device(const char *arg);
bool drives_device(struct options *o, const char *arg);

/* A drive as the machine is told of it. */
struct orrery_drive drives_result(const struct options *o, const struct drive *d, const char *name);

/* After the last option: puts everything in its place, into the machine's configuration. */
bool drives_finish(struct options *o);

#endif
