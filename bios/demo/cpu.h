/* Instructions that C has no words for, and the registers and tables of protected mode. */
#ifndef DEMO_CPU_H
#define DEMO_CPU_H

#include "bios/ports.h"

#define CR0_PE 0x00000001u
#define CR0_TS 0x00000008u
#define CR0_WP 0x00010000u
#define CR0_PG 0x80000000u

#define EFLAGS_IF 0x00000200u
#define EFLAGS_NT 0x00004000u
#define EFLAGS_AC 0x00040000u
#define EFLAGS_ID 0x00200000u

/* What LGDT and LIDT load. */
struct table_register {
    u16 limit;
    u32 base;
} __attribute__((packed));

#define READ_REGISTER(name)                                                                        \
    static inline u32 read_##name(void)                                                            \
    {                                                                                              \
        u32 v;                                                                                     \
        asm volatile("mov %%" #name ", %0" : "=r"(v));                                             \
        return v;                                                                                  \
    }
#define WRITE_REGISTER(name)                                                                       \
    static inline void write_##name(u32 v)                                                         \
    {                                                                                              \
        asm volatile("mov %0, %%" #name : : "r"(v) : "memory");                                    \
    }
READ_REGISTER(cr0)
READ_REGISTER(cr2)
READ_REGISTER(cr3)
READ_REGISTER(cr4) /* from the Pentium on */
WRITE_REGISTER(cr0)
WRITE_REGISTER(cr3)

static inline u32 read_eflags(void)
{
    u32 v;
    asm volatile("pushfl; pop %0" : "=r"(v));
    return v;
}

static inline void write_eflags(u32 v)
{
    asm volatile("push %0; popfl" : : "r"(v) : "memory", "cc");
}

static inline struct table_register read_gdtr(void)
{
    struct table_register r;
    asm volatile("sgdt %0" : "=m"(r));
    return r;
}

static inline struct table_register read_idtr(void)
{
    struct table_register r;
    asm volatile("sidt %0" : "=m"(r));
    return r;
}

static inline u16 read_tr(void)
{
    u16 v;
    asm volatile("str %0" : "=r"(v));
    return v;
}

static inline void interrupts_off(void)
{
    asm volatile("cli" : : : "memory");
}

static inline void interrupts_on(void)
{
    asm volatile("sti" : : : "memory");
}

/* Until the next interrupt. STI takes effect after the next instruction, so none can slip in
 * between. */
static inline void wait_for_interrupt(void)
{
    asm volatile("sti; hlt" : : : "memory");
}

static inline void cpuid(u32 leaf, u32 out[4])
{
    asm volatile("cpuid"
                 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                 : "a"(leaf), "c"(0));
}

static inline u64 read_tsc(void)
{
    u64 v;
    asm volatile("rdtsc" : "=A"(v));
    return v;
}

#endif
