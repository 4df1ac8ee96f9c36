/* A Linux kernel, or something that starts like one, for -kernel. */
#ifndef MACHINE_LINUX_BOOT_H
#define MACHINE_LINUX_BOOT_H

#include "devices/core/dev.h"

struct linux_image;

/* Reads and checks kernel and initrd, and decides where they go. NULL and err when missing, no
 * kernel, or too big for ram_bytes. */
struct linux_image *linux_load(const char *kernel, const char *initrd, const char *append,
                               u64 ram_bytes, char *err, size_t err_size);
void linux_image_free(struct linux_image *img);

/* Offers kernel, initrd and command line to firmware, under QEMU's keys, and the ROM that starts
 * them. The image must outlive the device. */
void linux_add_items(const struct linux_image *img, struct dev *fw_cfg);

/* Has the kernel a 64-bit entry, whichever is used? */
bool linux_is_64(const struct linux_image *img);

/* Hash of kernel, initrd and command line, for the journal's configuration. */
u64 linux_image_hash(const struct linux_image *img);

#endif
