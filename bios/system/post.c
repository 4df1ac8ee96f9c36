/* Power-on: RAM holds a copy of the ROM already (entry.S). Sets up chips, vectors and the BIOS data
 * area, runs option ROMs, finds drives, and boots. */
#include "bios/shared.h"
#include "bios/system/services.h"

struct shared shared;

#define ENTRY(name) extern const u8 name##_entry[]
ENTRY(iret);
ENTRY(eoi1);
ENTRY(eoi2);
ENTRY(irq0);
ENTRY(irq1);
ENTRY(irq6);
ENTRY(rtc_irq);
ENTRY(irq9);
ENTRY(irq12);
ENTRY(irq13);
ENTRY(irq14);
ENTRY(int10);
ENTRY(int14);
ENTRY(int16);
ENTRY(int18);
extern const u8 font8x8[];

/* Where old programs know an entry to be (IBM AT Technical Reference, BIOS). */
#define AT(offset) ((const u8 *)(offset))

/* All vectors but those of the table lead to an IRET, so that an INT that nobody serves does
 * nothing. 60h-66h are the user's, and zero if free; so is 79h, by which a disk protection looks
 * for itself.
 */
static void vectors_init(void)
{
    static const struct {
        u8 vector;
        const u8 *entry;
    } table[] = {
        {0x02, AT(0xe2c3)},    {0x05, AT(0xff54)},  {0x08, irq0_entry},  {0x09, irq1_entry},
        {0x0a, eoi1_entry},    {0x0b, eoi1_entry},  {0x0c, eoi1_entry},  {0x0d, eoi1_entry},
        {0x0e, irq6_entry},    {0x0f, eoi1_entry},  {0x10, int10_entry}, {0x11, AT(0xf84d)},
        {0x12, AT(0xf841)},    {0x13, AT(0xe3fe)},  {0x14, int14_entry}, {0x15, AT(0xf859)},
        {0x16, int16_entry},   {0x17, AT(0xefd2)},  {0x18, int18_entry}, {0x19, AT(0xe6f2)},
        {0x1a, AT(0xfe6e)},    {0x1e, AT(0xefc7)},  {0x1f, font8x8},     {0x40, AT(0xec59)},
        {0x70, rtc_irq_entry}, {0x71, irq9_entry},  {0x72, eoi2_entry},  {0x73, eoi2_entry},
        {0x74, irq12_entry},   {0x75, irq13_entry}, {0x76, irq14_entry}, {0x77, irq14_entry},
    };

    for (unsigned n = 0; n < 0x100; n++)
        set_vector((u8)n, CODE_SEG, (u16)(u32)iret_entry);
    for (unsigned n = 0x60; n < 0x67; n++)
        set_vector((u8)n, 0, 0);
    set_vector(0x79, 0, 0);
    for (unsigned i = 0; i < ARRAY_LEN(table); i++)
        set_vector(table[i].vector, CODE_SEG, (u16)(u32)table[i].entry);
}

static void memory_init(void)
{
    for (unsigned off = 0; off < 0x100; off += 2)
        poke16(BDA_SEG, off, 0);
    for (unsigned off = 0; off < 0x400; off += 2)
        poke16(EBDA_SEG, off, 0);
    BDA->memory_kib = EBDA_SEG / 64;
    BDA->ebda = EBDA_SEG;
    poke8(EBDA_SEG, 0, 1); /* its size in KiB */
    BDA->equipment = 0x24; /* mouse, text in colours */
}

/* Reset leaves the FPU with single precision and no exception masked (SDM 1 8.1.5), and programs
 * that are booted count on a BIOS that has looked for it this way. */
static void fpu_init(void)
{
    u16 status = 0xffff;

    asm volatile("fninit\n\tfnstsw %0" : "+m"(status));
    if (!status)
        BDA->equipment |= 2;
}

/* The interrupt table of real mode. */
static void cpu_init(void)
{
    static const struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) table = {0x3ff, 0};

    asm volatile("lidtl %0" : : "m"(table));
}

/* Vectors 08h and 70h on; timer, keyboard, cascade, diskette drive and clock may interrupt. */
static void interrupts_init(void)
{
    static const u8 writes[][2] = {{0x20, 0x11}, {0x21, 0x08}, {0x21, 4}, {0x21, 1},
                                   {0xa0, 0x11}, {0xa1, 0x70}, {0xa1, 2}, {0xa1, 1},
                                   {0x21, 0xb8}, {0xa1, 0x8e}};

    for (unsigned i = 0; i < ARRAY_LEN(writes); i++)
        outb(writes[i][0], writes[i][1]);
}

/* The first 8237's requests come in at channel 4, the second one's first. */
static void dma_init(void)
{
    outb(0x0d, 0);
    outb(0xda, 0);
    outb(0xd6, 0xc0);
    outb(0xd4, 0);
}

/* The video BIOS takes over INT 05h: it knows what is on the screen. */
static void print_screen_init(void)
{
    struct regs r = {.ax = 0x1200, .bx = 0x20};

    call_int(0x10, &r);
}

void power_on_self_test(void)
{
    cpu_init();
    call32(post_setup, 0);
    vectors_init();
    memory_init();
    fpu_init();
    interrupts_init();
    dma_init();
    time_init();
    pnp_init();
    video_rom();
    print_screen_init();
    print("Orrery BIOS   %u KiB\n", 640 + ((shared.ram_end - 0x100000) >> 10));
    let_irqs_in();
    mouse_init();
    keyboard_init();
    ports_init();
    ata_init();
    disk_init();
    floppy_init();
    option_roms();
    boot_init();
    call32(post_lock, 0);
    let_irqs_in();
    a20_init();
    asm volatile("int $0x19");
    __builtin_unreachable();
}
