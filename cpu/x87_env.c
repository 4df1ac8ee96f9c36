/* Images of the x87 state in memory: FNSTENV, FLDENV, FNSAVE, FRSTOR, FXSAVE and FXRSTOR.
 *
 * Layouts: SDM vol. 1, figures 8-9 to 8-12 and vol. 2, table 3-46 (FXSAVE). Real and virtual-8086
 * mode store linear addresses in place of selector and offset; loaded again, all of it becomes the
 * offset. In 64-bit mode the environment is that of protected mode, with the low halves of the
 * pointers (SDM vol. 2, FSTENV). */
#include <string.h>

#include "cpu/x87_int.h"

static void put16(u8 *p, unsigned v)
{
    store_le(p, 2, v);
}

static void put32(u8 *p, u32 v)
{
    store_le(p, 4, v);
}

static u16 get16(const u8 *p)
{
    return (u16)load_le(p, 2);
}

static u32 get32(const u8 *p)
{
    return (u32)load_le(p, 4);
}

static void put80(u8 *p, struct f80 v)
{
    store_le(p, 8, v.sig);
    put16(p + 8, v.se);
}

static struct f80 get80(const u8 *p)
{
    return (struct f80){.sig = load_le(p, 8), .se = get16(p + 8)};
}

u16 x87_full_tags(const struct x87 *f)
{
    unsigned tags = 0;
    for (unsigned i = 0; i < 8; i++) {
        enum f80_class k = f80_class(f->st[i]);
        unsigned tag = f->empty >> i & 1 ? 3 : k == F80_NORMAL ? 0 : k == F80_ZERO ? 1 : 2;
        tags |= tag << 2 * i;
    }
    return (u16)tags;
}

static void load_tags(struct x87 *f, u16 tags)
{
    f->empty = 0;
    for (unsigned i = 0; i < 8; i++)
        if ((tags >> 2 * i & 3) == 3)
            f->empty |= (u8)(1u << i);
}

static void load_control(struct x87 *f, u16 fcw)
{
    f->fcw = (fcw & FCW_WRITABLE) | FCW_RESERVED_ONE;
}

void x87_init(struct x87 *f)
{
    f->fcw = FCW_INIT;
    f->fsw = 0;
    f->empty = 0xff;
    f->fop = f->fcs = f->fds = 0;
    f->fip = f->fdp = 0;
}

void x87_reset(struct x87 *f)
{
    memset(f, 0, sizeof(*f));
    f->fcw = 0x40;
}

/* The environment in units of 16 or 32 bits; upper halves of 32-bit fields read as ones. */
static void put_field(struct x87_exec *x, unsigned i, u16 v)
{
    if (x->op16)
        put16(x->mem + 2 * i, v);
    else
        put32(x->mem + 4 * i, 0xffff0000u | v);
}

static void put_pointers16(struct x87_exec *x, const struct x87 *f)
{
    u32 ip = ((u32)f->fcs << 4) + (u32)f->fip, dp = ((u32)f->fds << 4) + (u32)f->fdp;
    if (x->prot) {
        put16(x->mem + 6, (u16)f->fip);
        put16(x->mem + 8, f->fcs);
        put16(x->mem + 10, (u16)f->fdp);
        put16(x->mem + 12, f->fds);
        return;
    }
    put16(x->mem + 6, ip & 0xffff);
    put16(x->mem + 8, (ip >> 4 & 0xf000) | f->fop);
    put16(x->mem + 10, dp & 0xffff);
    put16(x->mem + 12, dp >> 4 & 0xf000);
}

static void put_pointers32(struct x87_exec *x, const struct x87 *f)
{
    u32 ip = ((u32)f->fcs << 4) + (u32)f->fip, dp = ((u32)f->fds << 4) + (u32)f->fdp;
    if (x->prot) {
        put32(x->mem + 12, (u32)f->fip);
        put32(x->mem + 16, (u32)f->fop << 16 | f->fcs);
        put32(x->mem + 20, (u32)f->fdp);
        put32(x->mem + 24, 0xffff0000u | f->fds);
        return;
    }
    put32(x->mem + 12, 0xffff0000u | (ip & 0xffff));
    put32(x->mem + 16, (ip >> 4 & 0x0ffff000) | f->fop);
    put32(x->mem + 20, 0xffff0000u | (dp & 0xffff));
    put32(x->mem + 24, dp >> 4 & 0x0ffff000);
}

static void put_env(struct x87_exec *x)
{
    const struct x87 *f = x->fpu;
    put_field(x, 0, f->fcw);
    put_field(x, 1, f->fsw);
    put_field(x, 2, x87_full_tags(f));
    if (x->op16)
        put_pointers16(x, f);
    else
        put_pointers32(x, f);
}

static void get_env(struct x87_exec *x)
{
    struct x87 *f = x->fpu;
    const u8 *m = x->mem;
    unsigned unit = x->op16 ? 2 : 4;

    load_control(f, get16(m));
    f->fsw = get16(m + unit);
    load_tags(f, get16(m + 2 * unit));
    m += 3 * unit;
    if (x->prot) {
        f->fip = x->op16 ? get16(m) : get32(m);
        f->fcs = get16(m + unit);
        f->fop = x->op16 ? 0 : get16(m + 6) & 0x7ff;
        f->fdp = x->op16 ? get16(m + 4) : get32(m + 8);
        f->fds = get16(m + 3 * unit);
    } else {
        u32 ip = x->op16 ? get16(m + 2) : get32(m + 4);
        u32 dp = x->op16 ? get16(m + 6) : get32(m + 12);
        f->fop = ip & 0x7ff;
        f->fip = get16(m) | (x->op16 ? (ip & 0xf000) << 4 : (ip & 0x0ffff000) << 4);
        f->fdp = get16(m + 2 * unit) | (x->op16 ? (dp & 0xf000) << 4 : (dp & 0x0ffff000) << 4);
        f->fcs = f->fds = 0;
    }
    x87_update_es(f);
}

void x87_fnstenv(struct x87_exec *x)
{
    put_env(x);
    x->fpu->fcw |= FSW_EXCEPTIONS;
}

void x87_fldenv(struct x87_exec *x)
{
    get_env(x);
}

void x87_fnsave(struct x87_exec *x)
{
    put_env(x);
    for (unsigned i = 0; i < 8; i++)
        put80(x->mem + (x->op16 ? 14 : 28) + 10 * i, x->fpu->st[(x87_top(x->fpu) + i) & 7]);
    x87_init(x->fpu);
}

void x87_frstor(struct x87_exec *x)
{
    get_env(x);
    for (unsigned i = 0; i < 8; i++)
        x->fpu->st[(x87_top(x->fpu) + i) & 7] = get80(x->mem + (x->op16 ? 14 : 28) + 10 * i);
}

void x87_fxsave(const struct x87 *f, u8 image[160], bool wide)
{
    put16(image, f->fcw);
    put16(image + 2, f->fsw);
    put16(image + 4, (u8)~f->empty);
    put16(image + 6, f->fop);
    if (wide) {
        store_le(image + 8, 8, f->fip);
        store_le(image + 16, 8, f->fdp);
    } else {
        put32(image + 8, (u32)f->fip);
        put32(image + 12, f->fcs);
        put32(image + 16, (u32)f->fdp);
        put32(image + 20, f->fds);
    }
    for (unsigned i = 0; i < 8; i++) {
        put80(image + 32 + 16 * i, f->st[(x87_top(f) + i) & 7]);
        memset(image + 42 + 16 * i, 0, 6);
    }
}

void x87_fxrstor(struct x87 *f, const u8 image[160], bool wide)
{
    load_control(f, get16(image));
    f->fsw = get16(image + 2);
    f->empty = (u8)~image[4];
    f->fop = get16(image + 6) & 0x7ff;
    f->fip = load_le(image + 8, wide ? 8 : 4);
    f->fcs = wide ? 0 : get16(image + 12);
    f->fdp = load_le(image + 16, wide ? 8 : 4);
    f->fds = wide ? 0 : get16(image + 20);
    for (unsigned i = 0; i < 8; i++)
        f->st[(x87_top(f) + i) & 7] = get80(image + 32 + 16 * i);
    x87_update_es(f);
}
