/* The page about descriptors: the GDT and the IDT as the CPU sees them, read through SGDT and SIDT.
 */
#include "bios/demo/demo.h"

#define LINES 14

static bool interrupts_shown;
static unsigned chosen, top;

static const char *const names[GDT_ENTRIES] = {
    "null",   "code",   "data",   "code16", "data16", "task",
    "task A", "task B", "absent", "small",  "",       "",
};

static void draw_line(int row, unsigned i, u64 d)
{
    char words[48];
    u32 base, limit;
    u8 back = i == chosen ? BAR : PANEL;

    decode_descriptor(d, words, sizeof(words), &base, &limit);
    fill(row, 2, 1, 76, ' ', ON(TEXT, back));
    if (interrupts_shown)
        put(row, 3, ON(GOLD, back), "%2u", i);
    else
        put(row, 3, ON(GOLD, back), "%02x  %s", i * 8, names[i]);
    put(row, 15, ON(d ? WHITE : DIM, back), "%08x%08x", (u32)(d >> 32), (u32)d);
    if (d)
        put(row, 33, ON(BRIGHT_CYAN, back), interrupts_shown ? "%08x  %04x" : "%08x  %08x", base,
            limit);
    put(row, 54, ON(TEXT, back), "%s", words);
}

/* The rights of the chosen one, bit by bit. */
static void draw_rights(u64 d)
{
    u8 rights = (u8)(d >> 40), flags = (u8)(d >> 52) & 15;

    put(20, 3, ON(DIM, PANEL), "rights");
    put(20, 10, ON(WHITE, PANEL), "P %u  DPL %u  S %u  type %04o", rights >> 7, rights >> 5 & 3,
        rights >> 4 & 1, rights & 15);
    if (!interrupts_shown)
        put(20, 42, ON(WHITE, PANEL), "G %u  D/B %u", flags >> 3, flags >> 2 & 1);
    put(20, 56, ON(DIM, PANEL), interrupts_shown ? "came %u times" : "", vector_count[chosen]);
}

static void draw_tables(void)
{
    struct table_register r = interrupts_shown ? read_idtr() : read_gdtr();
    const u64 *table = (const u64 *)r.base;
    unsigned count = (r.limit + 1u) / 8;

    box(2, 1, 20, 78,
        interrupts_shown ? "IDT: a gate for each vector" : "GDT: what selectors stand for");
    put(3, 50, ON(DIM, PANEL), "base %08x limit %04x", r.base, r.limit);
    put(4, 3, ON(DIM, PANEL),
        interrupts_shown ? "vector      raw               offset    selector   is"
                         : "selector    raw               base      limit      is");
    for (unsigned i = 0; i < LINES && top + i < count; i++)
        draw_line(5 + (int)i, top + i, table[top + i]);
    draw_rights(table[chosen]);
}

static void tables_key(int key)
{
    unsigned count = interrupts_shown ? IDT_ENTRIES : GDT_ENTRIES;

    if (key == KEY_TAB) {
        interrupts_shown = !interrupts_shown;
        chosen = top = 0;
    } else if (key == KEY_DOWN && chosen + 1 < count) {
        chosen++;
    } else if (key == KEY_UP && chosen) {
        chosen--;
    } else if (key == KEY_PAGE_DOWN) {
        chosen = chosen + LINES < count ? chosen + LINES : count - 1;
    } else if (key == KEY_PAGE_UP) {
        chosen = chosen > LINES ? chosen - LINES : 0;
    }
    if (chosen < top)
        top = chosen;
    if (chosen >= top + LINES)
        top = chosen - LINES + 1;
}

const struct page descriptors_page = {
    .key = '3',
    .name = "Descriptors",
    .about = "The global descriptor table and the interrupt descriptor table, decoded as they "
             "stand. A segment "
             "becomes accessed, a task busy, while you look.",
    .hints = "\x18\x19 choose  Tab GDT or IDT  Esc menu",
    .interval = 20,
    .draw = draw_tables,
    .key_pressed = tables_key,
};
