/* The floppy drives of the board. Images are raw, of 160,
 * 180, 320, 360, 720, 1200, 1440, 1680, 1722 or 2880 KiB; the size tells the format. Others are
 * the beginning of a disk of 1440 or 2880 KiB, whose rest reads as zeros and cannot be written. */
#ifndef DEVICES_FLOPPY_H
#define DEVICES_FLOPPY_H

#include "devices/core/dev.h"

#define FLOPPY_DRIVES 2
#define FLOPPY_ID     "isa-fdc"

/* Kinds of drives, as CMOS RAM names them at 10h. */
enum floppy_type {
    FLOPPY_NONE,
    FLOPPY_360,
    FLOPPY_1200,
    FLOPPY_720,
    FLOPPY_1440,
    FLOPPY_2880,
};

/* While the board is built: adds drive n, empty (path NULL, a 1.44 MB drive) or with an image,
 * which decides what drive it is. `name` is for changing disks, medium_name_ok() has allowed it;
 * `mode`, enum blk_mode, is for this and for later images. False and one line in err. */
bool floppy_add_drive(struct dev *fdc, unsigned n, const char *path, const char *name,
                      unsigned mode, char *err, size_t err_size);

/* For the firmware: the kind of drive n. And the size of its medium in bytes, 0: none. */
enum floppy_type floppy_type(const struct dev *fdc, unsigned n);
u64 floppy_bytes(const struct dev *fdc, unsigned n);
struct blk *floppy_blk(const struct dev *fdc, unsigned n); /* the medium, or NULL */

#endif
