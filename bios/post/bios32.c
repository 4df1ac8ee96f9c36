/* The PCI BIOS for 32-bit callers: what bios32.S enters. It may run at any linear address. */
#include "bios/pcibios.h"
#include "bios/post/post.h"

u8 bios32_pci(struct general *r, u32 last_bus)
{
    return pci_function(r, (u8)last_bus);
}
