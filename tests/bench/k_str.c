/* String instructions: each kind at several sizes, and backwards. */
#include "kernel.h"

static u8 from[65536 + 64] __attribute__((aligned(4096)));
static u8 to[65536 + 64] __attribute__((aligned(4096)));

/* One repeated instruction over `count` elements, forwards. EAX 0 for STOS, 1 for SCAS, which then
 * finds nothing; the buffers are zero, so CMPS finds no difference. */
#define STRING(fn, insn, size, count, al)                                                          \
    static u32 fn(u32 reps)                                                                        \
    {                                                                                              \
        u32 left = 0;                                                                              \
        while (reps--) {                                                                           \
            const u8 *s = from;                                                                    \
            u8 *d = to;                                                                            \
            u32 n = count, a = al;                                                                 \
            __asm__ volatile(insn : "+S"(s), "+D"(d), "+c"(n), "+a"(a) : : "cc", "memory");        \
            left += n;                                                                             \
        }                                                                                          \
        return left;                                                                               \
    }                                                                                              \
    KERNEL(fn, "string/" insn ", " #count, count, "element")

#define SIZES(kind, insn, size, al)                                                                \
    STRING(kind##_4, insn, size, 4, al);                                                           \
    STRING(kind##_64, insn, size, 64, al);                                                         \
    STRING(kind##_1k, insn, size, 1024, al);                                                       \
    STRING(kind##_16k, insn, size, 16384, al)

SIZES(movsb, "rep movsb", 1, 0);
SIZES(movsd, "rep movsl", 4, 0);
SIZES(stosb, "rep stosb", 1, 0);
SIZES(stosd, "rep stosl", 4, 0);
SIZES(lodsb, "rep lodsb", 1, 0);
SIZES(cmpsb, "repe cmpsb", 1, 0);
SIZES(cmpsd, "repe cmpsl", 4, 0);
SIZES(scasb, "repne scasb", 1, 1);
SIZES(scasd, "repne scasl", 4, 1);

static u32 movs_back(u32 reps)
{
    while (reps--) {
        const u8 *s = from + 1023;
        u8 *d = to + 1023;
        u32 n = 1024;
        __asm__ volatile("std\n rep movsb\n cld" : "+S"(s), "+D"(d), "+c"(n) : : "memory");
    }
    return to[5];
}
KERNEL(movs_back, "string/rep movsb backwards, 1024", 1024, "element");

static u32 movs_overlap(u32 reps)
{
    while (reps--) {
        const u8 *s = from;
        u8 *d = from + 1;
        u32 n = 1024;
        __asm__ volatile("rep movsb" : "+S"(s), "+D"(d), "+c"(n) : : "memory");
    }
    return from[5];
}
KERNEL(movs_overlap, "string/rep movsb onto itself, 1024", 1024, "element");

static u32 single(u32 reps)
{
    while (reps--) {
        const u8 *s = from;
        u8 *d = to;
        __asm__ volatile(".rept 4\n lodsb\n stosb\n movsl\n .endr"
                         : "+S"(s), "+D"(d)
                         :
                         : "eax", "memory");
    }
    return to[3];
}
KERNEL(single, "string/lodsb, stosb, movsd alone", 12, "instruction");
