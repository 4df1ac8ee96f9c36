#include "bios/system/cdrom.h"
#include "bios/system/services.h"
bool cdrom_service(struct regs *r)
{
    (void)r;
    return false;
}
bool cdrom_hides_disk(void)
{
    return false;
}
bool cdrom_hides_floppy(void)
{
    return false;
}
const char *cdrom_load(unsigned n, struct far *entry, u8 *drive)
{
    (void)n;
    (void)entry;
    (void)drive;
    return "no";
}
void irq6(struct regs *r)
{
    (void)r;
}
void irq12(struct regs *r)
{
    (void)r;
}
void floppy_init(void)
{
}
void floppy_tick(void)
{
}
u8 floppy_count(void)
{
    return 0;
}
void floppy_service(struct regs *r)
{
    refuse(r, 1);
}
void int40(struct regs *r)
{
    refuse(r, 1);
}
void pci_service(struct regs *r)
{
    refuse(r, 0x81);
}
void int15(struct regs *r)
{
    if (r->ah == 0x4f)
        set_flag(r, FLAG_CF, true);
    else
        refuse(r, 0x86);
}
void mouse_init(void)
{
}
