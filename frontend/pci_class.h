/* What PCI functions are called, by class and subclass. */
#ifndef FRONTEND_PCI_CLASS_H
#define FRONTEND_PCI_CLASS_H

#include <stdint.h>

static inline const char *pci_class_name(uint16_t class_code)
{
    static const struct {
        uint16_t code;
        const char *name;
    } names[] = {{0x0101, "IDE controller"},   {0x0106, "SATA controller"},
                 {0x0100, "SCSI controller"},  {0x0200, "Ethernet controller"},
                 {0x0300, "VGA controller"},   {0x0401, "Audio controller"},
                 {0x0403, "Audio controller"}, {0x0600, "Host bridge"},
                 {0x0601, "ISA bridge"},       {0x0604, "PCI bridge"},
                 {0x0680, "Bridge"},           {0x0780, "Communication controller"},
                 {0x0c03, "USB controller"},   {0x0c05, "SMBus"}};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].code == class_code)
            return names[i].name;
    return "Class unknown";
}

#endif
