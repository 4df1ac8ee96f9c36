/* System Management BIOS tables: how the machine describes itself to programs like dmidecode. */
#ifndef DEVICES_SMBIOS_H
#define DEVICES_SMBIOS_H

#include "devices/core/dev.h"

/* Adds etc/smbios/smbios-anchor and etc/smbios/smbios-tables to the configuration device. */
void smbios_add_files(u64 ram_bytes, struct dev *fw_cfg);

#endif
