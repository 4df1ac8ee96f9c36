/* Symbol tables: ELF (System V ABI, "Symbol Table") and System.map. A symbol without a size, as
 * assembly has them, reaches to the next one; a list has no sizes at all, so its data symbols are
 * kept too, without a name, as ends. What a file says is checked before it is used. */
#include "machine/symbols.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_UNSIZED 0x10000u /* reach of a symbol without a size and without a next one */

struct symbol {
    u64 addr, end; /* end 0: not known yet */
    char *name;    /* NULL: only ends what is before it */
    u32 order;     /* first come, first served, among those at one address */
};

struct symbols {
    struct symbol *v;
    size_t count, room;
    bool sorted, wide;
};

struct symbols *symbols_new(void)
{
    return calloc(1, sizeof(struct symbols));
}

void symbols_free(struct symbols *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        free(s->v[i].name);
    free(s->v);
    free(s);
}

bool symbols_empty(const struct symbols *s)
{
    return s->count == 0;
}

bool symbols_wide(const struct symbols *s)
{
    return s->wide;
}

static bool add(struct symbols *s, u64 addr, u64 size, const char *name, size_t len)
{
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 1024;
        struct symbol *v = realloc(s->v, room * sizeof(*v));
        if (!v)
            return false;
        s->v = v;
        s->room = room;
    }
    struct symbol *sym = &s->v[s->count];
    *sym = (struct symbol){addr, size ? addr + size : 0, NULL, (u32)s->count};
    if (name && !(sym->name = strndup(name, len)))
        return false;
    for (char *c = sym->name; c && *c; c++)
        if (*c == ';' || (u8)*c <= ' ') /* they have a meaning in folded stacks */
            *c = '_';
    s->count++;
    s->wide |= addr >> 32 != 0;
    s->sorted = false;
    return true;
}

/* -- ELF -- */

struct elf {
    const u8 *data;
    size_t len;
    bool wide; /* 64 bits */
};

/* A field at one offset in 32-bit files and at another in 64-bit ones. */
static u64 field(const struct elf *e, const u8 *at, unsigned off32, unsigned size32, unsigned off64,
                 unsigned size64)
{
    return e->wide ? load_le(at + off64, size64) : load_le(at + off32, size32);
}

static bool inside(const struct elf *e, u64 offset, u64 len)
{
    return offset <= e->len && len <= e->len - offset;
}

/* Section header n, NULL if it is not in the file. */
static const u8 *section(const struct elf *e, u64 n)
{
    u64 at = field(e, e->data, 32, 4, 40, 8), size = e->wide ? 64 : 40;
    u64 count = field(e, e->data, 48, 2, 60, 2);
    if (n >= count || !inside(e, at, count * size))
        return NULL;
    return e->data + at + n * size;
}

static u64 section_offset(const struct elf *e, const u8 *s)
{
    return field(e, s, 16, 4, 24, 8);
}

static u64 section_size(const struct elf *e, const u8 *s)
{
    return field(e, s, 20, 4, 32, 8);
}

static bool executable(const struct elf *e, u64 index)
{
    const u8 *s = section(e, index);
    return s && (field(e, s, 8, 4, 8, 8) & 4); /* SHF_EXECINSTR */
}

/* Functions, and untyped labels in code, as assembly has them. */
static bool add_elf_symbol(struct symbols *s, const struct elf *e, const u8 *sym, const u8 *names,
                           u64 names_size, u64 offset)
{
    u64 name = load_le(sym, 4), value = field(e, sym, 4, 4, 8, 8);
    unsigned type = (unsigned)field(e, sym, 12, 1, 4, 1) & 15;
    u64 index = field(e, sym, 14, 2, 6, 2);
    if ((type != 0 && type != 2) || !executable(e, index) || name >= names_size)
        return true;
    const char *text = (const char *)names + name;
    size_t len = strnlen(text, names_size - name);
    if (!len || text[0] == '.')
        return true;
    return add(s, value + offset, field(e, sym, 8, 4, 16, 8), text, len);
}

static bool load_elf(struct symbols *s, const struct elf *e, u64 offset)
{
    u64 sections = field(e, e->data, 48, 2, 60, 2), size = e->wide ? 24 : 16;
    for (u64 n = 0; n < sections; n++) {
        const u8 *table = section(e, n), *names;
        if (!table || load_le(table + 4, 4) != 2) /* SHT_SYMTAB */
            continue;
        names = section(e, field(e, table, 24, 4, 40, 4));
        if (!names || !inside(e, section_offset(e, table), section_size(e, table)) ||
            !inside(e, section_offset(e, names), section_size(e, names)))
            continue;
        const u8 *sym = e->data + section_offset(e, table);
        for (u64 i = 0; i < section_size(e, table) / size; i++)
            if (!add_elf_symbol(s, e, sym + i * size, e->data + section_offset(e, names),
                                section_size(e, names), offset))
                return false;
    }
    return true;
}

/* -- System.map -- */

static bool load_map(struct symbols *s, const char *text, size_t len, u64 offset)
{
    for (const char *line = text, *end = text + len; line < end;) {
        const char *nl = memchr(line, '\n', (size_t)(end - line));
        size_t n = nl ? (size_t)(nl - line) : (size_t)(end - line);
        char copy[512], name[256], kind;
        unsigned long long addr;
        if (n < sizeof(copy)) {
            memcpy(copy, line, n);
            copy[n] = 0;
            if (sscanf(copy, "%llx %c %255s", &addr, &kind, name) == 3 &&
                !add(s, addr + offset, 0, strchr("tTwWi", kind) ? name : NULL, strlen(name)))
                return false;
        }
        line += n + 1;
    }
    return true;
}

/* -- files -- */

static bool is_elf(const u8 *data, size_t len)
{
    return len >= 64 && !memcmp(data, "\177ELF", 4);
}

static u8 *read_all(FILE *f, size_t *len)
{
    size_t room = 1 << 16, n;
    u8 *data = malloc(room);
    *len = 0;
    while (data && (n = fread(data + *len, 1, room - *len, f)) > 0) {
        *len += n;
        if (*len == room) {
            u8 *more = realloc(data, room *= 2);
            if (!more)
                free(data);
            data = more;
        }
    }
    return data;
}

static const char *load_data(struct symbols *s, const u8 *data, size_t len, u64 offset)
{
    size_t before = s->count;
    bool ok, elf = is_elf(data, len);
    if (elf && data[5] != 1)
        return "an ELF file of big-endian order";
    if (elf) {
        struct elf e = {data, len, data[4] == 2};
        ok = load_elf(s, &e, offset);
        s->wide |= e.wide;
    } else {
        ok = load_map(s, (const char *)data, len, offset);
    }
    if (!ok)
        return "out of memory";
    for (size_t i = before; i < s->count; i++)
        if (s->v[i].name)
            return NULL;
    return elf ? "no symbols of functions in it (stripped?)"
               : "neither an ELF file nor a list of symbols (System.map)";
}

bool symbols_load(struct symbols *s, const char *path, u64 offset, char *err, size_t err_size)
{
    FILE *f = fopen(path, "rb");
    const char *why = NULL;
    if (!f) {
        snprintf(err, err_size, "symbols '%s': %s", path, strerror(errno));
        return false;
    }
    size_t len;
    errno = 0;
    u8 *data = read_all(f, &len);
    if (ferror(f))
        why = strerror(errno);
    else
        why = data ? load_data(s, data, len, offset) : "out of memory";
    fclose(f);
    free(data);
    if (why)
        snprintf(err, err_size, "symbols '%s': %s", path, why);
    return !why;
}

bool symbols_is_elf(const char *path)
{
    u8 head[64];
    FILE *f = fopen(path, "rb");
    bool elf = f && is_elf(head, fread(head, 1, sizeof(head), f));
    if (f)
        fclose(f);
    return elf;
}

/* -- look-up -- */

static int compare(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Sorts, and lets symbols without a size reach to the next address. */
static void finish(struct symbols *s)
{
    if (s->count)
        qsort(s->v, s->count, sizeof(*s->v), compare);
    u64 next = 0;
    for (size_t i = s->count; i-- > 0;) {
        struct symbol *sym = &s->v[i];
        if (i + 1 < s->count && s->v[i + 1].addr != sym->addr)
            next = s->v[i + 1].addr;
        if (!sym->end)
            sym->end = next && next - sym->addr < MAX_UNSIZED ? next : sym->addr + MAX_UNSIZED;
    }
    s->sorted = true;
}

const char *symbols_locate(struct symbols *s, u64 addr, u64 *at)
{
    if (!s->sorted)
        finish(s);
    size_t lo = 0, hi = s->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->v[mid].addr <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo)
        return NULL;
    u64 start = *at = s->v[lo - 1].addr;
    const char *name = NULL;
    for (size_t i = lo; i-- > 0 && s->v[i].addr == start;)
        if (s->v[i].name && addr < s->v[i].end)
            name = s->v[i].name; /* the first of several names */
    return name;
}

const char *symbols_find(struct symbols *s, u64 addr)
{
    u64 start;

    return symbols_locate(s, addr, &start);
}
