/* Paging: a directory of 1024 entries, each for 4 MiB, leads to tables of 1024 entries, each for a
 * page of 4 KiB (SDM vol. 3A, 4.3). The first 4 MiB are mapped to themselves, so that nothing moves
 * when paging is switched on. Where a linear address leads elsewhere is the playground of the page
 * about paging. */
#include "bios/demo/demo.h"

#define ENTRIES      1024
#define TABLE_BYTES  (ENTRIES * PAGE_SIZE)
#define VIEW         0x50000000u
#define VIEW_PAGES   17 /* 64 KiB from any byte of a page on */
#define FRAME_TABLES 4

static u32 directory[ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static u32 low_table[ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static u32 play_table[ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static u32 view_table[ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static u32 same_tables[FRAME_TABLES][ENTRIES] __attribute__((aligned(PAGE_SIZE)));

/* What the playground leads to. Two pages of it share a frame, one is read-only, others are not
 * there. */
static u8 frames[4][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void make_playground(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(frames); i++) {
        format((char *)frames[i], PAGE_SIZE, "I am frame number %u.", i);
        play_table[i] = (u32)frames[i] | PAGE_PRESENT | PAGE_WRITE;
    }
    play_table[4] = (u32)frames[0] | PAGE_PRESENT | PAGE_WRITE;
    play_table[5] = (u32)frames[1] | PAGE_PRESENT;
    directory[PLAYGROUND / TABLE_BYTES] = (u32)play_table | PAGE_PRESENT | PAGE_WRITE;
}

/* CR0.WP came with the 80486: the kernel, too, heeds pages that are read-only. An 80386 ignores the
 * bit. */
void paging_init(void)
{
    for (u32 i = 0; i < ENTRIES; i++)
        low_table[i] = i * PAGE_SIZE | PAGE_PRESENT | PAGE_WRITE;
    directory[0] = (u32)low_table | PAGE_PRESENT | PAGE_WRITE;
    directory[VIEW / TABLE_BYTES] = (u32)view_table | PAGE_PRESENT | PAGE_WRITE;
    make_playground();
    main_tss.cr3 = (u32)directory;
    write_cr3((u32)directory);
    write_cr0(read_cr0() | CR0_PG | CR0_WP);
    note_step(STEP_PAGING);
}

u32 *page_directory_entry(u32 linear)
{
    return &directory[linear / TABLE_BYTES];
}

u32 *page_table_entry(u32 linear)
{
    u32 entry = *page_directory_entry(linear);
    u32 *table = (u32 *)(entry & ~PAGE_MASK);

    return entry & PAGE_PRESENT ? &table[linear / PAGE_SIZE % ENTRIES] : NULL;
}

/* INVLPG for one page came with the 80486; loading CR3 works everywhere. */
void paging_changed(void)
{
    write_cr3(read_cr3());
}

void map_same(u32 start, u32 bytes)
{
    u32 first = start / TABLE_BYTES, last = (start + bytes - 1) / TABLE_BYTES;

    for (u32 n = first; n <= last && n - first < FRAME_TABLES; n++) {
        u32 *table = same_tables[n - first];
        for (u32 i = 0; i < ENTRIES; i++)
            table[i] = (n * TABLE_BYTES + i * PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITE;
        directory[n] = (u32)table | PAGE_PRESENT | PAGE_WRITE;
    }
    paging_changed();
}

u8 *view_physical(u32 address)
{
    for (u32 i = 0; i < VIEW_PAGES; i++)
        view_table[i] = ((address & ~PAGE_MASK) + i * PAGE_SIZE) | PAGE_PRESENT;
    paging_changed();
    return (u8 *)(VIEW + (address & PAGE_MASK));
}
