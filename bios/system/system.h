/* Real mode: other segments, the frame of a service, the BIOS data area, and who offers what. */
#ifndef BIOS_SYSTEM_H
#define BIOS_SYSTEM_H

#include "bios/bios.h"

/* ---- other segments ---- */

#define PEEK(type, name)                                                                           \
    static inline type name(u16 seg, u32 off)                                                      \
    {                                                                                              \
        type v;                                                                                    \
        asm volatile("movw %w1, %%gs\n\tmov %%gs:(%2), %0" : "=q"(v) : "r"(seg), "r"(off));        \
        return v;                                                                                  \
    }
#define POKE(type, name)                                                                           \
    static inline void name(u16 seg, u32 off, type v)                                              \
    {                                                                                              \
        asm volatile("movw %w0, %%gs\n\tmov %1, %%gs:(%2)"                                         \
                     :                                                                             \
                     : "r"(seg), "q"(v), "r"(off)                                                  \
                     : "memory");                                                                  \
    }
PEEK(u8, peek8)
PEEK(u16, peek16)
PEEK(u32, peek32)
POKE(u8, poke8)
POKE(u16, poke16)
POKE(u32, poke32)

/* A far pointer as it lies in memory. */
struct far {
    u16 off, seg;
};

static inline struct far far_at(u16 seg, u32 off)
{
    return (struct far){peek16(seg, off), peek16(seg, off + 2)};
}

static inline u32 linear(u16 seg, u16 off)
{
    return ((u32)seg << 4) + off;
}

void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

/* Copies between our segment and another. */
void copy_in(void *to, u16 seg, u16 off, u16 len);
void copy_out(u16 seg, u16 off, const void *from, u16 len);
/* Words or dwords between a port and any memory; the address is normalized, so it may cross 64
 * KiB. */
void port_in16(u16 port, u32 to, u16 words);
void port_out16(u16 port, u32 from, u16 words);

/* ---- services ---- */

/* The caller's registers, as entry.S lays them out; what a service changes here, the caller gets.
 */
struct regs {
    GENERAL;
    u16 gs, fs, es, ds;
    u16 handler;
    u16 ip, cs, flags;
};

enum { FLAG_CF = 1, FLAG_ZF = 0x40, FLAG_IF = 0x200 };

static inline void set_flag(struct regs *r, u16 flag, bool on)
{
    r->flags = on ? r->flags | flag : r->flags & (u16)~flag;
}

/* The usual results: AH and carry. */
static inline void succeed(struct regs *r)
{
    r->ah = 0;
    set_flag(r, FLAG_CF, false);
}

static inline void refuse(struct regs *r, u8 status)
{
    r->ah = status;
    set_flag(r, FLAG_CF, true);
}

/* An interrupt by its vector, so through whoever has hooked it; the registers go in and out. */
void call_int(u8 vector, struct regs *r);
/* A far call likewise. */
void call_far(u32 to, struct regs *r);

/* C code runs with interrupts off but in POST: handlers of DOS extenders may come back with another
 * upper half of ESP, which it needs. This lets those in that have come. */
static inline void let_irqs_in(void)
{
    asm volatile("sti\n nop\n cli\n movzwl %%sp, %%esp" : : : "memory", "cc");
}

/* The same, and lets the CPU rest until one comes: on the stack of the service's caller. */
void wait_irq(void);
extern u32 service_level;

/* ---- the BIOS data area, 0040:0000 ---- */

struct bda {
    u16 com[4], lpt[3], ebda;                          /* 00 */
    u16 equipment;                                     /* 10 */
    u8 post_flag;                                      /* 12 */
    u16 memory_kib;                                    /* 13 */
    u16 scratch15;                                     /* 15 */
    u8 kbd_shift, kbd_shift2, kbd_alt;                 /* 17 */
    u16 kbd_head, kbd_tail, kbd_ring[16];              /* 1a */
    u8 fd_calibrated, fd_motor, fd_timeout, fd_status; /* 3e */
    u8 fd_result[7];                                   /* 42 */
    u8 video_mode;                                     /* 49 */
    u16 video_columns;                                 /* 4a */
    u8 video[31];                                      /* 4c */
    u8 last_interrupt;                                 /* 6b */
    u32 ticks;                                         /* 6c */
    u8 midnight;                                       /* 70 */
    u8 kbd_break;                                      /* 71 */
    u16 reset_flag;                                    /* 72 */
    u8 hd_status, hd_count, hd_control, hd_port;       /* 74 */
    u8 lpt_timeout[4], com_timeout[4];                 /* 78 */
    u16 kbd_start, kbd_end;                            /* 80 */
    u8 video2[7];                                      /* 84 */
    u8 fd_rate;                                        /* 8b */
    u8 hd_state, hd_error, hd_done, fd_info;           /* 8c */
    u8 fd_media[4];                                    /* 90 */
    u8 fd_track[2];                                    /* 94 */
    u8 kbd_mode, kbd_leds;                             /* 96 */
    struct far wait_flag;                              /* 98 */
    u32 wait_us;                                       /* 9c */
    u8 wait_active;                                    /* a0 */
} __attribute__((packed));

#define BDA_SEG 0x40
#define BDA     ((volatile struct bda __seg_fs *)0)

_Static_assert(offsetof(struct bda, kbd_ring) == 0x1e, "BDA");
_Static_assert(offsetof(struct bda, ticks) == 0x6c, "BDA");
_Static_assert(offsetof(struct bda, kbd_start) == 0x80, "BDA");
_Static_assert(offsetof(struct bda, wait_active) == 0xa0, "BDA");

/* Extended BIOS data area, 1 KiB at the top of conventional memory. */
#define EBDA_SEG   0x9fc0
#define EBDA_MOUSE 0x22 /* pointing device: handler, flags, packet */
#define EBDA_DISK  0x3d /* parameters of two disks, 16 bytes each */

/* ---- vectors ---- */

static inline void set_vector(u8 n, u16 seg, u16 off)
{
    poke16(0, 4u * n, off);
    poke16(0, 4u * n + 2, seg);
}

/* ---- printing: to the screen and the debug port; %s %u %x %c, %04x ---- */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
