/* The options that give the machine its IDE drives: -hda ... -hdd, -cdrom, -drive, and -device
 * ide-hd and ide-cd. Each function is false after one line on standard error. */
#ifndef FRONTEND_DRIVES_H
#define FRONTEND_DRIVES_H

#include <stdbool.h>

struct options;

#define MAX_DRIVES 16
#define IDE_DRIVES 4

enum tristate { UNSET, OFF, ON };
enum drive_media { MEDIA_UNSET, MEDIA_DISK, MEDIA_CDROM };

struct drive {
    const char *option; /* as it is called in messages */
    const char *file, *id;
    enum drive_media media;
    enum tristate readonly, snapshot;
    bool raw;    /* format=raw was given */
    bool on_ide; /* if=none: a -device does it later */
};

struct drives {
    struct drive drive[MAX_DRIVES];
    unsigned count;
    struct drive *slot[IDE_DRIVES];
    const char *name[IDE_DRIVES]; /* of the devices, or NULL */
    char *device[IDE_DRIVES + 1]; /* -device options for IDE drives, not yet looked at */
    unsigned devices;
};

/* Option handlers. The text of an option is cut up in place. */
bool drives_hd(struct options *o, const char *name, const char *arg);
bool drives_cdrom(struct options *o, const char *name, const char *arg);
bool drives_drive(struct options *o, const char *name, const char *arg);

/* Whether this -device is for drives_device(). */
bool drives_is_device(const char *arg);
bool drives_device(struct options *o, const char *arg);

/* After the last option: puts everything in its place, into the machine's configuration. */
bool drives_finish(struct options *o);

#endif
