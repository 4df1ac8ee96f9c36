/* The BIOS32 service directory's header "_32_", by which 32-bit systems find the PCI BIOS; and
 * where the real-mode code finds the APM's 32-bit and 16-bit entries. */
#include "bios/post/post.h"

extern const u8 bios32_directory[], pci_entry[], apm32_entry[], apm16_entry[];
extern u8 bios32_last_bus;

void directory_setup(void)
{
    u8 *h = (u8 *)allocate(ZONE_LOW, 16, 16);
    u32 entry = (u32)bios32_directory;

    bios32_last_bus = SHARED->last_bus;
    SHARED->apm32 = (u16)((u32)apm32_entry - 0xe0000);
    SHARED->pci32 = (u32)pci_entry;
    SHARED->apm16 = (u16)((u32)apm16_entry - 0xe0000);
    if (!h)
        return;
    memset(h, 0, 16);
    memcpy(h, "_32_", 4);
    memcpy(h + 4, &entry, 4);
    h[9] = 1; /* length in 16 bytes */
    h[10] = (u8)-sum(h, 16);
}
