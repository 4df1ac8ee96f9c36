/* The PS/2 mouse: INT 15/C2 sets it up, INT 74 collects its packets and calls the program's
 * handler. The handler and the packet are in the EBDA, where others look for them, too. */
#include "bios/system/services.h"

#define HANDLER 0x22 /* far pointer, in the EBDA */
#define STATE   0x26 /* bits 2-0: bytes of the packet so far */
#define FLAGS   0x27 /* bit 7: there is a handler; bits 2-0: size of a packet less one */
#define PACKET  0x28

enum { OK, BAD_FUNCTION, BAD_INPUT, INTERFACE, RESEND, NO_HANDLER };
enum {
    RESET = 0xff,
    DEFAULTS = 0xf6,
    DISABLE = 0xf5,
    ENABLE = 0xf4,
    RATE = 0xf3,
    GET_ID = 0xf2,
    STATUS = 0xe9,
    RESOLUTION = 0xe8,
    SCALING2 = 0xe7,
    SCALING1 = 0xe6
};

void call_mouse(u32 handler, const u16 words[4]); /* entry.S */

static void finish(struct regs *r, u8 status)
{
    r->ah = status;
    set_flag(r, FLAG_CF, status);
}

static void set_irq(bool on)
{
    if (on) {
        ps2_config(0x20, 2);
        outb(0xa1, inb(0xa1) & 0xef);
        outb(0x21, inb(0x21) & 0xfb);
    } else {
        ps2_config(2, 0x20);
    }
}

/* Commands are sent while the mouse's interrupt is off, or its answers would be taken for packets.
 */
static u8 command(u8 byte)
{
    return ps2_mouse(byte) ? OK : INTERFACE;
}

static u8 with_value(u8 byte, u8 value)
{
    u8 status = command(byte);
    return status ? status : command(value);
}

static u8 enable(const struct regs *r)
{
    if (r->bh > 1)
        return BAD_INPUT;
    if (r->bh && !(peek8(BDA->ebda, FLAGS) & 0x80))
        return NO_HANDLER;
    return command(r->bh ? ENABLE : DISABLE);
}

static u8 reset(struct regs *r)
{
    u8 status = command(RESET), id = 0;

    for (unsigned i = 0; !status && i < 100; i++) /* the self-test takes half a second */
        if (ps2_read(&id) && id == 0xaa)
            break;
    if (id != 0xaa)
        return INTERFACE;
    r->bl = 0xaa;
    ps2_read(&id);
    r->bh = id;
    return status;
}

static u8 set_rate(const struct regs *r)
{
    static const u8 rates[] = {10, 20, 40, 60, 80, 100, 200};
    return r->bh < sizeof(rates) ? with_value(RATE, rates[r->bh]) : BAD_INPUT;
}

static u8 get_type(struct regs *r)
{
    u8 status = command(GET_ID), id = 0;

    if (!status && !ps2_read(&id))
        status = INTERFACE;
    r->bh = id;
    return status;
}

static u8 extended(struct regs *r)
{
    u8 status, bytes[3] = {0};

    if (r->bh == 1 || r->bh == 2)
        return command(r->bh == 1 ? SCALING1 : SCALING2);
    if (r->bh)
        return BAD_INPUT;
    status = command(STATUS);
    for (unsigned i = 0; !status && i < 3; i++)
        if (!ps2_read(&bytes[i]))
            status = INTERFACE;
    r->bl = bytes[0];
    r->cl = bytes[1];
    r->dl = bytes[2];
    return status;
}

static u8 initialize(struct regs *r, u8 size)
{
    if (size < 1 || size > 8)
        return BAD_INPUT;
    poke8(BDA->ebda, STATE, 0);
    poke8(BDA->ebda, FLAGS, (u8)((peek8(BDA->ebda, FLAGS) & 0x80) | (size - 1)));
    return reset(r);
}

static u8 set_handler(const struct regs *r)
{
    u8 flags = peek8(BDA->ebda, FLAGS) & 0x7f;
    bool some = r->es || r->bx;

    poke16(BDA->ebda, HANDLER, r->bx);
    poke16(BDA->ebda, HANDLER + 2, r->es);
    poke8(BDA->ebda, FLAGS, flags | (some ? 0x80 : 0));
    return OK;
}

void mouse_service(struct regs *r)
{
    u8 status;

    if (!(BDA->equipment & 4)) {
        finish(r, INTERFACE);
        return;
    }
    set_irq(false);
    switch (r->al) {
    case 0: status = enable(r); break;
    case 1: status = reset(r); break;
    case 2: status = set_rate(r); break;
    case 3: status = r->bh < 4 ? with_value(RESOLUTION, r->bh) : BAD_INPUT; break;
    case 4: status = get_type(r); break;
    case 5: status = initialize(r, r->bh); break;
    case 6: status = extended(r); break;
    case 7: status = set_handler(r); break;
    default: status = BAD_FUNCTION; break;
    }
    poke8(BDA->ebda, STATE, 0);
    set_irq(peek8(BDA->ebda, FLAGS) & 0x80);
    finish(r, status);
}

/* INT 74 */
static void collect(u8 byte)
{
    u8 have = peek8(BDA->ebda, STATE) & 7, flags = peek8(BDA->ebda, FLAGS);
    struct far handler;
    u16 words[4];

    if (!(flags & 0x80))
        return;
    poke8(BDA->ebda, PACKET + have, byte);
    if (have++ < (flags & 7)) {
        poke8(BDA->ebda, STATE, have);
        return;
    }
    poke8(BDA->ebda, STATE, 0);
    words[1] = peek8(BDA->ebda, PACKET); /* pushed first: status, then X, Y, Z */
    words[0] = peek8(BDA->ebda, PACKET + 1);
    words[3] = peek8(BDA->ebda, PACKET + 2);
    words[2] = (flags & 7) >= 3 ? peek8(BDA->ebda, PACKET + 3) : 0;
    handler = far_at(BDA->ebda, HANDLER);
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
    call_mouse((u32)handler.seg << 16 | handler.off, words);
}

void irq12(struct regs *r)
{
    u8 status = inb(0x64);

    (void)r;
    if ((status & 0x21) == 0x21)
        collect(inb(0x60));
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
}

/* Whether there is one: it answers. */
void mouse_init(void)
{
    ps2_command(0xa8);
    if (ps2_mouse(DISABLE))
        BDA->equipment |= 4;
    else
        BDA->equipment &= (u16)~4;
    ps2_config(2, 0x20);
}
