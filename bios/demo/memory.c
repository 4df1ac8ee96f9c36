/* The page about memory: the map that the firmware has given in real mode, and what lies below 1
 * MiB. */
#include "bios/demo/demo.h"

#define BAR_WIDTH 72

static const struct {
    const char *name;
    u8 colour;
} types[] = {{"?", DIM},           {"RAM", BRIGHT_GREEN},
             {"reserved", GOLD},   {"ACPI tables", BRIGHT_CYAN},
             {"ACPI NVS", VIOLET}, {"bad", BRIGHT_RED}};

static const struct {
    u32 start, end;
    const char *what;
    u8 colour;
} low_areas[] = {
    {0, 0x400, "vectors of real mode", BRIGHT_CYAN},
    {0x400, 0x500, "BIOS data", GOLD},
    {0x7c00, 0, "this program", BRIGHT_GREEN},
    {0xa0000, 0xb0000, "VGA graphics", VIOLET},
    {0xb8000, 0xc0000, "VGA text", PINK},
    {0xc0000, 0xd0000, "video BIOS", GOLD},
    {0xe0000, 0x100000, "system BIOS", GOLD},
};

static void draw_ranges(void)
{
    u32 kib = 0;

    put(4, 4, ON(DIM, PANEL), "from              to                KiB         type");
    for (unsigned i = 0; i < memory_ranges && i < 9; i++) {
        const struct memory_range *r = &memory_map[i];
        u64 end = r->base + r->len - 1;
        u32 type = r->type < ARRAY_LEN(types) ? r->type : 0, size = (u32)(r->len >> 10);
        int row = 5 + (int)i;
        put(row, 4, ON(WHITE, PANEL), "%08x%08x  %08x%08x", (u32)(r->base >> 32), (u32)r->base,
            (u32)(end >> 32), (u32)end);
        put(row, 40, ON(TEXT, PANEL), "%-10u", size);
        put(row, 52, ON(types[type].colour, PANEL), "%s", types[type].name);
        kib += r->type == 1 ? size : 0;
    }
    put(4, 62, ON(BRIGHT_GREEN, PANEL), "RAM: %u KiB", kib);
}

/* 1 MiB in cells of some 14 KiB, each with the colour of what lies there. */
static void draw_low(void)
{
    put(15, 4, ON(DIM, PANEL), "0");
    put(15, 70, ON(DIM, PANEL), "1 MiB");
    fill(16, 4, 1, BAR_WIDTH, 0xb0, ON(DIM, PANEL));
    for (unsigned i = 0; i < ARRAY_LEN(low_areas); i++) {
        u32 end = low_areas[i].end ? low_areas[i].end : (u32)bss_end;
        u32 first = low_areas[i].start * BAR_WIDTH >> 20, last = (end * BAR_WIDTH - 1) >> 20;
        fill(16, 4 + (int)first, 1, (int)(last - first + 1), 0xdb, ON(low_areas[i].colour, PANEL));
        put(17 + (int)i / 2, 4 + 37 * (int)(i % 2), ON(low_areas[i].colour, PANEL), "\xfe");
        put(17 + (int)i / 2, 6 + 37 * (int)(i % 2), ON(TEXT, PANEL), "%05x %s", low_areas[i].start,
            low_areas[i].what);
    }
}

static void draw_memory_page(void)
{
    box(2, 1, 20, 78, "What INT 15h, E820h says of memory");
    draw_ranges();
    draw_low();
}

const struct page memory_page = {
    .key = '6',
    .name = "Memory",
    .about = "The memory map that the firmware gives to an operating system, and what lies in the "
             "first MiB of "
             "every PC.",
    .hints = "Esc menu",
    .interval = 100,
    .draw = draw_memory_page,
};
