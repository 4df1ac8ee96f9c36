/* The window at A0000h: how the CPU's bytes become bytes of planes. Sequencer and graphics
 * controller (IBM PS/2 Video Subsystem Technical Reference, "VGA function"); chain-4 is packed, as
 * cards with more than 256 KiB do it: the byte at address n is plane n & 3, byte n >> 2.
 *
 * Where an access would change or show nothing but the byte itself - chain-4, all planes, nothing
 * in its way - the memory is put into the window directly, for the guest's speed. Reads then do not
 * load the latches. */
#include "devices/vga_state.h"

#include "base/bytes.h"
#include "mmu/phys.h"

#define DIRECT_SIZE 0x10000u

enum { MISC_RAM = 0x02 };
enum { SEQ_MAP_MASK = 2, SEQ_MODE = 4 };
enum { SEQ_NO_ODD_EVEN = 4, SEQ_CHAIN4 = 8 };
enum {
    GC_SET_RESET,
    GC_ENABLE_SET_RESET,
    GC_COMPARE,
    GC_ROTATE,
    GC_READ_MAP,
    GC_MODE,
    GC_MISC,
    GC_COMPARE_CARE,
    GC_BIT_MASK,
};
enum { GC_READ_COMPARE = 0x08, GC_READ_ODD_EVEN = 0x10, GC_CHAIN_ODD_EVEN = 0x02 };

/* Bit p of the index in all of byte p. */
static const u32 planes_of[16] = {
    0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff, 0x00ffff00, 0x00ffffff,
    0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff, 0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff,
};

static u32 all_planes(u8 byte)
{
    return byte * 0x01010101u;
}

static u32 bank(const struct vga *s)
{
    return vga_dispi_on(s) ? ((u32)s->dispi[DISPI_BANK] << 16) & (s->vram_size - 1) : 0;
}

/* From the offset in the window to that in the mapped part; false: nothing there. */
static inline bool map_address(const struct vga *s, u32 *addr)
{
    *addr -= s->path.start;
    if (*addr >= s->path.size)
        return false;
    *addr += s->path.bank;
    return true;
}

/* The dword of the planes that an address belongs to, as an index of vram. */
static inline u32 plane_offset(const struct vga *s, u32 addr)
{
    u32 at = addr;

    if (s->path.chain4)
        at = addr >> 2;
    else if (s->path.odd_even) /* bit 0 chooses planes; bit 16 stands in for it */
        at = (addr & ~1u) | (s->gc[GC_MISC] & 0x0c ? 0 : addr >> 16 & 1);
    return (at & s->path.last) * 4;
}

/* ---- reading ---- */

/* Read mode 1: ones where all planes that count have the colour. */
static u8 compare(const struct vga *s)
{
    u32 differ = s->latch ^ planes_of[s->gc[GC_COMPARE] & 15];

    differ &= planes_of[s->gc[GC_COMPARE_CARE] & 15];
    return (u8) ~(differ | differ >> 8 | differ >> 16 | differ >> 24);
}

static unsigned read_plane(const struct vga *s, u32 addr)
{
    if (s->seq[SEQ_MODE] & SEQ_CHAIN4)
        return addr & 3;
    if (s->gc[GC_MODE] & GC_READ_ODD_EVEN)
        return (s->gc[GC_READ_MAP] & 2u) | (addr & 1);
    return s->gc[GC_READ_MAP] & 3;
}

static u8 read_byte(struct vga *s, u32 addr)
{
    if (!map_address(s, &addr))
        return 0xff;
    s->latch = (u32)load_le(s->vram + plane_offset(s, addr), 4);
    if (s->gc[GC_MODE] & GC_READ_COMPARE)
        return compare(s);
    return (u8)(s->latch >> 8 * read_plane(s, addr));
}

/* ---- writing ---- */

static inline u32 write_planes(const struct vga *s, u32 addr)
{
    if (s->path.chain4)
        return s->path.planes & 0xffu << 8 * (addr & 3);
    if (s->path.odd_even_write)
        return s->path.planes & 0x00ff00ffu << 8 * (addr & 1);
    return s->path.planes;
}

static u8 rotated(const struct vga *s, u8 value)
{
    unsigned n = s->gc[GC_ROTATE] & 7;
    return (u8)(value >> n | value << (8 - n));
}

/* The logical function with the latches. */
static u32 combine(const struct vga *s, u32 value)
{
    switch (s->gc[GC_ROTATE] >> 3 & 3) {
    case 1: return value & s->latch;
    case 2: return value | s->latch;
    case 3: return value ^ s->latch;
    default: return value;
    }
}

/* What the four write modes make of a byte. */
static u32 written(const struct vga *s, u8 byte)
{
    u32 set_reset = planes_of[s->gc[GC_SET_RESET] & 15], mask = all_planes(s->gc[GC_BIT_MASK]);
    u32 enable = planes_of[s->gc[GC_ENABLE_SET_RESET] & 15], value;

    switch (s->gc[GC_MODE] & 3) {
    case 0: value = (all_planes(rotated(s, byte)) & ~enable) | (set_reset & enable); break;
    case 1: return s->latch;
    case 2: value = planes_of[byte & 15]; break;
    default:
        value = set_reset;
        mask &= all_planes(rotated(s, byte));
        break;
    }
    return (combine(s, value) & mask) | (s->latch & ~mask);
}

static void write_byte(struct vga *s, u32 addr, u8 byte)
{
    u8 *at;
    u32 offset, planes, value;

    if (!map_address(s, &addr))
        return;
    offset = plane_offset(s, addr);
    at = s->vram + offset;
    s->clean[offset >> PAGE_BITS] = 0;
    planes = write_planes(s, addr);
    value = s->path.plain ? all_planes(byte) : written(s, byte);
    store_le(at, 4, (load_le(at, 4) & ~planes) | (value & planes));
}

/* ---- the window ---- */

static u64 window_read(void *opaque, u64 addr, unsigned size)
{
    u64 value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (u64)read_byte(opaque, (u32)addr + i) << (8 * i);
    return value;
}

static void window_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    for (unsigned i = 0; i < size; i++)
        write_byte(opaque, (u32)addr + i, (u8)(value >> (8 * i)));
}

static u8 window_peek(void *opaque, u64 addr)
{
    struct vga *s = opaque;
    u32 latch = s->latch;
    u8 byte = read_byte(s, (u32)addr);

    s->latch = latch;
    return byte;
}

const struct mmio_ops vga_window_ops = {window_read, window_write, 1, 8, true, window_peek};

/* ---- after a change of registers ---- */

static bool written_plainly(const struct vga *s)
{
    return !(s->gc[GC_MODE] & 3) && !s->gc[GC_ENABLE_SET_RESET] && !s->gc[GC_ROTATE] &&
           s->gc[GC_BIT_MASK] == 0xff;
}

static void update_path(struct vga *s)
{
    static const struct {
        u32 start, size;
    } maps[4] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    unsigned map = s->gc[GC_MISC] >> 2 & 3;

    s->path = (struct vga_path){
        .start = maps[map].start,
        .size = s->misc & MISC_RAM ? maps[map].size : 0,
        .bank = map < 2 ? bank(s) : 0,
        .last = (vga_dispi_on(s) ? s->vram_size / 4 : VGA_PLANE_SIZE) - 1,
        .planes = planes_of[s->seq[SEQ_MAP_MASK] & 15],
        .chain4 = s->seq[SEQ_MODE] & SEQ_CHAIN4,
        .odd_even = s->gc[GC_MISC] & GC_CHAIN_ODD_EVEN,
        .odd_even_write = !(s->seq[SEQ_MODE] & SEQ_NO_ODD_EVEN),
        .plain = written_plainly(s),
    };
}

/* Is a byte in chain-4 just a byte? */
static bool transparent(const struct vga *s)
{
    return s->path.size && s->path.chain4 && s->path.plain && s->path.planes == ~0u &&
           (s->gc[GC_MISC] >> 2 & 3) == 1 && !(s->gc[GC_MODE] & GC_READ_COMPARE);
}

void vga_update_window(struct vga *s)
{
    struct phys *phys = s->dev.bus->phys;
    u8 *direct;

    update_path(s);
    direct = transparent(s) ? s->vram + bank(s) : NULL;
    if (direct == s->direct)
        return;
    if (s->direct && direct)
        phys_switch_shared(phys, VGA_WINDOW, s->direct, direct);
    else if (s->direct)
        phys_remove_shared(phys, VGA_WINDOW, s->direct);
    else
        phys_add_shared(phys, VGA_WINDOW, DIRECT_SIZE, direct);
    s->direct = direct;
}
