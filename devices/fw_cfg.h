/* The configuration device of QEMU (docs/specs/fw_cfg): how firmware and kernels learn what the
 * machine is made of. The board adds what it knows of itself; the machine adds what is booted. */
#ifndef DEVICES_FW_CFG_H
#define DEVICES_FW_CFG_H

#include "devices/core/dev.h"

#define FW_CFG_ID "fw_cfg" /* bus_find_dev() */

/* Selector keys. */
enum {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_VERSION = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_MACHINE_ID = 0x06,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_PIECES = 0x8f00, /* Orrery's: of a Multiboot kernel, as many as there are */
    FW_CFG_FILES_MAX = 64,
    FW_CFG_NAME_MAX = 55,
};

/* Sets an item before the guest runs; a key set again has the new contents. fw_cfg_set() copies,
 * fw_cfg_refer() keeps the pointer, whose bytes must stay as they are and outlive the device.
 * Integers are little-endian. */
void fw_cfg_set(struct dev *dev, u16 key, const void *data, u32 len);
void fw_cfg_set_int(struct dev *dev, u16 key, u64 value, unsigned size);
void fw_cfg_refer(struct dev *dev, u16 key, const void *data, u32 len);

/* The same for a named file, which gets the next free key. name has at most FW_CFG_NAME_MAX
 * characters; there are at most FW_CFG_FILES_MAX files. */
void fw_cfg_set_file(struct dev *dev, const char *name, const void *data, u32 len);

#endif
