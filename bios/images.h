/* Firmware images as the library carries them: constant bytes made by bios/. */
#ifndef BIOS_IMAGES_H
#define BIOS_IMAGES_H

#include "base/types.h"

/* The VGA BIOS: an option ROM of vga_rom_size bytes, a multiple of 4 KiB and at most 64 KiB. */
extern const u8 vga_rom[];
extern const unsigned vga_rom_size;

/* The system firmware: 128 KiB, for E0000-FFFFF and the top of the 4 GiB. */
extern const u8 system_rom[];
extern const unsigned system_rom_size;

/* The option ROM that starts a kernel, without what machine/kernel_rom.c puts behind it. */
extern const u8 kernel_rom[];
extern const unsigned kernel_rom_size;

/* The demonstration: the beginning of a boot diskette, a multiple of 512 bytes. */
extern const u8 demo_image[];
extern const unsigned demo_image_size;

#endif
