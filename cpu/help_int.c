/* Helpers of the integer instructions that IR does not express: faults, division, decimal
 * adjustment, nested ENTER, PUSHF and POPF. A helper raises before it writes anything. SDM
 * volume 2. */
#include "cpu/bits.h"
#include "cpu/cpuid.h"
#include "cpu/excp.h"
#include "cpu/helpers.h"
#include "cpu/seg.h"
#include "cpu/vme.h"

#define HIGH16 (~(u64)0xffff) /* of a register, what a result of 16 bits leaves alone */

__extension__ typedef unsigned __int128 u128;

void help_raise(struct cpu *cpu, u32 vec, u32 has_error, u32 error, u32 rule)
{
    if (has_error)
        cpu_raise_err(cpu, (enum vector)vec, error, why((enum rule)rule));
    cpu_raise(cpu, (enum vector)vec, why((enum rule)rule));
}

void help_align_check(struct cpu *cpu, u32 la, u32 size)
{
    if (la & (size - 1))
        cpu_raise_err(cpu, VEC_AC, 0, why_value(RULE_align, la, la & (size - 1)));
}

void help_align_check64(struct cpu *cpu, u64 la, u64 size)
{
    if ((la & (size - 1)) && laddr_is_canonical(la)) /* else the access faults otherwise */
        cpu_raise_err(cpu, VEC_AC, 0, why_value(RULE_align, la, la & (size - 1)));
}

void help_align16(struct cpu *cpu, u64 la)
{
    mem_check_align16(cpu, la);
}

void help_bound(struct cpu *cpu, u32 index, u32 lower, u32 upper)
{
    if ((s32)index < (s32)lower || (s32)index > (s32)upper)
        cpu_raise(cpu, VEC_BR, why_value(RULE_bound, index, 0));
}

/* -- division: #DE for a zero divisor or a quotient that does not fit -- */

/* The 8086 takes it as a trap: it pushes the address of the next instruction (80386 Programmer's
 * Reference, 14.7). */
static _Noreturn void divide_error(struct cpu *cpu, u64 divisor, u32 len)
{
    struct why w = why_value(divisor ? RULE_div_overflow : RULE_div_zero, divisor, 0);

    if (cpu->model->isa <= ISA_186)
        cpu_raise_after(cpu, VEC_DE, len, w);
    cpu_raise(cpu, VEC_DE, w);
}

void help_div8(struct cpu *cpu, u32 divisor, u32 len)
{
    u32 ax = cpu->gpr[EAX] & 0xffff, b = divisor & 0xff;

    if (!b || ax / b > 0xff)
        divide_error(cpu, b, len);
    cpu->gpr[EAX] = (cpu->gpr[EAX] & HIGH16) | (ax % b) << 8 | ax / b;
}

void help_div16(struct cpu *cpu, u32 divisor, u32 len)
{
    u32 a = (u32)(cpu->gpr[EDX] << 16) | (cpu->gpr[EAX] & 0xffff), b = divisor & 0xffff;

    if (!b || a / b > 0xffff)
        divide_error(cpu, b, len);
    cpu->gpr[EAX] = (cpu->gpr[EAX] & HIGH16) | a / b;
    cpu->gpr[EDX] = (cpu->gpr[EDX] & HIGH16) | a % b;
}

void help_div32(struct cpu *cpu, u32 divisor, u32 len)
{
    u64 a = cpu->gpr[EDX] << 32 | (u32)cpu->gpr[EAX];

    /* The quotient fits exactly if the high half is less than the divisor; that covers a divisor of
     * 0. */
    if ((u32)cpu->gpr[EDX] >= divisor)
        divide_error(cpu, divisor, len);
    cpu->gpr[EAX] = (u32)(a / divisor);
    cpu->gpr[EDX] = (u32)(a % divisor);
}

/* The signed quotient and remainder; false if the quotient does not fit in bits bits. Of those the
 * 8086 does not take the most negative one. */
static bool signed_divide(const struct cpu *cpu, s64 a, s64 b, unsigned bits, s64 *q, s64 *r)
{
    s64 max = (s64)((1ull << (bits - 1)) - 1);
    s64 min = cpu->model->isa <= ISA_186 ? -max : -max - 1;

    if (!b || (a == INT64_MIN && b == -1))
        return false;
    *q = a / b;
    *r = a % b;
    return *q <= max && *q >= min;
}

void help_idiv8(struct cpu *cpu, u32 divisor, u32 len)
{
    s64 q, r;

    if (!signed_divide(cpu, (s16)cpu->gpr[EAX], (s8)divisor, 8, &q, &r))
        divide_error(cpu, divisor & 0xff, len);
    cpu->gpr[EAX] = (cpu->gpr[EAX] & HIGH16) | ((u32)r & 0xff) << 8 | ((u32)q & 0xff);
}

void help_idiv16(struct cpu *cpu, u32 divisor, u32 len)
{
    s64 q, r;

    if (!signed_divide(cpu, (s32)((cpu->gpr[EDX] << 16) | (cpu->gpr[EAX] & 0xffff)), (s16)divisor,
                       16, &q, &r))
        divide_error(cpu, divisor & 0xffff, len);
    cpu->gpr[EAX] = (cpu->gpr[EAX] & HIGH16) | ((u32)q & 0xffff);
    cpu->gpr[EDX] = (cpu->gpr[EDX] & HIGH16) | ((u32)r & 0xffff);
}

void help_idiv32(struct cpu *cpu, u32 divisor, u32 len)
{
    s64 q, r;

    if (!signed_divide(cpu, (s64)(cpu->gpr[EDX] << 32 | (u32)cpu->gpr[EAX]), (s32)divisor, 32, &q,
                       &r))
        divide_error(cpu, divisor, len);
    cpu->gpr[EAX] = (u32)q;
    cpu->gpr[EDX] = (u32)r;
}

void help_div64(struct cpu *cpu, u64 divisor)
{
    u128 a = (u128)cpu->gpr[EDX] << 64 | cpu->gpr[EAX];

    if (cpu->gpr[EDX] >= divisor)
        divide_error(cpu, divisor, 0);
    cpu->gpr[EAX] = (u64)(a / divisor);
    cpu->gpr[EDX] = (u64)(a % divisor);
}

void help_idiv64(struct cpu *cpu, u64 divisor)
{
    u128 a = (u128)cpu->gpr[EDX] << 64 | cpu->gpr[EAX];
    bool minus = cpu->gpr[EDX] >> 63, opposite = minus != (divisor >> 63 != 0);
    u128 n = minus ? -a : a, q;
    u64 d = divisor >> 63 ? -divisor : divisor;

    /* By magnitudes: the largest of a quotient is 2^63 - 1, or 2^63 with a minus sign. */
    if (!d || (q = n / d) > (1ull << 63) - !opposite)
        divide_error(cpu, divisor, 0);
    cpu->gpr[EAX] = opposite ? -(u64)q : (u64)q;
    cpu->gpr[EDX] = minus ? -(u64)(n % d) : (u64)(n % d);
}

/* AAM 0. The 80286 has shifted the dividend once by then, and its flags show it (captured traces of
 * DIV by zero). */
void help_aam_zero(struct cpu *cpu, u32 al, u32 len)
{
    if (cpu->model->isa == ISA_286) {
        cpu->cc_op = FLAG_OP(FK_LOGIC, 0);
        cpu->cc_dst = (al & 0xff) >> 1;
    }
    divide_error(cpu, 0, len);
}

/* -- decimal adjustment -- */

/* AL = al; CF and AF as given, the rest of the flags from result. The manual leaves OF undefined,
 * and for AAA and AAS also ZF, SF and PF: those are of AL, OF is clear; on the 80286 all come from
 * the addition or subtraction (captured traces). */
struct adjusted {
    u32 al;   /* new AL */
    u32 full; /* AL before AAA and AAS clear its upper half */
    bool cf, af;
};

static u32 adjust_al(struct cpu *cpu, u32 eax, const struct adjusted *a, bool subtract)
{
    bool old = cpu->model->isa == ISA_286;
    u32 f = flags_eval(FLAG_OP(FK_LOGIC, 0), old ? a->full : a->al, 0, 0);
    u32 operand = subtract ? eax - a->full : a->full - eax;

    if (old)
        f |= flags_eval(FLAG_OP(subtract ? FK_SUB : FK_ADD, 0), a->full, operand, 0) & FLAG_OF;
    cpu->cc_op = FLAG_OP(FK_EFLAGS, 2);
    cpu->cc_src = f | (a->cf ? FLAG_CF : 0) | (a->af ? FLAG_AF : 0);
    return (eax & ~0xffu) | (a->al & 0xff);
}

static u32 decimal(struct cpu *cpu, u32 eax, bool subtract)
{
    u32 f = cpu_arith_flags(cpu), old = eax & 0xff, al = old;
    bool cf = f & FLAG_CF, af = f & FLAG_AF;
    bool high = cf || old > 0x99;
    u32 six = subtract ? -6u : 6u, sixty = subtract ? -0x60u : 0x60u;

    if ((old & 15) > 9 || af) {
        /* Borrow or carry out of AL counts too: DAS of AL < 6 sets CF. */
        cf = high || (subtract && old < 6);
        af = true;
        al += six;
    } else {
        cf = high;
    }
    if (high)
        al += sixty;
    return adjust_al(cpu, eax, &(struct adjusted){al, al, cf, af}, subtract);
}

u32 help_daa(struct cpu *cpu, u32 eax)
{
    return decimal(cpu, eax, false);
}

u32 help_das(struct cpu *cpu, u32 eax)
{
    return decimal(cpu, eax, true);
}

/* AX changes as a whole: a carry out of AL reaches AH. On the 8086 AL is adjusted first, and AH
 * steps by one. */
static u32 ascii(struct cpu *cpu, u32 eax, bool subtract)
{
    bool adjust = (eax & 15) > 9 || (cpu_arith_flags(cpu) & FLAG_AF);
    u32 step = adjust ? 0x106 : 0, ax = subtract ? eax - step : eax + step;

    if (cpu->model->isa <= ISA_186 && adjust)
        ax = ((subtract ? eax - 0x100 : eax + 0x100) & 0xff00) | (ax & 0xff);
    struct adjusted a = {ax & 15, ax, adjust, adjust};
    u32 al = adjust_al(cpu, eax, &a, subtract);
    return (al & 0xffff00ff) | (ax & 0xff00);
}

u32 help_aaa(struct cpu *cpu, u32 eax)
{
    return ascii(cpu, eax, false);
}

u32 help_aas(struct cpu *cpu, u32 eax)
{
    return ascii(cpu, eax, true);
}

/* -- bits -- */

u32 help_popcnt(struct cpu *cpu, u32 v)
{
    (void)cpu;
    return bits_count(v);
}

u64 help_popcnt64(struct cpu *cpu, u64 v)
{
    (void)cpu;
    return bits_count((u32)v) + bits_count((u32)(v >> 32));
}

u32 help_crc32_8(struct cpu *cpu, u32 sum, u32 data)
{
    (void)cpu;
    return bits_crc32c(sum, data, 8);
}

u32 help_crc32_16(struct cpu *cpu, u32 sum, u32 data)
{
    (void)cpu;
    return bits_crc32c(sum, data, 16);
}

u32 help_crc32_32(struct cpu *cpu, u32 sum, u32 data)
{
    (void)cpu;
    return bits_crc32c(sum, data, 32);
}

/* -- ENTER with a level -- */

struct frame {
    struct cpu *cpu;
    unsigned size;
    u64 mask; /* of stack addresses */
};

static laddr frame_address(const struct frame *f, u64 off, enum access acc)
{
    return seg_linear(f->cpu, SEG_SS, off & f->mask, f->size, acc);
}

static void frame_push(const struct frame *f, u64 *sp, u64 v)
{
    *sp -= f->size;
    mem_slow_write(f->cpu, frame_address(f, *sp, ACCESS_WRITE), f->size, v);
}

/* Of the bits above the mask those of a 16-bit stack's register stay; above 32 there are none. */
static u64 frame_sp(const struct frame *f, u64 sp)
{
    return (f->mask == 0xffff ? f->cpu->gpr[ESP] & HIGH16 : 0) | (sp & f->mask);
}

void help_enter(struct cpu *cpu, u32 size, u32 locals, u32 level)
{
    struct frame f = {cpu, size, cpu->mode & MODE_STACK32 ? cpu->eip_mask : 0xffff};
    u64 sp = cpu->gpr[ESP], bp = cpu->gpr[EBP], frame;

    frame_push(&f, &sp, bp);
    frame = frame_sp(&f, sp);
    for (u32 i = 1; i < level; i++) {
        bp -= size;
        frame_push(&f, &sp, mem_slow_read(cpu, frame_address(&f, bp, ACCESS_READ), size));
    }
    frame_push(&f, &sp, frame);
    sp -= locals;
    mem_probe_write(cpu, frame_address(&f, sp, ACCESS_WRITE), size, cpu_priv(cpu));
    cpu->gpr[ESP] = frame_sp(&f, sp);
    cpu->gpr[EBP] = size == 2 ? (cpu->gpr[EBP] & HIGH16) | (frame & 0xffff) : frame;
}

/* -- PUSHF and POPF (SDM volume 2; virtual-8086 mode: volume 3B, 20.2.7 and 20.3) -- */

u32 help_pushf_v86(struct cpu *cpu, u32 opsize)
{
    u32 image = cpu_eflags(cpu) & ~(u32)(FLAG_VM | FLAG_RF);

    if (vme_uses_vif(cpu, opsize)) {
        image &= ~(u32)FLAG_IF;
        image |= FLAG_IOPL | (cpu->eflags & FLAG_VIF ? FLAG_IF : 0);
    }
    return image;
}

void help_popf_check(struct cpu *cpu, u32 opsize)
{
    vme_uses_vif(cpu, opsize);
}

/* Of the flags in mask those of image; what the run loop, or the mode word, must know of. */
static u32 load_flags(struct cpu *cpu, u32 image, u32 mask)
{
    const u32 watched = FLAG_TF | FLAG_AC | FLAG_VIF | (cpu->irq_line ? FLAG_IF : 0u);
    u32 old = cpu->eflags;

    cpu_set_system_flags(cpu, (old & ~mask & ~(u32)FLAG_RF) | (image & mask));
    if ((old ^ cpu->eflags) & FLAG_AC)
        cpu_update_mode(cpu);
    return (old ^ cpu->eflags) & watched;
}

static u32 popf_mask(const struct cpu *cpu, u32 opsize)
{
    u32 mask = FLAG_DF | FLAG_TF | FLAG_NT;

    if (opsize != 2)
        mask |= FLAG_AC | FLAG_ID;
    if (cpu->cpl == 0)
        mask |= FLAG_IOPL | FLAG_IF;
    else if (cpu->cpl <= cpu_iopl(cpu))
        mask |= FLAG_IF;
    return mask;
}

u32 help_popf(struct cpu *cpu, u32 image, u32 opsize)
{
    return load_flags(cpu, image, popf_mask(cpu, opsize));
}

u32 help_popf_v86(struct cpu *cpu, u32 image, u32 opsize)
{
    if (!vme_uses_vif(cpu, opsize))
        return load_flags(cpu, image, popf_mask(cpu, opsize));
    vme_check_load(cpu, image);
    image &= ~(u32)FLAG_VIF;
    image |= image & FLAG_IF ? FLAG_VIF : 0;
    return load_flags(cpu, image, FLAG_DF | FLAG_TF | FLAG_NT | FLAG_VIF);
}
