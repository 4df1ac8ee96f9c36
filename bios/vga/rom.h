/* What the parts of the VGA BIOS share: the caller's registers, far memory, ports, the BIOS data
 * area.
 *
 * C runs in 16-bit segments with DS = ES = SS, the caller's stack, so pointers reach the stack
 * only. Constants of the ROM are marked ROM and read by GS; everything else is reached by segment
 * and offset, through FS. There are no variables: state is in the BIOS data area and the device. */
#ifndef BIOS_VGA_ROM_H
#define BIOS_VGA_ROM_H

#include "base/types.h"

#define ROM __seg_gs
#define FAR volatile __seg_fs

/* The caller's registers as entry.s leaves them on the stack. */
#define REGISTER(r)                                                                                \
    union {                                                                                        \
        u32 e##r##x;                                                                               \
        u16 r##x;                                                                                  \
        struct {                                                                                   \
            u8 r##l, r##h;                                                                         \
        };                                                                                         \
    }

struct frame {
    u16 gs, fs, es, ds;
    union {
        u32 edi;
        u16 di;
    };
    union {
        u32 esi;
        u16 si;
    };
    union {
        u32 ebp;
        u16 bp;
    };
    u32 esp;
    REGISTER(b);
    REGISTER(d);
    REGISTER(c);
    REGISTER(a);
} __attribute__((packed, may_alias));

/* -- ports -- */

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(u16 port, u16 value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(u16 port, u32 value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u16 inw(u16 port)
{
    u16 value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u32 inl(u16 port)
{
    u32 value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

enum {
    PORT_ATTR = 0x3c0,
    PORT_MISC = 0x3c2,
    PORT_SEQ = 0x3c4,
    PORT_DAC_MASK = 0x3c6,
    PORT_DAC_READ = 0x3c7,
    PORT_DAC_WRITE = 0x3c8,
    PORT_DAC_DATA = 0x3c9,
    PORT_MISC_READ = 0x3cc,
    PORT_GC = 0x3ce,
};

static inline void set_reg(u16 port, u8 index, u8 value)
{
    outw(port, (u16)(value << 8 | index));
}

static inline u8 get_reg(u16 port, u8 index)
{
    outb(port, index);
    return inb((u16)(port + 1));
}

/* -- memory -- */

static inline void use_segment(u16 seg)
{
    __asm__ volatile("movw %w0, %%fs" : : "r"((u32)seg));
}

static inline u8 peek8(u16 seg, u32 at)
{
    use_segment(seg);
    return *(const FAR u8 *)(at & 0xffff);
}

static inline u16 peek16(u16 seg, u32 at)
{
    use_segment(seg);
    return *(const FAR u16 *)(at & 0xffff);
}

static inline u32 peek32(u16 seg, u32 at)
{
    use_segment(seg);
    return *(const FAR u32 *)(at & 0xffff);
}

static inline void poke8(u16 seg, u32 at, u8 value)
{
    use_segment(seg);
    *(FAR u8 *)(at & 0xffff) = value;
}

static inline void poke16(u16 seg, u32 at, u16 value)
{
    use_segment(seg);
    *(FAR u16 *)(at & 0xffff) = value;
}

static inline void poke32(u16 seg, u32 at, u32 value)
{
    use_segment(seg);
    *(FAR u32 *)(at & 0xffff) = value;
}

/* A far pointer as vectors and tables have it: segment in the upper half. */
#define FAR_POINTER(seg, at) ((u32)(seg) << 16 | (u16)(at))

/* Where the ROM lies. */
static inline u16 rom_segment(void)
{
    u32 seg;
    __asm__("movl %%cs, %0" : "=r"(seg));
    return (u16)seg;
}

/* Where C's objects are. */
static inline u16 stack_segment(void)
{
    u32 seg;
    __asm__("movl %%ss, %0" : "=r"(seg));
    return (u16)seg;
}

#define ROM_POINTER(object) FAR_POINTER(rom_segment(), (u32) & (object))

/* The string instructions: n bytes or words between segments, upwards. */
void copy_bytes(u16 to_seg, u16 to, u16 from_seg, u16 from, u16 n);
void fill_bytes(u16 seg, u16 at, u8 value, u16 n);
void fill_words(u16 seg, u16 at, u16 value, u16 n);

/* -- BIOS data area (RBIL, MEMORY.LST, segment 0040h) -- */

enum {
    BDA_EQUIPMENT = 0x10,
    BDA_MODE = 0x49,
    BDA_COLUMNS = 0x4a,
    BDA_PAGE_SIZE = 0x4c,
    BDA_PAGE_START = 0x4e,
    BDA_CURSOR = 0x50, /* column and row of each page */
    BDA_CURSOR_SHAPE = 0x60,
    BDA_PAGE = 0x62,
    BDA_CRTC = 0x63,
    BDA_CGA_MODE = 0x65,
    BDA_CGA_COLOUR = 0x66,
    BDA_LAST_ROW = 0x84,
    BDA_HEIGHT = 0x85,
    BDA_INFO = 0x87,
    BDA_SWITCHES = 0x88,
    BDA_FLAGS = 0x89,
    BDA_DISPLAY = 0x8a,
    BDA_SAVE_POINTER = 0xa8,
    BDA_VBE_MODE = 0xba, /* 0: none. By convention of Bochs's BIOS */
};

enum { INFO_NO_CLEAR = 0x80, INFO_INACTIVE = 0x08, INFO_MONO = 0x02, INFO_NO_EMULATION = 0x01 };
enum {
    FLAG_200_LINES = 0x80,
    FLAG_400_LINES = 0x10,
    FLAG_NO_PALETTE = 0x08,
    FLAG_MONO = 0x04,
    FLAG_GRAY = 0x02,
    FLAG_ACTIVE = 0x01,
};

static inline u8 bda8(u16 at)
{
    return peek8(0x40, at);
}

static inline u16 bda16(u16 at)
{
    return peek16(0x40, at);
}

static inline void set_bda8(u16 at, u8 value)
{
    poke8(0x40, at, value);
}

static inline void set_bda16(u16 at, u16 value)
{
    poke16(0x40, at, value);
}

static inline void set_vector(u8 n, u32 pointer)
{
    poke32(0, n * 4u, pointer);
}

static inline u32 get_vector(u8 n)
{
    return peek32(0, n * 4u);
}

#endif
