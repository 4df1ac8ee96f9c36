/* Small services: equipment, memory size, serial ports, printers. */
#include "bios/system/services.h"

void int11(struct regs *r)
{
    r->ax = BDA->equipment;
}

void int12(struct regs *r)
{
    r->ax = BDA->memory_kib;
}

/* ---- INT 14: serial ports ---- */

enum { THR, IER, LCR = 3, MCR, LSR, MSR };
enum {
    DATA_READY = 1,
    THR_EMPTY = 0x20,
    DTR_RTS = 3,
    OUT2 = 8,
    DSR_CTS = 0x30,
    DSR = 0x20,
    TIMED_OUT = 0x80
};

/* Waits for bits of a register, at most the port's time-out (in units of about a second). */
static bool wait_for(u16 reg, u8 bits, u8 seconds)
{
    for (u32 i = 0; i < seconds * 1000u; i++) {
        if ((inb(reg) & bits) == bits)
            return true;
        delay_us(1000);
        let_irqs_in();
    }
    return false;
}

static void serial_init(struct regs *r, u16 port)
{
    static const u16 divisors[] = {1047, 768, 384, 192, 96, 48, 24, 12};
    u16 divisor = divisors[r->al >> 5];

    outb(port + LCR, 0x80);
    outb(port, LOW8(divisor));
    outb(port + 1, HIGH8(divisor));
    outb(port + LCR, r->al & 0x1f);
    outb(port + IER, 0);
}

void int14(struct regs *r)
{
    u16 port = r->dx < 4 ? BDA->com[r->dx] : 0;
    u8 limit = r->dx < 4 ? BDA->com_timeout[r->dx] : 0;

    if (!port)
        return;
    let_irqs_in();
    switch (r->ah) {
    case 0: serial_init(r, port); break;
    case 1:
        outb(port + MCR, DTR_RTS);
        if (wait_for(port + LSR, THR_EMPTY, limit)) {
            outb(port, r->al);
            r->ah = inb(port + LSR);
        } else {
            r->ah = inb(port + LSR) | TIMED_OUT;
        }
        return;
    case 2:
        outb(port + MCR, DTR_RTS);
        if (wait_for(port + LSR, DATA_READY, limit)) {
            r->ah = inb(port + LSR) & 0x1e;
            r->al = inb(port);
        } else {
            r->ah = inb(port + LSR) | TIMED_OUT;
        }
        return;
    case 3: break;
    default: return;
    }
    r->ah = inb(port + LSR);
    r->al = inb(port + MSR);
}

/* ---- INT 17: printers ---- */

enum { PRINTER_READY = 0x80, STROBE = 1, INIT = 4, SELECTED = 8 };

void int17(struct regs *r)
{
    u16 port = r->dx < 3 ? BDA->lpt[r->dx] : 0;
    u8 late = 0;

    if (!port || r->ah > 2) {
        if (r->ah <= 2)
            r->ah = 0x29; /* not selected, I/O error, timed out */
        return;
    }
    let_irqs_in();
    if (r->ah == 0) {
        late = !wait_for(port + 1, PRINTER_READY, BDA->lpt_timeout[r->dx]);
        outb(port, r->al);
        outb(port + 2, SELECTED | INIT | STROBE);
        delay_us(1);
        outb(port + 2, SELECTED | INIT);
    } else if (r->ah == 1) {
        outb(port + 2, SELECTED);
        delay_us(2000);
        outb(port + 2, SELECTED | INIT);
    }
    r->ah = (u8)(((inb(port + 1) ^ 0x48) & 0xf8) | late);
}

/* Finds ports and fills in their places. */
void ports_init(void)
{
    static const u16 com[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8}, lpt[] = {0x3bc, 0x378, 0x278};
    u16 coms = 0, lpts = 0;

    for (unsigned i = 0; i < ARRAY_LEN(com); i++) {
        outb(com[i] + IER, 2);
        if (inb(com[i] + IER) != 2 || inb(com[i] + 2) == 0xff)
            continue;
        outb(com[i] + IER, 0);
        outb(com[i] + LCR, 3); /* 8 bits: not everybody says so before sending */
        outb(com[i] + MCR, OUT2);
        BDA->com[coms] = com[i];
        BDA->com_timeout[coms++] = 10;
    }
    for (unsigned i = 0; i < ARRAY_LEN(lpt); i++) {
        outb(lpt[i], 0xaa);
        if (inb(lpt[i]) != 0xaa)
            continue;
        outb(lpt[i] + 2, SELECTED | INIT);
        BDA->lpt[lpts] = lpt[i];
        BDA->lpt_timeout[lpts++] = 20;
    }
    BDA->equipment |= (u16)(coms << 9 | lpts << 14);
}
