/* Interrupts and exceptions: the two 8259 interrupt controllers, counters for each vector, handlers
 * of devices, and exceptions that somebody has raised on purpose. */
#include "bios/demo/demo.h"

#define PIC1 0x20
#define PIC2 0xa0
#define EOI  0x20

u32 vector_count[IDT_ENTRIES];
struct frame last_exception;
u32 last_cr2, exceptions;

static void (*handlers[IRQS])(void);
static u16 masked = 0xffff & ~(1u << 2); /* line 2 is where the second controller is connected */

extern u32 attempt_stack; /* entry.S: not zero while attempt() is at work */
void attempt_failed(void) __attribute__((noreturn));

static void write_masks(u16 mask)
{
    outb(PIC1 + 1, (u8)mask);
    outb(PIC2 + 1, (u8)(mask >> 8));
}

/* The firmware has the first controller at vectors 8-15, where protected mode has exceptions: both
 * are moved to 32-47. Four words to each: start, first vector, how they are connected, 8086 mode.
 */
static void move_controllers(void)
{
    static const u8 words[][2] = {{0x11, 0x11}, {FIRST_IRQ, FIRST_IRQ + 8}, {1 << 2, 2}, {1, 1}};

    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        outb(PIC1 + (i > 0), words[i][0]);
        outb(PIC2 + (i > 0), words[i][1]);
    }
    write_masks(masked);
}

void traps_init(void)
{
    move_controllers();
}

void irq_connect(unsigned irq, void (*handler)(void))
{
    handlers[irq] = handler;
    masked &= (u16) ~(1u << irq);
    write_masks(masked);
}

/* The firmware knows nothing of our vectors: no interrupt may come while it runs. */
void bios_call(u8 vector, struct bios_regs *r);

void firmware(u8 vector, struct bios_regs *r)
{
    write_masks(0xffff);
    bios_call(vector, r);
    write_masks(masked);
}

/* Bit 7 of a controller's in-service register is clear when its line 7 was only noise. */
static bool is_spurious(unsigned irq)
{
    u16 pic = irq < 8 ? PIC1 : PIC2;

    if (irq % 8 != 7)
        return false;
    outb(pic, 0x0b);
    return !(inb(pic) & 0x80);
}

static void device_interrupt(unsigned irq)
{
    bool spurious = is_spurious(irq);

    if (!spurious && handlers[irq])
        handlers[irq]();
    if (irq >= 8 && !spurious)
        outb(PIC2, EOI);
    if (irq >= 8 || !spurious)
        outb(PIC1, EOI);
}

/* Nobody expected it: the registers on a red screen, for good. */
static void __attribute__((noreturn)) panic(const struct frame *f)
{
    screen_text_mode();
    screen_clear();
    fill(0, 0, ROWS, COLS, ' ', ON(WHITE, RED));
    put(8, 8, ON(WHITE, RED), "Exception %u, error code %04x, at %04x:%08x. CR2 is %08x.",
        f->vector, f->error, f->cs, f->eip, read_cr2());
    put(10, 8, ON(WHITE, RED), "EAX %08x EBX %08x ECX %08x EDX %08x", f->eax, f->ebx, f->ecx,
        f->edx);
    put(11, 8, ON(WHITE, RED), "ESI %08x EDI %08x EBP %08x ESP %08x", f->esi, f->edi, f->ebp,
        f->esp);
    put(13, 8, ON(YELLOW, RED), "The demonstration has an error: it should not have come here.");
    screen_show();
    for (;;) {
        mirror_send();
        wait_for_interrupt();
    }
}

static void exception(struct frame *f)
{
    last_exception = *f;
    last_cr2 = read_cr2();
    exceptions++;
    if (!attempt_stack)
        panic(f);
    attempt_failed();
}

struct frame *trap(struct frame *f)
{
    vector_count[f->vector]++;
    if (f->vector < FIRST_IRQ)
        exception(f);
    if (f->vector >= FIRST_IRQ + IRQS)
        return f;
    device_interrupt(f->vector - FIRST_IRQ);
    return f->vector == FIRST_IRQ + IRQ_TIMER ? threads_switch(f) : f;
}
