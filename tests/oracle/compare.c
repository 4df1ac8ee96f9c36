/* Compares what host and guest made of a trial, but for what undefined.c has marked. */
#include "tests/oracle/oracle.h"

#include "cpu/flags.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIP_AT = 8 }; /* in the FXSAVE image */

static const char *const regs[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
static const char *const segs[] = {"es", "cs", "ss", "ds", "fs", "gs"};

struct text {
    char *p;
    size_t left;
    bool any;
};

static void say(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->p, t->left, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < t->left) {
        t->p += n;
        t->left -= (size_t)n;
    }
    t->any = true;
}

static void say_bytes(struct text *t, const u8 *p, unsigned n)
{
    while (n-- > 0)
        say(t, "%02x", p[n]);
}

/* Is the 80-bit value b next to a, or equal? */
static bool f80_near(const u8 *a, const u8 *b)
{
    u64 x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    if (memcmp(a + 8, b + 8, 2)) /* over a binade: both at its edge */
        return (a[9] & 0x80) == (b[9] & 0x80) &&
               (x == ~0ull || y == ~0ull || !(x << 1) || !(y << 1));
    return x - y + 1 <= 2;
}

static bool f32_near(const u8 *a, const u8 *b)
{
    for (unsigned i = 0; i < 16; i += 4) {
        float x, y;
        memcpy(&x, a + i, 4);
        memcpy(&y, b + i, 4);
        if (memcmp(a + i, b + i, 4) && !(fabsf(x - y) <= fabsf(x) * 0x1p-11f + 0x1.01p-126f))
            return false;
    }
    return true;
}

static bool same(const struct trial *t, unsigned at, unsigned k, const u8 *a, const u8 *b,
                 unsigned bytes)
{
    if (!memcmp(a, b, bytes))
        return true;
    if (at == 2 && (t->ignore & IGN_ULP)) /* C1 */
        return a[0] == b[0] && !((a[1] ^ b[1]) & ~2);
    if (at == 32 && k < 2 && (t->ignore & IGN_ULP))
        return f80_near(a, b);
    return at == 160 && (t->ignore & IGN_APPROX) && f32_near(a, b);
}

/* Control, status and tag word, FIP, MXCSR; ST0 to ST7, XMM0 to XMM7. FOP, FCS, FDP, FDS: see
 * undefined.def at FXSAVE. */
static void compare_fx(const struct trial *t, const u8 *want, const u8 *got, struct text *text)
{
    static const struct {
        const char *name;
        u16 at, bytes, count;
    } parts[] = {{"fcw", 0, 2, 1},    {"fsw", 2, 2, 1},  {"tags", 4, 1, 1},  {"fip", 8, 4, 1},
                 {"mxcsr", 24, 4, 1}, {"st", 32, 10, 8}, {"xmm", 160, 16, 8}};
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        for (unsigned k = 0; k < parts[i].count; k++) {
            const u8 *a = want + parts[i].at + 16 * k, *b = got + parts[i].at + 16 * k;
            if (same(t, parts[i].at, k, a, b, parts[i].bytes))
                continue;
            if (parts[i].at == FIP_AT && !host_facts()->intel) /* saved with exceptions only */
                continue;
            say(text, " %s%u ", parts[i].name, k);
            say_bytes(text, b, parts[i].bytes);
            say(text, " want ");
            say_bytes(text, a, parts[i].bytes);
        }
    }
}

static void ignore(struct range r, const u8 *want, u8 *got)
{
    for (u32 k = 0; k < r.len; k++) {
        u32 at = r.at + k - DATA_BASE;
        if (at < DATA_SIZE)
            got[at] = want[at];
    }
}

static void compare_memory(const struct trial *t, const u32 *gpr, const u8 *want, u8 *got,
                           bool faulted, struct text *text)
{
    if (!memcmp(want, got, DATA_SIZE))
        return;
    for (unsigned i = 0; i < t->nignored; i++)
        ignore(t->ignored[i], want, got);
    for (unsigned i = 0; faulted && i < MAX_INSNS; i++)
        ignore(undefined_partial(t, i, gpr), want, got);
    unsigned shown = 0;
    for (unsigned i = 0; i < DATA_SIZE && shown < 8; i++)
        if (want[i] != got[i] && ++shown)
            say(text, " [%x] %02x want %02x", DATA_BASE + i, got[i], want[i]);
}

/* Two faults whose order the manual leaves open. */
static bool either(const struct trial *t, const struct trial_state *a, const struct trial_state *b)
{
    const u32 class = 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17;
    return (t->ignore & IGN_ORDER) && a->vector < 32 && b->vector < 32 &&
           (class >> a->vector & 1) && (class >> b->vector & 1) && a->eip == b->eip;
}

bool compare(const struct trial *t, const struct trial_state *want, const struct trial_state *got,
             const u8 *want_data, u8 *got_data, char *buf, size_t size)
{
    struct text text = {buf, size, false};
    u32 mask = FLAGS_COMPARED & ~t->undefined;
    buf[0] = 0;
    bool order = either(t, want, got);
    if (!order && (want->vector != got->vector || want->error != got->error))
        say(&text, " fault %u/%x want %u/%x", got->vector, got->error, want->vector, want->error);
    if (!order && want->cr2 != got->cr2)
        say(&text, " cr2 %x want %x", got->cr2, want->cr2);
    if (want->eip != got->eip)
        say(&text, " eip %x want %x", got->eip, want->eip);
    for (unsigned i = 0; i < 8; i++)
        if (want->gpr[i] != got->gpr[i])
            say(&text, " %s %x want %x", regs[i], got->gpr[i], want->gpr[i]);
    for (unsigned i = 0; i < SEG_COUNT; i++) /* an IRET of the host's kernel makes null ones 0 */
        if (want->seg[i] != got->seg[i] && ((want->seg[i] | got->seg[i]) & 0xfffc))
            say(&text, " %s %x want %x", segs[i], got->seg[i], want->seg[i]);
    if ((want->eflags ^ got->eflags) & mask)
        say(&text, " eflags %x want %x (mask %x)", got->eflags & mask, want->eflags & mask, mask);
    compare_fx(t, want->fx, got->fx, &text);
    compare_memory(t, want->gpr, want_data, got_data, order, &text);
    return text.any;
}
