/* What the board does with the IDE controller besides its ports. */
#ifndef DEVICES_PIIX3_IDE_H
#define DEVICES_PIIX3_IDE_H

#include "devices/core/blk.h"

/* Plugs disk n in (0..3: primary master, slave, secondary master, slave), which the controller owns
 * from now on. Before the machine starts. */
void piix3_ide_attach(struct dev *ide, unsigned n, struct blk *blk);

/* The same with a CD-ROM drive, the disc in it (NULL: none), and the drive's name for
 * devices/core/medium.h. */
void piix3_ide_attach_cd(struct dev *ide, unsigned n, struct blk *blk, const char *name);

/* Disk or disc n, NULL if there is none. */
struct blk *piix3_ide_blk(const struct dev *ide, unsigned n);

#endif
