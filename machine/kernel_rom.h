/* The option ROM that starts a kernel (bios/kernel/), with what it is to do. */
#ifndef MACHINE_KERNEL_ROM_H
#define MACHINE_KERNEL_ROM_H

#include "devices/core/dev.h"

/* Size bytes of data at addr in the guest's memory, then zeros up to room bytes. The data stays the
 * caller's and must outlive the machine. */
struct kernel_piece {
    u16 key; /* of the configuration device, where the data is offered */
    u32 addr;
    u64 size, room;
    const u8 *data;
};

#define KERNEL_PIECES_MAX 128

/* What comes then: in real mode the far jump to real_seg + 20h:0 with all segments at real_seg and
 * SP at real_sp; or, if entry is not 0, a Multiboot kernel's start there, with its information at
 * info and the ROM's GDT: flat code at 08h, flat data at 10h. */
struct kernel_start {
    u16 real_seg, real_sp;
    u32 entry, info;
};

/* Where a Multiboot kernel may not be: the ROM keeps things there, and above it is the BIOS's. */
#define KERNEL_LOW_END 0x9d000u

/* Where memory ends for what is loaded and told: firmware has tables above. */
u64 kernel_ram_end(u64 ram_bytes);

/* Offers the pieces, and the ROM as a file that firmware boots before anything else. At most
 * KERNEL_PIECES_MAX pieces, which are loaded in their order. */
void kernel_rom_add(struct dev *fw_cfg, const struct kernel_start *start,
                    const struct kernel_piece *piece, unsigned count);

#endif
