/* The board's ACPI tables. */
#ifndef DEVICES_ACPI_TABLES_H
#define DEVICES_ACPI_TABLES_H

#include "base/types.h"

#define ACPI_TABLES_BASE 0xe0000u /* where systems look for the RSDP, on a multiple of 16 */
#define ACPI_TABLES_SIZE 0x4000u

struct acpi_config {
    u64 ram_bytes;
    bool serial[4], parallel, floppy;
    bool apic;
};

/* Fills an image of ACPI_TABLES_SIZE bytes for ACPI_TABLES_BASE, the RSDP first. */
void acpi_build(const struct acpi_config *config, u8 *image);

#endif
