/* INT 15h: the system services of an AT: memory map and sizes, block moves, waits, A20, the mouse
 * (mouse.c) and power management (apm.c). */
#include "bios/shared.h"
#include "bios/system/services.h"

#define UNSUPPORTED 0x86

/* ---- memory ---- */

/* E820h: EBX is where to go on, ES:DI takes a range. */
static void memory_map(struct regs *r)
{
    u16 len = sizeof(struct memory_range);

    if (r->edx != 0x534d4150 || r->ecx < len || r->ebx >= shared.ranges) {
        refuse(r, UNSUPPORTED);
        return;
    }
    copy_out(r->es, r->di, &shared.memory[r->ebx], len);
    r->ebx = r->ebx + 1 < shared.ranges ? r->ebx + 1 : 0;
    r->eax = 0x534d4150;
    r->ecx = len;
    set_flag(r, FLAG_CF, false);
}

/* E801h: KiB between 1 and 16 MiB, and 64 KiB above. */
static void memory_sizes(struct regs *r)
{
    u32 end = shared.ram_end;

    r->ax = r->cx = (u16)((end < 0x1000000 ? end - 0x100000 : 0xf00000) >> 10);
    r->bx = r->dx = (u16)(end < 0x1000000 ? 0 : (end - 0x1000000) >> 16);
    set_flag(r, FLAG_CF, false);
}

/* 88h, at most 63 MiB, as programs that know no more expect */
static void extended_memory(struct regs *r)
{
    u32 kib = (shared.ram_end - 0x100000) >> 10;

    r->ax = (u16)(kib > 0xfc00 ? 0xfc00 : kib);
    set_flag(r, FLAG_CF, false);
}

/* A20 is open if one of two gates is: port 92h's and the keyboard controller's (82371SB, port 92h).
 * Software that closes only the controller's must get its way, so that is the one that stays open
 * between calls; the other is quick, and for the time of a call. */
static bool a20_set(bool on)
{
    u8 old = inb(0x92), now = (u8)((old & ~3) | (on ? 2 : 0));

    if (now != old)
        outb(0x92, now);
    return old & 2;
}

void a20_init(void)
{
    ps2_a20(true);
    a20_set(false);
}

/* Looks whether the first MiB repeats behind itself: at 4F0h, which is there for applications. */
static bool a20_is_open(void)
{
    u16 low = peek16(0, 0x4f0), high = peek16(0xffff, 0x500), now;

    if (low != high)
        return true;
    poke16(0, 0x4f0, (u16)~low);
    now = peek16(0xffff, 0x500);
    poke16(0, 0x4f0, low);
    return now == high;
}

void move_words(u32 gdt, u16 count); /* entry.S */

/* 87h: CX words by a table of descriptors at ES:SI, the caller's for source and target at 10h and
 * 18h; the rest is ours to fill in. */
static void block_move(struct regs *r)
{
    u64 gdt[6];
    u32 at = linear(r->es, r->si);
    bool a20;

    if (r->cx > 0x8000) {
        refuse(r, 2);
        return;
    }
    a20 = a20_set(true);
    copy_in(gdt, r->es, r->si, sizeof(gdt));
    gdt[1] = 0x000093000000ffffull | (u64)(at & 0xffffff) << 16 | (u64)(at >> 24) << 56;
    gdt[4] = 0x00009b0f0000ffffull; /* our code */
    gdt[5] = 0x0000930e0000ffffull; /* our stack */
    copy_out(r->es, r->si, gdt, sizeof(gdt));
    move_words(at, r->cx);
    a20_set(a20);
    succeed(r);
}

struct tables {
    u16 gdt_limit;
    u32 gdt;
    u16 idt_limit;
    u32 idt;
} __attribute__((packed));

void protected_mode(struct regs *r, const struct tables *t) __attribute__((noreturn));

/* 89h: to protected mode for good, with the caller's table at ES:SI and interrupts at BH, BL. */
static void enter_protected(struct regs *r)
{
    u64 code = 0x00009b0f0000ffffull, gdt, idt;
    struct tables tables;
    const u8 init[][2] = {{0x20, 0x11},  {0x21, r->bh}, {0x21, 4}, {0x21, 1},    {0xa0, 0x11},
                          {0xa1, r->bl}, {0xa1, 2},     {0xa1, 1}, {0x21, 0xff}, {0xa1, 0xff}};

    for (unsigned i = 0; i < ARRAY_LEN(init); i++)
        outb(init[i][0], init[i][1]);
    a20_set(true);
    copy_out(r->es, (u16)(r->si + 0x38), &code, 8);
    copy_in(&gdt, r->es, (u16)(r->si + 8), 8);
    copy_in(&idt, r->es, (u16)(r->si + 16), 8);
    tables.gdt_limit = (u16)gdt;
    tables.gdt = (u32)(gdt >> 16 & 0xffffff) | (u32)(gdt >> 56) << 24;
    tables.idt_limit = (u16)idt;
    tables.idt = (u32)(idt >> 16 & 0xffffff) | (u32)(idt >> 56) << 24;
    protected_mode(r, &tables);
}

/* 24h: A20 */
static void a20_service(struct regs *r)
{
    switch (r->al) {
    case 0:
    case 1:
        ps2_a20(r->al);
        a20_set(false);
        break;
    case 2: r->al = a20_is_open(); break;
    case 3: r->bx = 3; break; /* by keyboard controller and port 92h */
    default: refuse(r, UNSUPPORTED); return;
    }
    succeed(r);
}

/* ---- waits ---- */

static u32 micros(const struct regs *r)
{
    return (u32)r->cx << 16 | r->dx;
}

/* 83h: a flag is set later */
static void event_wait(struct regs *r)
{
    if (r->al == 1) {
        wait_cancel();
        succeed(r);
    } else if (r->al) {
        refuse(r, UNSUPPORTED);
    } else if (!wait_start((struct far){r->bx, r->es}, micros(r))) {
        refuse(r, 0x80);
    } else {
        succeed(r);
    }
}

/* 86h: comes back later. The flag is the one that AT BIOSes used, 40:A0. */
static void wait(struct regs *r)
{
    if (!wait_start((struct far){offsetof(struct bda, wait_active), BDA_SEG}, micros(r))) {
        refuse(r, 0x83);
        return;
    }
    while (!(BDA->wait_active & 0x80))
        wait_irq();
    BDA->wait_active = 0;
    succeed(r);
}

/* ---- the rest ---- */

/* 84h: a joystick, by counting until its one-shots are over */
static void joystick(struct regs *r)
{
    u16 count[4] = {0};
    u8 left = 15;

    if (r->dx > 1) {
        refuse(r, UNSUPPORTED);
        return;
    }
    if (inb(0x201) == 0xff) { /* no adapter */
        r->ax = r->bx = r->cx = r->dx = 0;
        refuse(r, UNSUPPORTED);
        return;
    }
    if (r->dx == 0) {
        r->al = inb(0x201) & 0xf0;
        set_flag(r, FLAG_CF, false);
        return;
    }
    outb(0x201, 0);
    for (u16 n = 0; n < 0x1000 && left; n++) {
        u8 still = inb(0x201) & left;
        for (unsigned i = 0; i < 4; i++)
            if ((left ^ still) & 1u << i)
                count[i] = n;
        left = still;
    }
    r->ax = count[0];
    r->bx = count[1];
    r->cx = count[2];
    r->dx = count[3];
    set_flag(r, FLAG_CF, false);
}

static void config(struct regs *r)
{
    r->es = CODE_SEG;
    r->bx = (u16)(u32)config_table;
    succeed(r);
}

static void ebda(struct regs *r)
{
    r->es = BDA->ebda; /* memory managers move it */
    set_flag(r, FLAG_CF, false);
}

/* A device is waited for, and done: nothing to do for a system with one task. Device open, close,
 * program end, SysReq likewise. */
static void hook(struct regs *r)
{
    succeed(r);
}

static void key_hook(struct regs *r)
{
    set_flag(r, FLAG_CF, true); /* handle the scan code */
}

/* ECh: the processor mode that software will use; nothing depends on it. */
static void target_mode(struct regs *r)
{
    succeed(r);
}

static void by_al(struct regs *r)
{
    if (r->al == 0x20)
        memory_map(r);
    else if (r->al == 0x01)
        memory_sizes(r);
    else if (r->al == 0x81) { /* with 32-bit registers */
        memory_sizes(r);
        r->eax = r->ecx = r->ax;
        r->ebx = r->edx = r->bx;
    } else
        refuse(r, UNSUPPORTED);
}

void int15(struct regs *r)
{
    static const struct {
        u8 ah;
        void (*fn)(struct regs *);
    } table[] = {
        {0x24, a20_service},
        {0x4f, key_hook},
        {0x53, apm_service},
        {0x80, hook},
        {0x81, hook},
        {0x82, hook},
        {0x83, event_wait},
        {0x84, joystick},
        {0x85, hook},
        {0x86, wait},
        {0x87, block_move},
        {0x88, extended_memory},
        {0x89, enter_protected},
        {0x90, hook},
        {0x91, hook},
        {0xc0, config},
        {0xc1, ebda},
        {0xc2, mouse_service},
        {0xe8, by_al},
        {0xec, target_mode},
    };

    for (unsigned i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].ah == r->ah) {
            table[i].fn(r);
            return;
        }
    refuse(r, UNSUPPORTED);
}
