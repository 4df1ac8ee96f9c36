/* Random values, what is in memory, and what is not compared. */
#include "tests/oracle64/oracle64.h"

#include "cpu/flags.h"

#include <string.h>

enum when { ALWAYS, COUNT, COUNT_1, COUNT_SIZE, COUNT_OVER };
static const struct {
    const char *name;
    u32 flags;
    u8 when;
} undefined[] = {
#define FLAGS(name, flags, when, source) {name, flags, when},
#include "tests/oracle/undefined.def"
};

/* The count of a shift, not masked. */
static u32 shift_count(const struct trial *t)
{
    const struct insn_row *row = insn_row_of(&t->last);
    u8 op = row->op[2] != OP_NONE ? row->op[2] : row->op[1];

    if (op == OP_CL) /* of a sequence it is not known */
        return t->ninsns > 1 ? 0 : (u8)t->in.gpr[ECX];
    return op == OP_1 ? 1 : t->last.imm;
}

u32 undefined_flags(const struct trial *t)
{
    u32 flags = 0;

    for (unsigned i = 0; t->decodes && i < ARRAY_LEN(undefined); i++)
        if (!strcmp(undefined[i].name, insn_row_of(&t->last)->name) &&
            (undefined[i].when == ALWAYS || shift_count(t) != 1))
            flags |= undefined[i].flags;
    return flags;
}

u64 rnd(u64 *seed)
{
    u64 x = *seed += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

u32 below(u64 *seed, u32 n)
{
    return (u32)((rnd(seed) >> 32) * n >> 32);
}

bool one_in(u64 *seed, u32 n)
{
    return below(seed, n) == 0;
}

u64 edge(u64 *seed)
{
    static const u64 values[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 0x7f};
    u64 v;

    switch (below(seed, 5)) {
    case 0: v = values[below(seed, ARRAY_LEN(values))]; break;
    case 1: v = (1ull << below(seed, 64)) - below(seed, 3); break;
    case 2: v = (u32)rnd(seed); break;
    case 3: v = rnd(seed) >> below(seed, 64); break;
    default: v = rnd(seed);
    }
    return one_in(seed, 4) ? ~v : v;
}

const u8 *background(void)
{
    static u8 bytes[DATA_SIZE + PAGE_SIZE];
    static bool made;
    u64 seed = 0x6f7272657279;

    for (unsigned i = 0; !made && i < sizeof(bytes); i += 8) {
        u64 v = edge(&seed);
        memcpy(bytes + i, &v, 8);
    }
    made = true;
    return bytes;
}

void trial_fill(const struct trial *t, u8 *data)
{
    memcpy(data, background(), DATA_SIZE);
    for (unsigned i = 0; i < t->npatches; i++)
        memcpy(data + t->patch[i].at, &t->patch[i].value, 8);
}
