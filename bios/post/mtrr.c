/* Memory types, as a system expects to find them: RAM write-back, the VGA's window and what is
 * above RAM below 4 GiB uncached, ROM write-protected (SDM volume 3, 12.11). CPUs without them are
 * left alone. */
#include "bios/post/post.h"

enum { UNCACHED = 0, WRITE_PROTECTED = 5, WRITE_BACK = 6 };
enum { MTRR_CAP = 0xfe, BASE0 = 0x200, MASK0, FIX64K = 0x250, FIX16K = 0x258, FIX4K = 0x268 };
enum { DEFAULT_TYPE = 0x2ff, FIXED_ON = 0x400, ALL_ON = 0x800, RANGE_ON = 0x800 };
#define FLAG_ID     0x200000u
#define CPUID_MTRR  0x1000u
#define HAS_FIXED   0x100u
#define HIGH_DIGITS 0xfu /* of addresses of 36 bits */

static void write_msr(u32 msr, u32 low, u32 high)
{
    asm volatile("wrmsr" : : "c"(msr), "a"(low), "d"(high));
}

static u32 read_msr(u32 msr)
{
    u32 low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low;
}

/* A CPU that has CPUID lets EFLAGS.ID change. */
static bool has_mtrr(void)
{
    u32 before, after, a = 0, b, c = 0, d;

    asm volatile("pushfl\n\tpopl %0\n\tmovl %0, %1\n\txorl %2, %1\n\tpushl %1\n\tpopfl\n\t"
                 "pushfl\n\tpopl %1\n\tpushl %0\n\tpopfl"
                 : "=&r"(before), "=&r"(after)
                 : "i"(FLAG_ID));
    if (!((before ^ after) & FLAG_ID))
        return false;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!a)
        return false;
    a = 1;
    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return d & CPUID_MTRR && d & 0x20;
}

static void fixed(u32 msr, u8 type)
{
    write_msr(msr, type * 0x01010101u, type * 0x01010101u);
}

/* The largest aligned piece at the top of 4 GiB that is not RAM. */
static u32 hole(u32 ram_end)
{
    u32 size = 0x80000000;

    while (size > 0x10000000 && 0u - size < ram_end)
        size >>= 1;
    return size;
}

void mtrr_setup(void)
{
    u32 cap, size = hole(SHARED->ram_end);

    if (!has_mtrr())
        return;
    cap = read_msr(MTRR_CAP);
    write_msr(DEFAULT_TYPE, 0, 0);
    if (cap & HAS_FIXED) {
        fixed(FIX64K, WRITE_BACK);
        fixed(FIX16K, WRITE_BACK);
        fixed(FIX16K + 1, UNCACHED);
        for (u32 i = 0; i < 8; i++)
            fixed(FIX4K + i, WRITE_PROTECTED);
    }
    if (cap & 0xff) {
        write_msr(BASE0, (0u - size) | UNCACHED, 0);
        write_msr(MASK0, (0u - size) | RANGE_ON, HIGH_DIGITS);
    }
    write_msr(DEFAULT_TYPE, ALL_ON | (cap & HAS_FIXED ? FIXED_ON : 0) | WRITE_BACK, 0);
}
