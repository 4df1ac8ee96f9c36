/* A ROM image that the CPU starts in. */
#ifndef MACHINE_FIRMWARE_H
#define MACHINE_FIRMWARE_H

#include "mmu/phys.h"

struct firmware;

/* Reads an image: 64 KiB to 16 MiB, a multiple of 64 KiB; path NULL: Orrery's own firmware. NULL
 * and err otherwise. */
struct firmware *firmware_load(const char *path, char *err, size_t err_size);
void firmware_free(struct firmware *fw);

/* Maps it as ROM: all of it below 4 GiB, its last 128 KiB below 1 MiB too. */
void firmware_map(const struct firmware *fw, struct phys *phys);
u64 firmware_hash(const struct firmware *fw);

#endif
