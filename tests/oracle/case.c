/* A trial as one line of text, "key=value" by spaces: everything that goes in, in hexadecimal. Keys
 * that are absent have their usual values. `code` has the instructions apart by commas; `mem` is
 * what differs from the background, address:bytes apart by commas. */
#include "tests/oracle/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const regs[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
static const char *const segs[] = {"es", "cs", "ss", "ds", "fs", "gs"};

/* Parts of the FXSAVE image; count of them, 16 bytes apart. */
static const struct {
    const char *name;
    u16 at, bytes, count;
} parts[] = {{"fcw", 0, 2, 1},    {"fsw", 2, 2, 1},  {"tags", 4, 1, 1},
             {"fop", 6, 2, 1},    {"fip", 8, 4, 1},  {"fdp", 16, 4, 1},
             {"mxcsr", 24, 4, 1}, {"st", 32, 10, 8}, {"xmm", 160, 16, 8}};

struct text {
    char *p;
    size_t left;
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
}

static void say_bytes(struct text *t, const u8 *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        say(t, "%02x", p[i]);
}

static u16 usual_seg(unsigned i)
{
    return i == SEG_CS ? SEL_CODE32 : i < SEG_FS ? SEL_DATA : 0;
}

static void write_fx(struct text *text, const u8 *fx)
{
    u8 usual[512];
    plain_fx(usual);
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        for (unsigned k = 0; k < parts[i].count; k++) {
            unsigned at = parts[i].at + 16 * k;
            if (!memcmp(fx + at, usual + at, parts[i].bytes))
                continue;
            say(text, " %s", parts[i].name);
            if (parts[i].count > 1)
                say(text, "%u", k);
            say(text, "=");
            say_bytes(text, fx + at, parts[i].bytes);
        }
    }
}

void case_write(const struct trial *t, char *line, size_t size)
{
    struct text text = {line, size};
    say(&text, "code=");
    for (unsigned i = 0; i < t->ninsns; i++) {
        say(&text, "%s", i ? "," : "");
        say_bytes(&text, t->code + t->start[i], t->start[i + 1] - t->start[i]);
    }
    say(&text, " eip=%x efl=%x", t->in.eip, t->in.eflags);
    for (unsigned i = 0; i < 8; i++)
        say(&text, " %s=%x", regs[i], t->in.gpr[i]);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        if (t->in.seg[i] != usual_seg(i))
            say(&text, " %s=%x", segs[i], t->in.seg[i]);
    if (t->plain_end)
        say(&text, " plain=1");
    write_fx(&text, t->in.fx);
    if (t->npatches)
        say(&text, " mem=");
    for (unsigned i = 0; i < t->npatches; i++) {
        say(&text, "%s%x:", i ? "," : "", t->patches[i].at);
        say_bytes(&text, t->patch_bytes + t->patches[i].from, t->patches[i].len);
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal bytes up to max; moves *s behind them; -1: too many, or half a byte. */
static int read_bytes(const char **s, u8 *p, unsigned max)
{
    unsigned n = 0;
    for (; digit((*s)[0]) >= 0; *s += 2) {
        if (digit((*s)[1]) < 0 || n == max)
            return -1;
        p[n++] = (u8)(digit((*s)[0]) << 4 | digit((*s)[1]));
    }
    return (int)n;
}

static bool read_code(struct trial *t, const char *s)
{
    t->ninsns = 0;
    t->start[0] = 0;
    for (;;) {
        unsigned at = t->start[t->ninsns];
        int n = t->ninsns < MAX_INSNS ? read_bytes(&s, t->code + at, MAX_CODE - 16 - at) : -1;
        if (n <= 0)
            return false;
        t->start[++t->ninsns] = (u8)(at + (unsigned)n);
        if (*s != ',')
            return !*s;
        s++;
    }
}

static bool read_mem(struct trial *t, const char *s)
{
    t->npatches = t->npatch_bytes = 0;
    for (;; s++) {
        char *end;
        u32 at = (u32)strtoul(s, &end, 16);
        if (*end != ':' || t->npatches == MAX_PATCHES)
            return false;
        s = end + 1;
        int n = read_bytes(&s, t->patch_bytes + t->npatch_bytes, PATCH_BYTES - t->npatch_bytes);
        if (n <= 0 || at < DATA_BASE || at + (u32)n > DATA_END ||
            (at + (u32)n > DATA_RO && at < DATA_RO + PAGE_SIZE))
            return false;
        t->patches[t->npatches++] = (struct patch){at, (u16)n, (u16)t->npatch_bytes};
        t->npatch_bytes += (unsigned)n;
        if (*s != ',')
            return !*s;
    }
}

static bool read_fx(struct trial *t, const char *key, const char *value)
{
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        size_t len = strlen(parts[i].name);
        unsigned k = 0;
        if (strncmp(key, parts[i].name, len))
            continue;
        if (parts[i].count > 1 && (key[len] < '0' || key[len] > '7'))
            continue;
        if (parts[i].count > 1)
            k = (unsigned)(key[len++] - '0');
        if (key[len])
            continue;
        return read_bytes(&value, t->in.fx + parts[i].at + 16 * k, parts[i].bytes) ==
                   parts[i].bytes &&
               !*value;
    }
    return false;
}

static bool read_key(struct trial *t, const char *key, const char *value)
{
    u32 number = (u32)strtoul(value, NULL, 16);
    if (!strcmp(key, "code"))
        return read_code(t, value);
    if (!strcmp(key, "mem"))
        return read_mem(t, value);
    if (!strcmp(key, "eip"))
        t->in.eip = number;
    else if (!strcmp(key, "efl"))
        t->in.eflags = number;
    else if (!strcmp(key, "plain"))
        t->plain_end = number;
    else {
        for (unsigned i = 0; i < 8; i++)
            if (!strcmp(key, regs[i])) {
                t->in.gpr[i] = number;
                return true;
            }
        for (unsigned i = 0; i < SEG_COUNT; i++)
            if (!strcmp(key, segs[i])) {
                t->in.seg[i] = (u16)number;
                return true;
            }
        return read_fx(t, key, value);
    }
    return true;
}

bool case_read(struct trial *t, const char *line, struct decoder *d)
{
    char buf[16384];
    char *rest = buf, *word;
    if (strlen(line) >= sizeof(buf))
        return false;
    strcpy(buf, line);
    memset(t, 0, sizeof(*t));
    plain_fx(t->in.fx);
    t->in.eip = CODE_AT;
    t->in.gpr[ESP] = DATA_BASE + 0x1000;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        t->in.seg[i] = usual_seg(i);
    while ((word = strsep(&rest, " \n")) != NULL) {
        char *value = strchr(word, '=');
        if (!*word)
            continue;
        if (!value)
            return false;
        *value = 0;
        if (!read_key(t, word, value + 1))
            return false;
    }
    if (!t->ninsns || trial_code_at(t) - CODE_PAGE >= PAGE_SIZE)
        return false;
    for (unsigned i = 0; i < t->ninsns; i++)
        trial_decode(t, i, d);
    undefined_set(t);
    return true;
}
