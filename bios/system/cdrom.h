/* El Torito: CD-ROM drives and the drive that a disc emulates. */
#ifndef BIOS_CDROM_H
#define BIOS_CDROM_H

#include "bios/system/system.h"

struct drive;

/* Services that go to a CD-ROM drive or to the emulated one; false: not ours. */
bool cdrom_service(struct regs *r);
/* An emulated disk takes number 80h, and the others move up by one; likewise floppies. */
bool cdrom_hides_disk(void);
bool cdrom_hides_floppy(void);
/* Reads what there is to boot on the n-th CD: the address of its code, drive number. NULL, or why
 * not. */
const char *cdrom_load(unsigned n, struct far *entry, u8 *drive);
void edd_parameters(struct regs *r, const struct drive *d, bool atapi);

/* disk.c */
struct drive *disk_at(u8 n);

#endif
