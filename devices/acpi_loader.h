/* The ACPI tables as files for firmware, which decides where they go. */
#ifndef DEVICES_ACPI_LOADER_H
#define DEVICES_ACPI_LOADER_H

#include "devices/acpi_tables.h"
#include "devices/core/dev.h"

/* Adds etc/acpi/rsdp, etc/acpi/tables and etc/table-loader to the configuration device. */
void acpi_add_files(const struct acpi_config *config, struct dev *fw_cfg);

#endif
