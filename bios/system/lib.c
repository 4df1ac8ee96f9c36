/* What C code needs everywhere: memory, text. The screen is written through INT 10h, so a video
 * BIOS or whoever has hooked it prints; the debug port gets the same. */
#include "bios/system/system.h"

#include <stdarg.h>

#define DEBUG_PORT 0x402

void *memcpy(void *to, const void *from, size_t len)
{
    void *d = to;
    asm volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(len) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t len)
{
    void *d = to;
    asm volatile("rep stosb" : "+D"(d), "+c"(len) : "a"(byte) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const u8 *p = a, *q = b;
    while (len--)
        if (*p++ != *q++)
            return p[-1] - q[-1];
    return 0;
}

void copy_in(void *to, u16 seg, u16 off, u16 len)
{
    u32 source = off, count = len;
    asm volatile("movw %w3, %%ds\n\trep movsb\n\tmovw %%es, %w3\n\tmovw %w3, %%ds"
                 : "+D"(to), "+S"(source), "+c"(count), "+&a"((u32){seg})
                 :
                 : "memory");
}

void copy_out(u16 seg, u16 off, const void *from, u16 len)
{
    u32 target = off, count = len;
    asm volatile("movw %w3, %%es\n\trep movsb\n\tmovw %%ds, %w3\n\tmovw %w3, %%es"
                 : "+D"(target), "+S"(from), "+c"(count), "+&a"((u32){seg})
                 :
                 : "memory");
}

/* The segment of an address: with an offset below 16, but for the last one, which reaches into the
 * second megabyte. */
static u32 segment_of(u32 address)
{
    return address >= 0xffff0 ? 0xffff : address >> 4;
}

void port_in16(u16 port, u32 to, u16 words)
{
    u32 seg = segment_of(to), off = to - (seg << 4), count = words;
    asm volatile("movw %w2, %%es\n\trep insw\n\tmovw %%ds, %w2\n\tmovw %w2, %%es"
                 : "+D"(off), "+c"(count), "+&a"(seg)
                 : "d"(port)
                 : "memory");
}

void port_out16(u16 port, u32 from, u16 words)
{
    u32 seg = segment_of(from), off = from - (seg << 4), count = words;
    asm volatile("movw %w2, %%ds\n\trep outsw\n\tmovw %%es, %w2\n\tmovw %w2, %%ds"
                 : "+S"(off), "+c"(count), "+&a"(seg)
                 : "d"(port)
                 : "memory");
}

static void put_char(char c)
{
    struct regs r = {.ds = DATA_SEG, .es = DATA_SEG};

    if (c == '\n')
        put_char('\r');
    outb(DEBUG_PORT, (u8)c);
    r.ax = (u16)(0x0e00 | (u8)c);
    r.bx = 7;
    call_int(0x10, &r);
}

static void put_number(u32 v, unsigned base, unsigned width, char pad)
{
    char text[11];
    unsigned n = 0;

    do {
        text[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    while (n < width && n < sizeof(text))
        text[n++] = pad;
    while (n)
        put_char(text[--n]);
}

static void put_text(const char *s, unsigned width)
{
    unsigned n = 0;

    for (; s[n]; n++)
        put_char(s[n]);
    while (n++ < width)
        put_char(' ');
}

void print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    for (; *fmt; fmt++) {
        char pad = ' ';
        unsigned width = 0;
        if (*fmt != '%') {
            put_char(*fmt);
            continue;
        }
        if (*++fmt == '0')
            pad = '0';
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            width = width * 10 + (unsigned)(*fmt - '0');
        switch (*fmt) {
        case 's': put_text(va_arg(ap, const char *), width); break;
        case 'c': put_char((char)va_arg(ap, int)); break;
        case 'u': put_number(va_arg(ap, u32), 10, width, pad); break;
        case 'x': put_number(va_arg(ap, u32), 16, width, pad); break;
        }
    }
    va_end(ap);
}
