/* The page about the way from real mode to paging: eight steps, each with the registers as they
 * were then. */
#include "bios/demo/demo.h"

static unsigned chosen;

static const struct {
    const char *name, *code, *text;
} step_texts[STEPS] = {
    [STEP_REAL] =
        {"Real mode", "mov ax, 2401h / int 15h",
         "The CPU comes up as a fast 8086. An address is segment * 16 + offset, 16 bits each; code "
         "can "
         "write anywhere below 1 MiB and 64 KiB. The interrupt table is at address 0: four bytes "
         "for "
         "each vector. The firmware has read our first sector to 0000:7C00 and jumped there."},
    [STEP_A20] = {"The A20 gate", "",
                  "FFFF:0010 is 1 MiB. The 8086 had no such address: it wrapped around to 0, and "
                  "programs relied "
                  "on that. So the AT got a gate at address line 20. It must be open, or every odd "
                  "MiB is the even "
                  "one below it."},
    [STEP_GDT] = {"A table of segments", "lgdt [gdt_register]",
                  "In protected mode a segment register holds a selector: the number of a "
                  "descriptor in this "
                  "table, times 8. The descriptor says where the segment is, how long, and what "
                  "may be done with "
                  "it. LGDT only tells the CPU where the table is."},
    [STEP_PE] = {"Protection on", "mov cr0, eax",
                 "Bit 0 of CR0 is PE. It is set, but CS is still 0000: each segment register has a "
                 "hidden part "
                 "with base and limit, and nobody has loaded it anew. For one more instruction the "
                 "CPU goes on "
                 "as before."},
    [STEP_PROTECTED] =
        {"Protected mode", "jmp 08:protected_mode",
         "The far jump loads CS with selector 08, a 32-bit code segment from 0 to 4 GiB. DS and SS "
         "become 10, data of the same size: flat memory, where an offset is an address. Interrupts "
         "are off: the old table at 0 means nothing now."},
    [STEP_IDT] = {"A table of interrupts", "lidt [idt_register]",
                  "Each of 64 vectors has a gate: selector and offset of its handler. 0-31 are the "
                  "CPU's own "
                  "exceptions. The interrupt controllers are moved to 32-47, out of their way; IBM "
                  "had put them "
                  "at 8-15 before Intel used these."},
    [STEP_TSS] = {"A task", "ltr ax",
                  "The task register names a task state segment: 104 bytes that the CPU saves a "
                  "whole task in, "
                  "and takes the stack from when an interrupt leads to an inner ring. Its "
                  "descriptor is busy now."},
    [STEP_PAGING] =
        {"Paging", "mov cr3, eax / mov cr0, eax",
         "CR3 holds the page directory's address, bit 31 of CR0 is PG. From now on every address "
         "is "
         "looked up: directory, table, page. The first 4 MiB lead to themselves, so the next "
         "instruction is where it was. WP, bit 16, binds the kernel to read-only pages, too."},
};

static const struct {
    u32 bit;
    const char *name;
} cr0_bits[] = {{1, "PE"},    {2, "MP"},    {4, "EM"},      {8, "TS"},
                {0x10, "ET"}, {0x20, "NE"}, {CR0_WP, "WP"}, {CR0_PG, "PG"}};

static void draw_steps(void)
{
    box(2, 1, 20, 27, "The way");
    for (unsigned i = 0; i < STEPS; i++) {
        bool here = i == chosen;
        u8 back = here ? BAR : PANEL;
        fill(4 + 2 * (int)i, 2, 1, 25, ' ', ON(TEXT, back));
        put(4 + 2 * (int)i, 3, ON(here ? YELLOW : GOLD, back), "%u", i + 1);
        put(4 + 2 * (int)i, 6, ON(here ? WHITE : TEXT, back), "%s", step_texts[i].name);
        hot(4 + 2 * (int)i, 2, 25, '1' + (int)i);
        if (i + 1 < STEPS)
            put(5 + 2 * (int)i, 3, ON(DIM, PANEL), "\xb3");
    }
}

/* A value, brighter if the step has changed it. */
static void value(int row, int col, const char *name, u32 now, u32 before, int digits)
{
    u8 colour = ON(now == before ? TEXT : BRIGHT_GREEN, PANEL);

    put(row, col, ON(DIM, PANEL), "%-6s", name);
    put(row, col + 7, colour, digits == 4 ? "%04x" : "%08x", now);
}

static void draw_registers(const struct step *s, const struct step *before)
{
    value(14, 32, "CR0", s->cr0, before->cr0, 8);
    value(15, 32, "CR3", s->cr3, before->cr3, 8);
    value(16, 32, "EFLAGS", s->eflags, before->eflags, 8);
    value(17, 32, "EIP", s->eip, s->eip, 8);
    value(18, 32, "ESP", s->esp, s->esp, 8);
    value(14, 49, "CS", s->cs, before->cs, 4);
    value(15, 49, "DS", s->ds, before->ds, 4);
    value(16, 49, "SS", s->ss, before->ss, 4);
    value(17, 49, "TR", s->tr, before->tr, 4);
    value(14, 63, "GDTR", s->gdtr.base, before->gdtr.base, 8);
    value(15, 63, "limit", s->gdtr.limit, before->gdtr.limit, 4);
    value(16, 63, "IDTR", s->idtr.base, before->idtr.base, 8);
    value(17, 63, "limit", s->idtr.limit, before->idtr.limit, 4);
    for (unsigned i = 0, col = 50; i < ARRAY_LEN(cr0_bits); i++, col += 3) {
        bool set = s->cr0 & cr0_bits[i].bit, was = before->cr0 & cr0_bits[i].bit;
        put(18, (int)col,
            ON(set != was ? BRIGHT_GREEN
               : set      ? TEXT
                          : DIM,
               PANEL),
            "%s", cr0_bits[i].name);
    }
}

/* One line that this step can show of the memory as it is now. */
static void draw_proof(void)
{
    static const char *const methods[] = {"", "by INT 15h", "by port 92h", "by the 8042"};
    u32 *linear = (u32 *)PLAYGROUND;
    char text[80] = "";

    if (chosen == STEP_REAL)
        format(text, sizeof(text), "Drive %02Xh, %u sectors; INT 10h at %04x:%04x", boot_drive,
               (u32)image_sectors, *(volatile u16 *)0x42, *(volatile u16 *)0x40);
    else if (chosen == STEP_A20)
        format(text, sizeof(text), "FFFF:7E0E was %04X, is %04X; %s", a20_closed, a20_open,
               methods[a20_method]);
    else if (chosen == STEP_GDT || chosen == STEP_PROTECTED)
        format(text, sizeof(text), "descriptor 08: %08x%08x", (u32)(gdt[1] >> 32), (u32)gdt[1]);
    else if (chosen == STEP_IDT)
        format(text, sizeof(text), "vector 14: %08x%08x", (u32)(idt[14] >> 32), (u32)idt[14]);
    else if (chosen == STEP_TSS)
        format(text, sizeof(text), "descriptor 28: %08x%08x", (u32)(gdt[5] >> 32), (u32)gdt[5]);
    else if (chosen == STEP_PAGING)
        format(text, sizeof(text), "At %08x: %s", PLAYGROUND, (const char *)linear);
    put(20, 32, ON(BRIGHT_CYAN, PANEL), "%s", text);
}

static void draw_journey(void)
{
    const struct step *s = &steps[chosen], *before = chosen ? s - 1 : s;

    draw_steps();
    box(2, 30, 20, 49, step_texts[chosen].name);
    paragraph(4, 32, 45, ON(TEXT, PANEL), step_texts[chosen].text);
    put(12, 32, ON(GOLD, PANEL), "%s", step_texts[chosen].code);
    draw_registers(s, before);
    draw_proof();
}

static void journey_key(int key)
{
    if (key == KEY_DOWN || key == KEY_ENTER || key == ' ' || key == KEY_RIGHT)
        chosen = (chosen + 1) % STEPS;
    else if (key == KEY_UP || key == KEY_LEFT)
        chosen = (chosen + STEPS - 1) % STEPS;
    else if (key >= '1' && key < '1' + STEPS)
        chosen = (unsigned)(key - '1');
}

const struct page journey_page = {
    .key = '1',
    .name = "From real mode to paging",
    .about = "Every PC starts as an 8086. The eight steps from there to protected mode with "
             "paging, with the "
             "registers that they left.",
    .hints = "\x18\x19 step  Esc menu",
    .interval = 40,
    .draw = draw_journey,
    .key_pressed = journey_key,
};
