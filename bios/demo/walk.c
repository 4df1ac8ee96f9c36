/* The page about paging: the walk from a linear address to memory, in the tables that the CPU
 * itself uses. What is read and written there sets the accessed and dirty bits before the reader's
 * eyes. */
#include "bios/demo/demo.h"

#define STRIP 64 /* neighbours that are shown */

static u32 address = PLAYGROUND;
static char message[64];
static u8 message_colour;

static const struct {
    u32 address;
    const char *what;
} places[] = {
    {PLAYGROUND, "playground"},
    {PLAYGROUND + 4 * PAGE_SIZE, "the same frame as page 0"},
    {PLAYGROUND + 5 * PAGE_SIZE, "a page that is read-only"},
    {PLAYGROUND + 8 * PAGE_SIZE, "a page that is not present"},
    {0xb8000, "the screen you read"},
    {0x7c00, "our boot sector"},
    {0xfffffff0, "nothing is mapped here"},
};

static const struct {
    u32 bit;
    char set;
    const char *name;
} flags[] = {{PAGE_PRESENT, 'P', "present"},
             {PAGE_WRITE, 'W', "writable"},
             {PAGE_USER, 'U', "user"},
             {PAGE_ACCESSED, 'A', "accessed"},
             {PAGE_DIRTY, 'D', "dirty"}};

static void draw_entry(int row, const char *name, u32 at, u32 entry)
{
    put(row, 4, ON(GOLD, PANEL), "%s", name);
    put(row, 32, ON(DIM, PANEL), "at %08x", at);
    put(row, 46, ON(WHITE, PANEL), "%08x", entry);
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        bool set = entry & flags[i].bit;
        put(row, 58 + 3 * (int)i,
            set ? ON(flags[i].bit >= PAGE_ACCESSED ? BRIGHT_GREEN : WHITE, BAR) : ON(DIM, PANEL),
            " %c ", flags[i].set);
    }
}

static void draw_split(void)
{
    put(4, 4, ON(DIM, PANEL), "Linear address");
    put(4, 22, ON(YELLOW, PANEL), "%08x", address);
    put(4, 34, ON(BRIGHT_CYAN, PANEL), "%010o", address >> 22);
    put(4, 46, ON(PINK, PANEL), "%010o", address >> 12 & 0x3ff);
    put(4, 58, ON(BRIGHT_GREEN, PANEL), "%012o", address & 0xfff);
    put(5, 34, ON(DIM, PANEL), "directory   table       offset");
}

static void draw_walk(void)
{
    u32 *pde = page_directory_entry(address), *pte = page_table_entry(address);
    char text[40];

    put(7, 4, ON(GOLD, PANEL), "CR3");
    put(7, 46, ON(WHITE, PANEL), "%08x", read_cr3());
    format(text, sizeof(text), "directory, entry %u", address >> 22);
    draw_entry(9, text, (u32)pde, *pde);
    if (!pte) {
        put(11, 4, ON(BRIGHT_RED, PANEL),
            "The directory entry is not present: the walk ends with a page fault.");
        return;
    }
    format(text, sizeof(text), "table, entry %u", address >> 12 & 0x3ff);
    draw_entry(11, text, (u32)pte, *pte);
    if (!(*pte & PAGE_PRESENT)) {
        put(13, 4, ON(BRIGHT_RED, PANEL),
            "The table entry is not present: the walk ends with a page fault.");
        return;
    }
    put(13, 4, ON(GOLD, PANEL), "physical address");
    put(13, 46, ON(YELLOW, PANEL), "%08x", (*pte & ~PAGE_MASK) | (address & PAGE_MASK));
    put(8, 49, ON(DIM, PANEL), "\x19");
    put(10, 49, ON(DIM, PANEL), "\x19");
    put(12, 49, ON(DIM, PANEL), "\x19");
}

/* Looking must not set bits, so the memory is read through another mapping. */
static void draw_memory(void)
{
    const u32 *pte = page_table_entry(address);

    if (!pte || !(*pte & PAGE_PRESENT))
        return;
    const u8 *bytes = view_physical((*pte & ~PAGE_MASK) | (address & PAGE_MASK & ~15u));
    for (int i = 0; i < 16; i++) {
        put(14, 22 + 3 * i, ON(i == (int)(address & 15) ? YELLOW : TEXT, PANEL), "%02x", bytes[i]);
        put(15, 22 + 3 * i, ON(DIM, PANEL), " %c",
            bytes[i] < 32 || bytes[i] > 126 ? 0xfa : bytes[i]);
    }
}

static char entry_letter(u32 entry)
{
    return (char)(!(entry & PAGE_PRESENT) ? 0xfa
                  : entry & PAGE_DIRTY    ? 'D'
                  : entry & PAGE_ACCESSED ? 'A'
                  : entry & PAGE_WRITE    ? 'w'
                                          : 'r');
}

static void draw_strip(void)
{
    u32 first = address & ~(STRIP * PAGE_SIZE - 1);

    put(17, 4, ON(DIM, PANEL), "%u pages from %08x on: \xfa absent  r read-only  w writable  A  D",
        STRIP, first);
    for (u32 i = 0; i < STRIP; i++) {
        u32 at = first + i * PAGE_SIZE;
        const u32 *pte = page_table_entry(at);
        u32 entry = pte ? *pte : 0;
        u8 colour = entry & PAGE_DIRTY      ? BRIGHT_RED
                    : entry & PAGE_ACCESSED ? BRIGHT_GREEN
                    : entry & PAGE_PRESENT  ? TEXT
                                            : DIM;
        put(18, 4 + (int)i, ON(colour, at / PAGE_SIZE == address / PAGE_SIZE ? BAR : PANEL), "%c",
            entry_letter(entry));
    }
}

static void draw_page_tables(void)
{
    box(2, 1, 20, 78, "How an address is looked up");
    draw_split();
    draw_walk();
    draw_memory();
    draw_strip();
    put(20, 4, ON(message_colour, PANEL), "%s", message);
}

/* ---- what one can do ---- */

static void read_byte(void)
{
    *(volatile u8 *)address;
}

/* Only where it cannot hurt us is it another value. */
static bool in_playground(void)
{
    return address - PLAYGROUND < PLAYGROUND_PAGES * PAGE_SIZE;
}

static void write_byte(void)
{
    volatile u8 *byte = (volatile u8 *)address;

    *byte = (u8)(*byte + in_playground());
}

static void say(u8 colour, const char *fmt, u32 a, u32 b)
{
    message_colour = colour;
    format(message, sizeof(message), fmt, a, b);
}

static void access(void (*how)(void), const char *done)
{
    paging_changed(); /* else the TLB may spare the CPU the walk */
    if (!attempt(how))
        say(BRIGHT_GREEN, done, address, 0);
    else
        say(BRIGHT_RED, "Page fault: error code %u, CR2 %08x", last_exception.error, last_cr2);
}

static void toggle_present(void)
{
    u32 *pte = page_table_entry(address);

    if (!in_playground()) {
        say(GOLD, "Only the %u pages of the playground can be taken away.", PLAYGROUND_PAGES, 0);
        return;
    }
    *pte ^= PAGE_PRESENT;
    paging_changed();
    say(TEXT, "Present is %u now.", *pte & PAGE_PRESENT, 0);
}

static void clear_bits(void)
{
    u32 *pte = page_table_entry(address);

    if (!pte)
        return;
    *pte &= ~(u32)(PAGE_ACCESSED | PAGE_DIRTY);
    paging_changed();
    say(TEXT, "Accessed and dirty are cleared.", 0, 0);
}

static void next_place(void)
{
    unsigned next = 0;

    for (unsigned i = 0; i < ARRAY_LEN(places); i++)
        if (places[i].address == address)
            next = (i + 1) % ARRAY_LEN(places);
    address = places[next].address;
    message_colour = TEXT;
    format(message, sizeof(message), "%08x: %s", address, places[next].what);
}

static void walk_key(int key)
{
    static const struct {
        int key;
        u32 step;
    } moves[] = {{KEY_RIGHT, PAGE_SIZE}, {KEY_LEFT, -PAGE_SIZE},    {KEY_DOWN, 1},
                 {KEY_UP, -1u},          {KEY_PAGE_DOWN, 1u << 22}, {KEY_PAGE_UP, -(1u << 22)}};

    for (unsigned i = 0; i < ARRAY_LEN(moves); i++)
        if (moves[i].key == key)
            address += moves[i].step;
    if (key >= '0' && key <= '9')
        address = address << 4 | (u32)(key - '0');
    else if (key >= 'a' && key <= 'f')
        address = address << 4 | (u32)(key - 'a' + 10);
    else if (key == 'r')
        access(read_byte, "Read from %08x");
    else if (key == 'w')
        access(write_byte, "Written to %08x");
    else if (key == 't')
        toggle_present();
    else if (key == 'x')
        clear_bits();
    else if (key == 'n')
        next_place();
}

const struct page walk_page = {
    .key = '2',
    .name = "Live page tables",
    .about = "How the CPU finds memory behind a linear address. Move the address, read and write "
             "there, and watch "
             "the accessed and dirty bits; take a page away, and fault.",
    .hints = "\x1b\x1a page  0-f address  R read  W write  X clear  T take  N next  Esc menu",
    .interval = 40,
    .draw = draw_page_tables,
    .key_pressed = walk_key,
};
