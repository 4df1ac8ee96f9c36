/* The functions of the PCI BIOS (specification 2.1), for INT 1Ah and for the 32-bit entry: the code
 * is the same, compiled twice. It has no data of its own, so that it runs at any linear address. */
#ifndef BIOS_PCIBIOS_H
#define BIOS_PCIBIOS_H

#include "bios/bios.h"

enum pci_status {
    PCI_OK = 0,
    PCI_UNSUPPORTED = 0x81,
    PCI_BAD_VENDOR = 0x83,
    PCI_NOT_FOUND = 0x86,
    PCI_BAD_REGISTER = 0x87,
};

static inline u32 pci_config_address(u16 function, u16 reg)
{
    return 0x80000000u | (u32)function << 8 | (reg & 0xfcu);
}

static inline u32 pci_config_dword(u16 function, u16 reg)
{
    outl(0xcf8, pci_config_address(function, reg));
    return inl(0xcfc);
}

/* The index-th function whose dword at reg has the value, after the low bits were shifted out. */
static inline u8 pci_find(struct general *r, u8 last_bus, u16 reg, u8 shift, u32 value)
{
    u16 index = r->si;

    for (u32 f = 0; f <= ((u32)last_bus << 8 | 0xff); f++) {
        u32 id = pci_config_dword((u16)f, 0);
        if ((u16)id == 0xffff) {
            if (!(f & 7))
                f |= 7;
            continue;
        }
        if (pci_config_dword((u16)f, reg) >> shift == value && !index--) {
            r->bx = (u16)f;
            return PCI_OK;
        }
        if (!(f & 7) && !(pci_config_dword((u16)f, 0x0c) & 0x800000))
            f |= 7;
    }
    return PCI_NOT_FOUND;
}

static inline u8 pci_access(struct general *r)
{
    u8 what = r->al - 8, size = (u8)(1 << what % 3);
    u16 port = (u16)(0xcfc + (r->di & 3));

    if (r->di > 0xff || r->di & (size - 1))
        return PCI_BAD_REGISTER;
    outl(0xcf8, pci_config_address(r->bx, r->di));
    if (what == 0)
        r->cl = inb(port);
    else if (what == 1)
        r->cx = inw(port);
    else if (what == 2)
        r->ecx = inl(port);
    else if (what == 3)
        outb(port, r->cl);
    else if (what == 4)
        outw(port, r->cx);
    else
        outl(port, r->ecx);
    return PCI_OK;
}

/* AL is the function; the status, which goes into AH. */
static inline u8 pci_function(struct general *r, u8 last_bus)
{
    if (r->al == 0x01) { /* installation check */
        r->edx = 0x20494350;
        r->al = 1; /* configuration mechanism 1, no special cycles */
        r->bx = 0x0210;
        r->cl = last_bus;
        return PCI_OK;
    }
    if (r->al == 0x02)
        return r->dx == 0xffff ? PCI_BAD_VENDOR
                               : pci_find(r, last_bus, 0, 0, (u32)r->cx << 16 | r->dx);
    if (r->al == 0x03)
        return pci_find(r, last_bus, 8, 8, r->ecx & 0xffffff);
    if (r->al >= 0x08 && r->al <= 0x0d)
        return pci_access(r);
    return PCI_UNSUPPORTED;
}

#endif
