/* VBE's two information blocks (VBE 3.0, 4.3 and 4.4), the table of modes, and where the memory is.
 */
#include "bios/vga/dispi.h"
#include "bios/vga/vbe.h"

extern const u8 ROM window_call[]; /* entry.s */

#define MODE(number, width, height, bits) {number, width, height, bits},
static const struct vbe_mode ROM vbe_modes[] = {
#include "bios/vga/vbe_modes.def"
};
#undef MODE

/* The list that 4F00h points at. */
#define MODE(number, width, height, bits) number,
static const u16 ROM numbers[] = {
#include "bios/vga/vbe_modes.def"
    0xffff};
#undef MODE

static const char ROM oem[] = "Orrery VGA BIOS";
static const char ROM vendor[] = "Orrery";
static const char ROM product[] = "Standard VGA with dispi";
static const char ROM revision[] = "1";

const struct vbe_mode ROM *find_vbe_mode(u16 number)
{
    for (u16 i = 0; i < ARRAY_LEN(vbe_modes); i++) {
        if (vbe_modes[i].number == number)
            return &vbe_modes[i];
    }
    return 0;
}

/* ---- the device ---- */

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_ID      0x11111234

u16 memory_size(void)
{
    return dispi_read(DISPI_MEMORY);
}

static u32 pci_read(u32 slot, u32 reg)
{
    outl(PCI_ADDRESS, 0x80000000 | slot << 11 | reg);
    return inl(PCI_DATA);
}

/* Software may move the BAR, so nobody remembers it. */
u32 memory_address(void)
{
    u32 before = inl(PCI_ADDRESS), address = 0;

    for (u32 slot = 0; slot < 32 && !address; slot++) {
        if (pci_read(slot, 0) == PCI_ID)
            address = pci_read(slot, 0x10) & ~15u;
    }
    outl(PCI_ADDRESS, before);
    return address;
}

/* ---- 4F00h ---- */

u16 vbe_controller(struct frame *f)
{
    u16 seg = f->es, at = f->di;
    bool two = peek32(seg, at) == 0x32454256; /* "VBE2": a block of 512 bytes, names too */

    fill_bytes(seg, at, 0, two ? 512 : 256);
    poke32(seg, at, 0x41534556); /* "VESA" */
    poke16(seg, at + 4u, 0x0300);
    poke32(seg, at + 6u, ROM_POINTER(oem));
    poke32(seg, at + 0x0au, 1); /* the DAC's width can be changed */
    poke32(seg, at + 0x0eu, ROM_POINTER(numbers));
    poke16(seg, at + 0x12u, memory_size());
    if (two) {
        poke32(seg, at + 0x16u, ROM_POINTER(vendor));
        poke32(seg, at + 0x1au, ROM_POINTER(product));
        poke32(seg, at + 0x1eu, ROM_POINTER(revision));
    }
    return VBE_DONE;
}

/* ---- 4F01h ---- */

/* Supported, with extended information, written to by the BIOS, in colour, graphics. */
#define ATTRIBUTES        0x1f
#define ATTRIBUTES_LINEAR 0x9f

enum { MODEL_PLANAR = 3, MODEL_PACKED = 4, MODEL_DIRECT = 6 };

/* Sizes and places of red, green, blue and the rest. */
static const struct {
    u8 bits, fields[8];
} ROM layouts[] = {
    {15, {5, 10, 5, 5, 5, 0, 1, 15}},
    {16, {5, 11, 6, 5, 5, 0, 0, 0}},
    {24, {8, 16, 8, 8, 8, 0, 0, 0}},
    {32, {8, 16, 8, 8, 8, 0, 8, 24}},
};

static void put_layout(u16 seg, u16 at, u8 bits)
{
    for (u8 n = 0; n < ARRAY_LEN(layouts); n++) {
        for (u8 i = 0; i < 8 && layouts[n].bits == bits; i++) {
            poke8(seg, at + 0x1fu + i, layouts[n].fields[i]); /* banked */
            poke8(seg, at + 0x36u + i, layouts[n].fields[i]); /* linear */
        }
    }
}

u16 vbe_mode_info(struct frame *f)
{
    const struct vbe_mode ROM *m = find_vbe_mode(f->cx & VBE_NUMBER);
    u16 seg = f->es, at = f->di;
    u32 pitch, size, pages;

    if (!m)
        return VBE_FAILED;
    pitch = m->bits == 4 ? m->width / 8 : m->width * ((m->bits + 7u) / 8);
    size = pitch * m->height * (m->bits == 4 ? 4 : 1);
    pages = ((u32)memory_size() << 16) / size - 1;
    if (pages > 255)
        pages = 255;
    fill_bytes(seg, at, 0, 256);
    poke16(seg, at, m->bits == 4 ? ATTRIBUTES : ATTRIBUTES_LINEAR);
    poke8(seg, at + 2u, 7);   /* window A: there, to read and to write */
    poke16(seg, at + 4u, 64); /* granularity and size, KiB */
    poke16(seg, at + 6u, 64);
    poke16(seg, at + 8u, 0xa000);
    poke32(seg, at + 0x0cu, ROM_POINTER(window_call));
    poke16(seg, at + 0x10u, (u16)pitch);
    poke16(seg, at + 0x12u, m->width);
    poke16(seg, at + 0x14u, m->height);
    poke8(seg, at + 0x16u, 8); /* characters */
    poke8(seg, at + 0x17u, 16);
    poke8(seg, at + 0x18u, m->bits == 4 ? 4 : 1); /* planes */
    poke8(seg, at + 0x19u, m->bits);
    poke8(seg, at + 0x1au, 1); /* banks */
    poke8(seg, at + 0x1bu,
          m->bits == 4   ? MODEL_PLANAR
          : m->bits == 8 ? MODEL_PACKED
                         : MODEL_DIRECT);
    poke8(seg, at + 0x1du, (u8)pages);
    poke8(seg, at + 0x1eu, 1);
    put_layout(seg, at, m->bits);
    if (m->bits == 32)
        poke8(seg, at + 0x27u, 2); /* the rest may be used */
    if (m->bits != 4)
        poke32(seg, at + 0x28u, memory_address());
    poke16(seg, at + 0x32u, (u16)pitch);
    poke8(seg, at + 0x34u, (u8)pages);
    poke8(seg, at + 0x35u, (u8)pages);
    poke32(seg, at + 0x3eu, 400000000); /* dots a second */
    return VBE_DONE;
}
