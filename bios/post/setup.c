/* The power-on code's order, and the shadow RAM's lock at its end. */
#include "bios/post/post.h"

#define KEY_BOOT_MENU   0x0e
#define DEFAULT_WAIT_MS 2500

extern u8 post_bss[], post_bss_end[]; /* bios.ld */

u32 post_setup(u32 unused)
{
    (void)unused;
    memory_setup();
    mtrr_setup();
    if (fwcfg_present()) {
        fwcfg_item(KEY_BOOT_MENU, &SHARED->boot_menu, 2);
        SHARED->menu_wait = (u16)fwcfg_number("etc/boot-menu-wait", DEFAULT_WAIT_MS);
    }
    pci_setup();
    roms_setup();
    tables_setup();
    mptable_setup();
    pirq_setup();
    directory_setup();
    memory_finish();
    memset(post_bss, 0, (u32)(post_bss_end - post_bss)); /* RAM is found clean */
    return 0;
}

/* C0000-FFFFF becomes read-only, but for our variables at E0000. entry.S does the same. */
u32 post_lock(u32 unused)
{
    (void)unused;
    pci_write(0, 0x58, 4, 0x11111000);
    pci_write(0, 0x5c, 4, 0x11131111);
    return 0;
}
