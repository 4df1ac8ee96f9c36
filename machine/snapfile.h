/* The inside of snapshot files. */
#ifndef MACHINE_SNAPFILE_H
#define MACHINE_SNAPFILE_H

#include "machine/machine.h"
#include "machine/snapio.h"

/* -- snapdisks.c: media in drives, and disks -- */

struct snap_disks;

/* Sections of all drives and disks. False with one line in err: an image cannot be read. */
bool snap_disks_save(struct orrery *o, struct snap_out *out, char *err, size_t err_size);

/* What a file says of them, section by section; images are opened, but nothing is changed. False
 * with one line in err. NULL: no memory. */
struct snap_disks *snap_disks_new(struct orrery *o);
bool snap_disks_take(struct snap_disks *d, const char *tag, struct unpack *in, char *err,
                     size_t err_size);
/* All has been taken: does it fit? */
bool snap_disks_check(struct snap_disks *d, char *err, size_t err_size);
/* Does it: before the state of devices is loaded. */
void snap_disks_apply(struct snap_disks *d);
void snap_disks_free(struct snap_disks *d); /* NULL is allowed */

#endif
