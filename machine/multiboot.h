/* A Multiboot kernel, for -kernel. */
#ifndef MACHINE_MULTIBOOT_H
#define MACHINE_MULTIBOOT_H

#include "devices/core/dev.h"

struct multiboot_image;

/* Whether the file at path has a Multiboot header. */
bool multiboot_is(const char *path);

/* Reads and places kernel and modules. initrd: the modules, "FILE ARGUMENTS,FILE ARGUMENTS,...",
 * a comma in a name doubled; NULL: none. NULL and err when something is missing or malformed. */
struct multiboot_image *multiboot_load(const char *kernel, const char *initrd, const char *append,
                                       u64 ram_bytes, char *err, size_t err_size);
void multiboot_free(struct multiboot_image *img);

/* Offers all that is loaded to firmware, and the ROM that starts it. The image must outlive the
 * device. */
void multiboot_add_items(const struct multiboot_image *img, struct dev *fw_cfg);

/* Hash of all that is loaded, for the journal's configuration. */
u64 multiboot_hash(const struct multiboot_image *img);

#endif
