/* Memory and text for power-on code. */
#include "bios/post/post.h"

#include <stdarg.h>

void *memcpy(void *to, const void *from, size_t len)
{
    void *d = to;
    size_t rest = len & 3;
    len >>= 2;
    asm volatile("rep movsl\n\tmov %3, %2\n\trep movsb"
                 : "+D"(d), "+S"(from), "+c"(len)
                 : "g"(rest)
                 : "memory");
    return to;
}

void *memset(void *to, int byte, size_t len)
{
    void *d = to;
    u32 word = (u8)byte * 0x01010101u;
    size_t rest = len & 3;
    len >>= 2;
    asm volatile("rep stosl\n\tmov %3, %1\n\trep stosb"
                 : "+D"(d), "+c"(len)
                 : "a"(word), "g"(rest)
                 : "memory");
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

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

u8 sum(const void *data, u32 len)
{
    const u8 *p = data;
    u8 total = 0;
    while (len--)
        total += *p++;
    return total;
}

static void put_char(char c)
{
    outb(0x402, (u8)c);
}

static void put_number(u32 v, unsigned base)
{
    char text[11];
    unsigned n = 0;

    do {
        text[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    while (n)
        put_char(text[--n]);
}

void debug(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put_char(*fmt);
            continue;
        }
        switch (*++fmt) {
        case 's':
            for (const char *s = va_arg(ap, const char *); *s; s++)
                put_char(*s);
            break;
        case 'u': put_number(va_arg(ap, u32), 10); break;
        case 'x': put_number(va_arg(ap, u32), 16); break;
        }
    }
    va_end(ap);
}
