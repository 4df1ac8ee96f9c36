/* Files that a machine starts from. */
#ifndef MACHINE_BOOT_H
#define MACHINE_BOOT_H

#include "base/types.h"

/* "WHAT 'PATH': WHY" in err; false. */
bool boot_refuse(char *err, size_t size, const char *what, const char *path, const char *why);

/* Reads a whole file into *data (malloc). An empty one is refused. */
bool boot_read_file(const char *what, const char *path, u8 **data, u64 *len, char *err,
                    size_t size);

#endif
