/* INT 1A/B1: the PCI BIOS, and the interrupt routing of the board, which only real mode gets. */
#include "bios/pcibios.h"
#include "bios/shared.h"
#include "bios/system/services.h"

#define TOO_SMALL  0x89
#define SET_FAILED 0x88
#define PCI_LINES  0x0c00 /* lines that are only PCI's: 10, 11 */

/* The slots of the $PIR table into the buffer that ES:DI describes: size, far pointer. */
static u8 routing_options(struct regs *r)
{
    u16 have = peek16(r->es, r->di), need;
    struct far buffer = far_at(r->es, r->di + 2u);

    if (!shared.routing)
        return PCI_UNSUPPORTED;
    need = (u16)(peek16(CODE_SEG, shared.routing + 6u) - 32);
    poke16(r->es, r->di, need);
    if (have < need)
        return TOO_SMALL;
    for (u16 i = 0; i < need; i++)
        poke8(buffer.seg, (u16)(buffer.off + i), peek8(CODE_SEG, shared.routing + 32u + i));
    r->bx = PCI_LINES;
    return PCI_OK;
}

/* The PIRQ of pin CL (0Ah: INTA) of function BX to line CH. */
static u8 set_line(struct regs *r)
{
    u8 pin = r->cl - 0x0a, slot = r->bl >> 3;

    if (pin > 3 || r->bh || !(PCI_LINES & 1u << (r->ch & 15)))
        return SET_FAILED;
    outl(0xcf8, pci_config_address(1 << 3, 0x60));
    outb((u16)(0xcfc + (slot + 3 + pin) % 4), r->ch);
    return PCI_OK;
}

void pci_service(struct regs *r)
{
    u8 status;

    if (r->al == 0x0e)
        status = routing_options(r);
    else if (r->al == 0x0f)
        status = set_line(r);
    else
        status = pci_function((struct general *)r, shared.last_bus);
    if (r->al == 0x01)
        r->edi = shared.pci32;
    r->ah = status;
    set_flag(r, FLAG_CF, status);
}
