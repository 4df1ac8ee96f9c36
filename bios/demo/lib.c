/* What a C library would offer: memory, text, and arithmetic in fixed point. No floating point is
 * used anywhere, so that every CPU computes the same picture. */
#include "bios/demo/demo.h"

#include <stdarg.h>

void *memset(void *to, int value, size_t len)
{
    void *start = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(value) : "memory");
    return start;
}

void *memcpy(void *to, const void *from, size_t len)
{
    void *start = to;
    size_t words = len / 4;
    asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    len %= 4;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const u8 *x = a, *y = b;
    for (; len; x++, y++, len--)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

/* ---- text ---- */

struct writer {
    char *out;
    size_t size, len;
};

static void add(struct writer *w, char c)
{
    if (w->len + 1 < w->size)
        w->out[w->len++] = c;
}

struct conversion {
    bool left, zeros;
    int width;
};

static void add_padded(struct writer *w, const struct conversion *c, const char *text, size_t len)
{
    int pad = c->width - (int)len;

    for (; !c->left && pad > 0; pad--)
        add(w, c->zeros ? '0' : ' ');
    for (size_t i = 0; i < len; i++)
        add(w, text[i]);
    for (; pad > 0; pad--)
        add(w, ' ');
}

static void add_number(struct writer *w, const struct conversion *c, u32 v, u32 base,
                       const char *digits, bool minus)
{
    char text[36];
    size_t at = sizeof(text);

    do {
        text[--at] = digits[v % base];
        v /= base;
    } while (v);
    if (minus)
        text[--at] = '-';
    add_padded(w, c, text + at, sizeof(text) - at);
}

int format_list(char *out, size_t size, const char *fmt, va_list list)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    struct writer w = {out, size, 0};

    for (; *fmt; fmt++) {
        struct conversion c = {0};
        if (*fmt != '%') {
            add(&w, *fmt);
            continue;
        }
        for (fmt++; *fmt == '-' || *fmt == '0'; fmt++)
            *(*fmt == '-' ? &c.left : &c.zeros) = true;
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            c.width = c.width * 10 + *fmt - '0';
        switch (*fmt) {
        case 'd': {
            int v = va_arg(list, int);
            add_number(&w, &c, v < 0 ? -(u32)v : (u32)v, 10, lower, v < 0);
            break;
        }
        case 'u': add_number(&w, &c, va_arg(list, u32), 10, lower, false); break;
        case 'x': add_number(&w, &c, va_arg(list, u32), 16, lower, false); break;
        case 'X': add_number(&w, &c, va_arg(list, u32), 16, upper, false); break;
        case 'o': add_number(&w, &c, va_arg(list, u32), 2, lower, false); break;
        case 'c': add(&w, (char)va_arg(list, int)); break;
        case 's': {
            const char *s = va_arg(list, const char *);
            add_padded(&w, &c, s, strlen(s));
            break;
        }
        default: add(&w, *fmt);
        }
    }
    if (size)
        out[w.len] = 0;
    return (int)w.len;
}

int format(char *out, size_t size, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    int n = format_list(out, size, fmt, list);
    va_end(list);
    return n;
}

/* ---- numbers ---- */

/* The first quarter of the sine is made by turning the vector (1, 0) by a 1024th of a circle again
 * and again; 30 bits behind the point keep the error of 256 turns below the 14 bits that are kept.
 */
static s16 quarter[SINE_STEPS / 4 + 1];

static void make_quarter(void)
{
    const s64 cos_step = 1073721611, sin_step = 6588356; /* of 2 pi / 1024, by 2^30 */
    s64 x = 1 << 30, y = 0;

    for (unsigned i = 0; i <= SINE_STEPS / 4; i++) {
        s64 turned = (x * cos_step - y * sin_step) >> 30;
        quarter[i] = (s16)((y + (1 << 15)) >> 16);
        y = (y * cos_step + x * sin_step) >> 30;
        x = turned;
    }
}

int sine(u32 angle)
{
    u32 a = angle % SINE_STEPS, in_half = a % (SINE_STEPS / 2);

    if (!quarter[1])
        make_quarter();
    int v = quarter[in_half <= SINE_STEPS / 4 ? in_half : SINE_STEPS / 2 - in_half];
    return a < SINE_STEPS / 2 ? v : -v;
}

int cosine(u32 angle)
{
    return sine(angle + SINE_STEPS / 4);
}

/* Bit by bit, from the highest. */
u32 square_root(u32 v)
{
    u32 root = 0, bit = 1u << 30;

    while (bit > v)
        bit >>= 2;
    for (; bit; bit >>= 2) {
        u32 trial = root + bit;
        root >>= 1;
        if (v >= trial) {
            v -= trial;
            root += bit;
        }
    }
    return root;
}

u32 random_number(void)
{
    static u32 state = 20260101;

    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}
