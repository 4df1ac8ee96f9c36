/* The page about interrupts: counters of what comes from outside, the last bytes of keyboard and
 * mouse, and exceptions that the reader raises, with the frame that the CPU has pushed. */
#include "bios/demo/demo.h"

static const char *const irq_names[IRQS] = {
    "timer", "keyboard", "cascade", "COM2", "COM1",  "LPT2", "diskette", "LPT1",
    "clock", "",         "",        "",     "mouse", "FPU",  "disks 1",  "disks 2",
};

/* ---- exceptions on purpose ---- */

static void divide_by_zero(void)
{
    asm volatile("xor %%ecx, %%ecx; div %%ecx" : : : "eax", "ecx", "edx", "cc");
}

static void undefined_opcode(void)
{
    asm volatile("ud2");
}

static void break_point(void)
{
    asm volatile("int3");
}

static void absent_segment(void)
{
    asm volatile("mov %w0, %%fs" : : "r"(SEL_ABSENT));
}

/* Selector 48 has 16 bytes; this reads the 17th. */
static void beyond_limit(void)
{
    asm volatile("mov %w0, %%gs; movb %%gs:16, %%al; mov %w1, %%gs"
                 :
                 : "r"(SEL_SMALL), "r"(SEL_DATA)
                 : "eax");
}

static void bad_selector(void)
{
    asm volatile("mov %w0, %%fs" : : "r"(0x1230));
}

static void write_nowhere(void)
{
    *(volatile u32 *)0xdeadbeef = 1;
}

static void check_bounds(void)
{
    static const u32 bounds[2] = {1, 10};
    asm volatile("bound %0, %1" : : "r"(11), "m"(bounds));
}

static const struct exception_row {
    char key;
    u8 vector;
    const char *name, *what;
    void (*raise)(void);
} exception_rows[] = {
    {'d', 0, "#DE", "divide by zero", divide_by_zero},
    {'b', 3, "#BP", "INT3", break_point},
    {'o', 5, "#BR", "BOUND, out of range", check_bounds},
    {'u', 6, "#UD", "UD2", undefined_opcode},
    {'n', 11, "#NP", "load an absent segment", absent_segment},
    {'l', 13, "#GP", "read beyond a limit", beyond_limit},
    {'g', 13, "#GP", "load a bad selector", bad_selector},
    {'p', 14, "#PF", "write where nothing is", write_nowhere},
};

/* ---- drawing ---- */

static void draw_lines(void)
{
    box(2, 1, 20, 27, "From outside");
    for (unsigned i = 0; i < IRQS; i++) {
        u32 count = vector_count[FIRST_IRQ + i];
        put(4 + (int)i, 3, ON(DIM, PANEL), "%2u", FIRST_IRQ + i);
        put(4 + (int)i, 6, ON(count ? TEXT : DIM, PANEL), "IRQ %-2u %s", i, irq_names[i]);
        put(4 + (int)i, 21, ON(count ? BRIGHT_GREEN : DIM, PANEL), "%6u", count);
    }
}

static void draw_exceptions(void)
{
    box(2, 29, 12, 50, "Exceptions, at a key");
    for (unsigned i = 0; i < ARRAY_LEN(exception_rows); i++) {
        const struct exception_row *e = &exception_rows[i];
        put(4 + (int)i, 31, ON(YELLOW, PANEL), "%c", e->key - 32);
        put(4 + (int)i, 34, ON(WHITE, PANEL), "%s %2u", e->name, e->vector);
        put(4 + (int)i, 43, ON(TEXT, PANEL), "%s", e->what);
        put(4 + (int)i, 70, ON(vector_count[e->vector] ? BRIGHT_GREEN : DIM, PANEL), "%6u",
            vector_count[e->vector]);
        hot(4 + (int)i, 30, 48, e->key);
    }
}

static void draw_frame(void)
{
    const struct frame *f = &last_exception;

    box(14, 29, 5, 50, "What the CPU pushed last");
    if (!exceptions) {
        put(16, 31, ON(DIM, PANEL), "Nothing yet.");
        return;
    }
    put(15, 31, ON(BRIGHT_RED, PANEL), "vector %u", f->vector);
    put(15, 43, ON(WHITE, PANEL), "error code %04x", f->error);
    put(15, 61, ON(f->vector == 14 ? WHITE : DIM, PANEL), "CR2 %08x", last_cr2);
    put(16, 31, ON(TEXT, PANEL), "CS:EIP %04x:%08x", f->cs, f->eip);
    put(16, 54, ON(TEXT, PANEL), "EFLAGS %08x", f->eflags);
    const u8 *code = (const u8 *)f->eip;
    put(17, 31, ON(DIM, PANEL), "code  %02x %02x %02x %02x %02x %02x %02x %02x", code[0], code[1],
        code[2], code[3], code[4], code[5], code[6], code[7]);
}

static void draw_bytes(void)
{
    box(19, 29, 3, 50, NULL);
    put(20, 31, ON(DIM, PANEL), "scan");
    for (u32 i = 0; i < 7 && i < scan_code_count; i++)
        put(20, 36 + 3 * (int)i, ON(BRIGHT_CYAN, PANEL), "%02x",
            scan_codes[(scan_code_count - 1 - i) % ARRAY_LEN(scan_codes)]);
    put(20, 58, ON(DIM, PANEL), mouse.there ? "mouse" : "no mouse");
    if (mouse.packets)
        put(20, 64, ON(BRIGHT_CYAN, PANEL), "%02x %02x %02x", mouse.packet[0], mouse.packet[1],
            mouse.packet[2]);
}

static void draw_interrupts(void)
{
    draw_lines();
    draw_exceptions();
    draw_frame();
    draw_bytes();
}

static void interrupts_key(int key)
{
    for (unsigned i = 0; i < ARRAY_LEN(exception_rows); i++)
        if (exception_rows[i].key == key)
            attempt(exception_rows[i].raise);
}

const struct page interrupts_page = {
    .key = '4',
    .name = "Interrupts and exceptions",
    .about = "Every vector is counted: timer, keyboard, mouse. Raise an exception and see the "
             "frame that the CPU "
             "pushed, its error code, and the instruction that failed.",
    .hints = "D B O U N L G P raise  Esc menu",
    .interval = 10,
    .draw = draw_interrupts,
    .key_pressed = interrupts_key,
};
