/* Firmware's part, for boards without a CPU that could run any. */
#ifndef TESTS_FUZZ_PC_SETUP_H
#define TESTS_FUZZ_PC_SETUP_H

#include "devices/core/dev.h"

/* To be created after all others: sets up the chip set, PCI devices and the VGA at every reset. */
extern const struct dev_type dev_pc_setup;

/* What a video BIOS does at power-on, by registers and memory of the bus: text mode 3, 80 by 25,
 * the font of 16 rows, a clear screen. */
void vga_set_mode3(struct bus *bus);

#endif
