/* What the real-mode sources share: ports, other segments, the frame of a service, the BIOS data
 * area.
 *
 * CS is F000; DS, ES and SS are E000, where all variables, constants and the stack are, so pointers
 * are offsets in it; FS is 0040, the BIOS data area, read as BDA->field. Everything of a caller is
 * in another segment and is reached through GS by the accessors below. */
#ifndef BIOS_BIOS_H
#define BIOS_BIOS_H

#include "base/types.h"

#define DATA_SEG 0xe000
#define CODE_SEG 0xf000

/* ---- ports ---- */

static inline void outb(u16 port, u8 v)
{
    asm volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outw(u16 port, u16 v)
{
    asm volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outl(u16 port, u32 v)
{
    asm volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline u8 inb(u16 port)
{
    u8 v;
    asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline u16 inw(u16 port)
{
    u16 v;
    asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline u32 inl(u16 port)
{
    u32 v;
    asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline u8 cmos_read(u8 index)
{
    outb(0x70, index);
    return inb(0x71);
}

static inline void cmos_write(u8 index, u8 v)
{
    outb(0x70, index);
    outb(0x71, v);
}

/* ---- registers ---- */

#define HALVES(r)                                                                                  \
    union {                                                                                        \
        u32 e##r##x;                                                                               \
        u16 r##x;                                                                                  \
        struct {                                                                                   \
            u8 r##l, r##h;                                                                         \
        };                                                                                         \
    }
#define WHOLE(r)                                                                                   \
    union {                                                                                        \
        u32 e##r;                                                                                  \
        u16 r;                                                                                     \
    }

/* As PUSHAD leaves them in memory. */
#define GENERAL                                                                                    \
    WHOLE(di);                                                                                     \
    WHOLE(si);                                                                                     \
    WHOLE(bp);                                                                                     \
    u32 esp;                                                                                       \
    HALVES(b);                                                                                     \
    HALVES(d);                                                                                     \
    HALVES(c);                                                                                     \
    HALVES(a)

struct general {
    GENERAL;
};

#define LOW8(x)  ((u8)(x))
#define HIGH8(x) ((u8)((x) >> 8))

#endif
