/* Option ROMs: 55 AA, length in units of 512 bytes, code at offset 3; every 2 KiB may be one. */
#include "bios/shared.h"
#include "bios/system/services.h"

#define ROM_START 0xc000
#define ROM_END   0xe000
#define ROM_STEP  0x80 /* 2 KiB in paragraphs */

static u16 next_seg = ROM_START;

/* Size in paragraphs; 0 if there is no ROM. */
static u16 rom_size(u16 seg)
{
    u8 total = 0;
    u32 bytes;

    if (peek16(seg, 0) != 0xaa55)
        return 0;
    bytes = peek8(seg, 2) * 512u;
    for (u32 i = 0; i < bytes; i++)
        total += peek8((u16)(seg + (i >> 4)), i & 15);
    return total ? 0 : (u16)(bytes >> 4);
}

/* PnP expansion header: "$PnP"; at 0Eh the product's name, at 1Ah an entry that boots. */
static void note_boot_entry(u16 seg)
{
    u16 at = peek16(seg, 0x1a), name;
    char text[40];
    unsigned n = 0;

    if (!at || peek32(seg, at) != 0x506e5024 || !peek16(seg, at + 0x1au))
        return;
    name = peek16(seg, at + 0x10u);
    for (u8 c; name && n < sizeof(text) - 1 && (c = peek8(seg, name + n)); n++)
        text[n] = (char)c;
    text[n] = 0;
    boot_add_rom(seg, peek16(seg, at + 0x1au), text);
}

void pnp_init(void)
{
    u16 at = (u16)(u32)pnp_header;
    u8 total = 0;

    for (u8 i = 0; i < peek8(CODE_SEG, at + 5u); i++)
        total += peek8(CODE_SEG, at + i);
    poke8(CODE_SEG, at + 8u, peek8(CODE_SEG, at + 8u) - total);
}

static u16 run(u16 seg)
{
    u16 size = rom_size(seg);
    struct regs r;

    if (!size)
        return 0;
    memset(&r, 0, sizeof(r));
    for (u32 i = 0; i < shared.rom_count; i++)
        if (shared.roms[i].seg == seg)
            r.ax = shared.roms[i].function;
    r.bx = 0xffff;
    r.dx = 0xffff;
    r.es = CODE_SEG;
    r.di = (u16)(u32)pnp_header;
    call_far((u32)seg << 16 | 3, &r);
    size = (u16)(peek8(seg, 2) << 5); /* it may have given up part of itself */
    return size;
}

void video_rom(void)
{
    u16 size = run(ROM_START);

    next_seg = (u16)(ROM_START + ((size + ROM_STEP - 1) & ~(ROM_STEP - 1)));
}

void option_roms(void)
{
    while (next_seg < ROM_END) {
        u16 size = run(next_seg);
        if (size)
            note_boot_entry(next_seg);
        next_seg += size ? (u16)((size + ROM_STEP - 1) & ~(ROM_STEP - 1)) : ROM_STEP;
    }
}
