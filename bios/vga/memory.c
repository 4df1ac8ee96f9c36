/* The string instructions, between segments; and what the compiler calls for objects on the stack.
 */
#include "bios/vga/rom.h"

void copy_bytes(u16 to_seg, u16 to, u16 from_seg, u16 from, u16 n)
{
    u32 source = from, target = to, count = n;

    __asm__ volatile("pushw %%ds\n\tpushw %%es\n\tmovw %w3, %%ds\n\tmovw %w4, %%es\n\t"
                     "rep movsb\n\tpopw %%es\n\tpopw %%ds"
                     : "+S"(source), "+D"(target), "+c"(count)
                     : "a"((u32)from_seg), "d"((u32)to_seg)
                     : "memory");
}

void fill_bytes(u16 seg, u16 at, u8 value, u16 n)
{
    u32 target = at, count = n;

    __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\trep stosb\n\tpopw %%es"
                     : "+D"(target), "+c"(count)
                     : "a"(value), "d"((u32)seg)
                     : "memory");
}

void fill_words(u16 seg, u16 at, u16 value, u16 n)
{
    u32 target = at, count = n;

    __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\trep stosw\n\tpopw %%es"
                     : "+D"(target), "+c"(count)
                     : "a"(value), "d"((u32)seg)
                     : "memory");
}

void *memset(void *at, int value, u32 n)
{
    for (u8 *to = at; n; n--)
        *to++ = (u8)value;
    return at;
}

void *memcpy(void *at, const void *from, u32 n)
{
    const u8 *source = from;

    for (u8 *to = at; n; n--)
        *to++ = *source++;
    return at;
}
