/* INT 15/53: advanced power management 1.2. The PC has no batteries and no sleep; software idles
 * the CPU and switches off. Protected-mode entries are in post/bios32.S. */
#include "bios/shared.h"
#include "bios/system/services.h"

#define PM_CONTROL 0x604
#define SOFT_OFF   0x2000
enum {
    BAD_DEVICE = 0x09,
    BAD_VALUE = 0x0a,
    NO_FUNCTION = 0x0c,
    NO_EVENT = 0x80,
    NOT_CONNECTED = 0x03
};
enum { REAL_MODE = 1, CAN_16 = 1, CAN_32 = 2 };

static void connect(struct regs *r)
{
    switch (r->al) {
    case 2:
        r->ax = DATA_SEG;
        r->bx = shared.apm16;
        r->cx = DATA_SEG;
        r->si = 0xffff;
        r->di = 0xffff;
        break;
    case 3:
        r->ax = DATA_SEG;
        r->ebx = shared.apm32;
        r->cx = DATA_SEG;
        r->dx = DATA_SEG;
        r->esi = 0xffffffff;
        r->di = 0xffff;
        break;
    }
    set_flag(r, FLAG_CF, false);
}

static void set_state(struct regs *r)
{
    if (r->bx == 1 && r->cx == 3) {
        outw(PM_CONTROL, SOFT_OFF);
        for (;;)
            asm volatile("hlt");
    }
    if (r->cx > 3)
        refuse(r, BAD_VALUE);
    else
        succeed(r);
}

static void power_status(struct regs *r)
{
    if (r->bx != 1) {
        refuse(r, BAD_DEVICE);
        return;
    }
    succeed(r);
    r->bx = 0x01ff; /* on-line, battery unknown */
    r->cx = 0x80ff; /* there is none */
    r->dx = 0xffff;
    r->si = 0;
}

void apm_service(struct regs *r)
{
    switch (r->al) {
    case 0x00: /* installation check */
        if (r->bx) {
            refuse(r, BAD_DEVICE);
            return;
        }
        succeed(r);
        r->ax = 0x0102;
        r->bx = 'P' << 8 | 'M';
        r->cx = CAN_16 | CAN_32;
        break;
    case 0x01:
    case 0x02:
    case 0x03: connect(r); break;
    case 0x05:
        wait_irq();
        succeed(r);
        break;
    case 0x07: set_state(r); break;
    case 0x0a: power_status(r); break;
    case 0x0b: refuse(r, NO_EVENT); break;
    case 0x0e:
        succeed(r);
        r->ax = 0x0102;
        break;
    case 0x04: /* disconnect, busy, enable, defaults, disable, get state, engage, capabilities */
    case 0x06:
    case 0x08:
    case 0x09:
    case 0x0d:
    case 0x0f: succeed(r); break;
    case 0x0c:
        succeed(r);
        r->cx = 0; /* enabled */
        break;
    case 0x10:
        succeed(r);
        r->bl = 0;
        r->cx = 0;
        break;
    default: refuse(r, NO_FUNCTION); break;
    }
}
