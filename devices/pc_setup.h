/* How the board's firmware sets the chip set up; the ACPI tables describe the same. */
#ifndef DEVICES_PC_SETUP_H
#define DEVICES_PC_SETUP_H

#include "base/types.h"

enum {
    PC_PM_BASE = 0x600, /* power management ports */
    PC_PM_PORTS = 0x40,
    PC_BM_BASE = 0xc000, /* IDE bus master ports */
    PC_IO_BASE = 0xc100, /* ports and registers of other PCI devices, from here up */
    PC_MEM_BASE = 0xfe000000,
    PC_SCI = 9, /* interrupt line of ACPI */
    PC_VGA_MEMORY = 0xfd000000,
    PC_VGA_REGISTERS = 0xfebf0000,
    PC_IOAPIC_BASE = 0xfec00000,
    PC_HPET_BASE = 0xfed00000,
    PC_LAPIC_BASE = 0xfee00000, /* from reset on */
    PC_ACPI_ENABLE = 0xf1,      /* commands to port B2h */
    PC_ACPI_DISABLE = 0xf0,
};

/* The interrupt lines of PIRQA to PIRQD. */
extern const u8 pc_pirq_line[4];

#endif
