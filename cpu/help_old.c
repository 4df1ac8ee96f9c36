/* Helpers of what only old processors do. LOADALL loads all registers, descriptor caches too, from
 * an image in memory without any checks (80286: Intel's LOADALL application note, 1984; 80386: R.
 * Collins, "The LOADALL Instruction", 1996). An 8086 shifts bit by bit. */
#include <string.h>

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/crs.h"
#include "cpu/debug.h"
#include "cpu/helpers.h"
#include "cpu/seg.h"

/* -- shifts by CL of the 8086 -- */

enum { ROL, ROR, RCL, RCR, SHL, SHR, SETMO, SAR };

struct shifter {
    u32 v, top; /* value, its highest bit */
    bool cf, of, af;
};

static void shift_once(struct shifter *s, unsigned kind)
{
    bool high = s->v & s->top, low = s->v & 1, carry = s->cf;
    u32 old = s->v;

    if (kind == ROL || kind == RCL || kind == SHL) {
        s->cf = high;
        s->v = (s->v << 1) & (s->top * 2 - 1);
        s->v |= kind == ROL ? high : kind == RCL ? carry : 0;
        s->of = !!(s->v & s->top) != s->cf;
    } else {
        bool in = kind == ROR ? low : kind == RCR ? carry : kind == SAR && high;
        s->cf = low;
        s->v = s->v >> 1 | (in ? s->top : 0);
        s->of = !!((s->v ^ s->v << 1) & s->top);
    }
    s->af = kind == SHL && (old & 8);
}

u32 help_shift_long(struct cpu *cpu, u32 how, u32 value, u32 count)
{
    unsigned kind = how & 7, size = how >> 8;
    u32 top = 1u << (8 * size - 1), f = cpu_arith_flags(cpu);
    struct shifter s = {.v = value & (top * 2 - 1), .top = top, .cf = f & FLAG_CF};

    if (!count)
        return value;
    for (u32 i = 0; i < count; i++)
        shift_once(&s, kind);
    f &= ~(u32)(FLAG_CF | FLAG_OF);
    if (kind >= SHL)
        f = flags_eval(FLAG_OP(FK_LOGIC, size >> 1), s.v, 0, 0) | (s.af ? FLAG_AF : 0);
    cpu->cc_op = FLAG_OP(FK_EFLAGS, 2);
    cpu->cc_src = f | (s.cf ? FLAG_CF : 0) | (s.of ? FLAG_OF : 0);
    return s.v;
}

/* -- LOADALL -- */

/* Registers in an image: offset of each. */
static void load_gprs(struct cpu *cpu, const u8 *image, const u8 *at, unsigned size)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        cpu->gpr[i] = (u32)load_le(image + at[i], size);
}

static void finish(struct cpu *cpu, u32 cr0, u32 eip)
{
    cpu->cpl = (cpu->seg[SEG_SS].attr & SA_DPL) >> SA_DPL_SHIFT;
    if (!(cr0 & CR0_PE))
        cpu->cpl = 0;
    if (cpu->eflags & FLAG_VM)
        cpu->cpl = 3;
    cpu->eip = eip;
    cr0_load(cpu, cr0);
    cpu_update_mode(cpu);
}

/* Base of 24 bits, access byte, limit. */
static void load_cache286(struct segment *s, u16 sel, const u8 *p)
{
    s->sel = sel;
    s->base = (u32)load_le(p, 2) | (u32)p[2] << 16;
    s->attr = p[3];
    s->limit = (u32)load_le(p + 4, 2);
    seg_update_cache(s);
}

void help_loadall286(struct cpu *cpu)
{
    static const u8 gprs[] = {0x34, 0x32, 0x30, 0x2e, 0x2c, 0x2a, 0x28, 0x26};
    static const struct {
        u8 seg, sel, cache;
    } segs[] = {
        {SEG_ES, 0x24, 0x36}, {SEG_CS, 0x22, 0x3c}, {SEG_SS, 0x20, 0x42}, {SEG_DS, 0x1e, 0x48}};
    const u8 *p;
    u8 image[0x66];

    mem_read_block(cpu, 0x800, image, sizeof(image), false);
    p = image;
    load_gprs(cpu, p, gprs, 2);
    for (unsigned i = 0; i < ARRAY_LEN(segs); i++)
        load_cache286(&cpu->seg[segs[i].seg], (u16)load_le(p + segs[i].sel, 2), p + segs[i].cache);
    load_cache286(&cpu->ldtr, (u16)load_le(p + 0x1c, 2), p + 0x54);
    load_cache286(&cpu->tr, (u16)load_le(p + 0x16, 2), p + 0x60);
    cpu->gdtr.base = (u32)load_le(p + 0x4e, 2) | (u32)p[0x50] << 16;
    cpu->gdtr.limit = (u16)load_le(p + 0x52, 2);
    cpu->idtr.base = (u32)load_le(p + 0x5a, 2) | (u32)p[0x5c] << 16;
    cpu->idtr.limit = (u16)load_le(p + 0x5e, 2);
    u32 msw = (u32)load_le(p + 6, 2) | (cpu->cr0 & CR0_PE); /* which stays set */
    cpu->cr0 |= msw & CR0_PE;                               /* FLAGS 12 to 14 exist with it */
    cpu_set_eflags(cpu, (u32)load_le(p + 0x18, 2));
    finish(cpu, msw, (u32)load_le(p + 0x1a, 2));
}

/* Attributes as in the second dword of a descriptor, base, limit in bytes. */
static void load_cache386(struct segment *s, u16 sel, const u8 *p)
{
    s->sel = sel;
    s->attr = (u16)(load_le(p, 4) >> 8) & 0xf0ff;
    s->base = (u32)load_le(p + 4, 4);
    s->limit = (u32)load_le(p + 8, 4);
    seg_update_cache(s);
}

void help_loadall386(struct cpu *cpu)
{
    static const u8 gprs[] = {0x28, 0x24, 0x20, 0x1c, 0x18, 0x14, 0x10, 0x0c};
    static const u8 order[] = {SEG_GS, SEG_FS, SEG_DS, SEG_SS, SEG_CS, SEG_ES};
    u32 edi = cpu->mode & MODE_CODE32 ? cpu->gpr[EDI] : cpu->gpr[EDI] & 0xffff;
    u8 p[0xcc];

    mem_read_block(cpu, cpu->seg[SEG_ES].base + edi, p, sizeof(p), false);
    load_gprs(cpu, p, gprs, 4);
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        load_cache386(&cpu->seg[order[i]], (u16)load_le(p + 0x3c + 4 * i, 2), p + 0x84 + 12 * i);
    load_cache386(&cpu->tr, (u16)load_le(p + 0x34, 2), p + 0x54);
    load_cache386(&cpu->ldtr, (u16)load_le(p + 0x38, 2), p + 0x78);
    cpu->idtr.base = (u32)load_le(p + 0x64, 4);
    cpu->idtr.limit = (u16)load_le(p + 0x68, 2);
    cpu->gdtr.base = (u32)load_le(p + 0x70, 4);
    cpu->gdtr.limit = (u16)load_le(p + 0x74, 2);
    dr_load(cpu, 6, (u32)load_le(p + 0x2c, 4));
    dr_load(cpu, 7, (u32)load_le(p + 0x30, 4));
    cpu_set_eflags(cpu, (u32)load_le(p + 4, 4));
    finish(cpu, (u32)load_le(p, 4), (u32)load_le(p + 8, 4));
}

/* TR6 with bit 0 set looks a linear address up in the TLB and TR7 tells of a hit; with it clear an
 * entry is written, which a later access may find or not: our TLB never tells, so that every
 * look-up misses (80386 Programmer's Reference, 10.6). The cache's registers of the 80486 are
 * storage. */
void help_mov_to_tr(struct cpu *cpu, u32 n, u32 value)
{
    enum { TR6_LOOK_UP = 1, TR7_HIT = 1 << 4 };

    cpu->test_regs[n] = value;
    if (n == 6 && (value & TR6_LOOK_UP))
        cpu->test_regs[7] &= ~(u32)TR7_HIT;
}
