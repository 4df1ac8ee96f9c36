/* Random blocks of 64-bit code: wide and narrow operations of every kind, addresses all over linear
 * memory. With ir_gen.h. */
#ifndef TESTS_IR_GEN64_H
#define TESTS_IR_GEN64_H

#include "tests/unit/ir_gen.h"

enum { RAM_BASE = 0x40000, RAM_PAGES = 4 };
enum { LONG_MODE = MODE_CODE64 | MODE_CODE32 | MODE_STACK32 | MODE_CS_FLAT | MODE_PROT };

/* Where the RAM is in 64-bit code. */
static const u64 ram_bases[] = {RAM_BASE, 0xffffffff80050000, 0x00007f1200060000,
                                0xffff888000070000};

/* 64 bits of which perhaps only some are used, or sign-extended ones. */
static inline u64 wide_value(u64 *seed)
{
    u64 v = (u64)rnd(seed) << 32 | rnd(seed);
    u32 how = rnd(seed);
    if (how >> 8 & 1)
        return v << (how >> 1 & 63);
    return how & 1 ? v >> (how >> 1 & 63) : (u64)((s64)v >> (how >> 1 & 63));
}

static inline u64 gen_u64(struct gen *g)
{
    u64 v = (u64)rnd(&g->seed) << 32 | rnd(&g->seed);
    return pick(g, 2) ? v >> pick(g, 64) : (u64)((s64)v >> pick(g, 64));
}

static inline void any_width(struct gen *g)
{
    g->ir->wide = pick(g, 4) != 0;
}

static inline struct irv value64(struct gen *g)
{
    return pick(g, 8) ? value(g) : ir_const64(g->ir, gen_u64(g));
}

/* An address, most of the time in the test's RAM. */
static inline struct irv address64(struct gen *g)
{
    u64 base = ram_bases[pick(g, ARRAY_LEN(ram_bases))];
    u32 kind = pick(g, 16);
    g->ir->wide = true;
    if (kind == 0)
        return value64(g);
    if (kind == 4) { /* relative to EIP, of which several may share a look-up */
        u32 off = pick(g, 300) + (pick(g, 3) ? 0 : PAGE_SIZE - 100);
        return ir_pcrel(g->ir, (s32)(pick(g, 8) ? off : off + pick(g, 1u << 20) * PAGE_SIZE));
    }
    if (kind == 1) /* another page's entry, or none */
        base ^= 1ull << (32 + pick(g, 32));
    if (kind < 4) /* a constant, if it can be one */
        return ir_const64(g->ir, base + (pick(g, RAM_PAGES * PAGE_SIZE) & ~pick(g, 16)));
    struct irv a = ir_op2(g->ir, IR_AND, value(g), ir_const(RAM_PAGES * PAGE_SIZE - 1));
    a = ir_op2(g->ir, IR_OR, a, ir_const64(g->ir, base));
    return pick(g, 2) ? a : in_register(g, a);
}

static inline u32 displacement64(struct gen *g)
{
    static const u32 disps[] = {0, 0, 0, 8, 3, -8u, -1u, 0x1000, 0x7ffffff8, 0x80000000};
    return disps[pick(g, ARRAY_LEN(disps))];
}

static inline void emit_pure64(struct gen *g)
{
    any_width(g);
    switch (pick(g, 8)) {
    case 0:
        g->ir->wide = true;
        keep(g, ir_op1(g->ir, IR_EXT32S, value(g)));
        break;
    case 1:
        keep(g, ir_lea(g->ir, value64(g), pick(g, 2) ? value(g) : IR_NONE, pick(g, 4),
                       displacement64(g)));
        break;
    case 2: keep(g, ir_copy(g->ir, value64(g))); break;
    default: emit_pure(g); break;
    }
}

static inline void emit_memory64(struct gen *g)
{
    struct irv a = address64(g);
    any_width(g);
    switch (pick(g, 8)) {
    case 0:
        keep(g, ir_ld(g->ir, pick(g, 2) ? IR_LD : IR_LDRMW, a, displacement64(g), any_size(g)));
        break;
    case 1:
        keep(g, ir_ld(g->ir, IR_LDSX, a, displacement64(g), size124(g)));
        g->ir->ops[g->ir->nops - 1].cc = IR_SX64;
        break;
    case 2: emit_load(g, a); break;
    case 3: ir_st(g->ir, a, displacement64(g), any_size(g), value(g)); break;
    case 4: emit_store(g, a); break;
    case 5:
        ir_ldv(g->ir, pick(g, 2) ? mmx_offset(6) : xmm_offset(pick(g, 8)), a, 4u << pick(g, 3));
        break;
    case 6:
        ir_stv(g->ir, a, pick(g, 2) ? mmx_offset(6) : xmm_offset(pick(g, 8)), 4u << pick(g, 3));
        break;
    default:
        ir_ldv(g->ir, xmm_offset(pick(g, 8)), a, 16);
        ir_aligned(g->ir);
        break;
    }
    if (pick(g, 8) == 0)
        g->ir->ops[g->ir->nops - 1].cc |= 1;
}

/* As the lifter makes them: result, flags, write. Of size 4 it is not wide, of less it leaves the
 * rest of the register alone. */
static inline void emit_instruction64(struct gen *g)
{
    const struct gen_alu *f = pick_alu(g);
    u32 disp = displacement64(g);
    bool mem = pick(g, 3) == 0;
    unsigned size = pick(g, 2) ? 8 : any_size(g), reg = pick(g, GPR_COUNT);
    struct irv at = mem ? address64(g) : IR_NONE, b = value64(g), t;
    struct irv a = mem ? ir_ld(g->ir, IR_LDRMW, at, disp, size) : ir_reg(reg);
    g->ir->wide = size == 8;
    t = emit_alu(g, f, a, &b);
    if (mem)
        ir_st(g->ir, at, disp, size, t);
    ir_flags(g->ir, f->kind, size, t, b, IR_NONE);
    if (mem)
        return;
    g->ir->wide = size != 4;
    if (size < 4)
        t = ir_op2(g->ir, size == 1 ? IR_DEP8 : IR_DEP16, ir_reg(reg), t);
    ir_set_reg(g->ir, reg, t);
}

static inline void emit_compare64(struct gen *g)
{
    unsigned size = any_size(g);
    ir_flags(g->ir, pick(g, 2) ? FK_CMP : FK_LOGIC, size, value(g), value(g), IR_NONE);
    g->ir->wide = pick(g, 2);
    keep(g, pick(g, 2) ? ir_getcc(g->ir, pick(g, 16))
                       : ir_selcc(g->ir, pick(g, 16), value(g), value(g)));
}

/* MUL and IMUL of RAX. */
static inline void emit_multiply64(struct gen *g)
{
    struct irv lo, hi;
    unsigned size = pick(g, 2) ? 8 : 4;
    g->ir->wide = size == 8;
    ir_mul2(g->ir, pick(g, 2) ? IR_UMUL2 : IR_SMUL2, ir_reg(EAX), value(g), &lo, &hi);
    if (pick(g, 2))
        ir_flags(g->ir, FK_MUL, size, lo, hi, IR_NONE);
    ir_set_reg(g->ir, EAX, lo);
    ir_set_reg(g->ir, EDX, hi);
}

/* DIV and IDIV, often of a dividend that the host's instruction may be given. */
static inline void emit_divide64(struct gen *g)
{
    bool is_signed = pick(g, 2);
    g->ir->wide = true;
    ir_set_reg(g->ir, EAX, value64(g));
    if (pick(g, 4))
        ir_set_reg(g->ir, EDX,
                   is_signed ? ir_op2(g->ir, IR_SAR, ir_reg(EAX), ir_const(63)) : ir_const(0));
    ir_call(g->ir, is_signed ? HELPER_idiv64 : HELPER_div64, value64(g), IR_NONE, IR_NONE, IR_NONE);
}

/* x87 operations among stores of registers that addresses hang on. */
static inline void emit_x87_code64(struct gen *g)
{
    for (u32 n = 1 + pick(g, 8); n-- > 0;) {
        g->ir->wide = true;
        if (pick(g, 4) == 0)
            ir_set_reg(g->ir, pick(g, GPR_COUNT), value64(g));
        else
            emit_x87(g, address64(g));
    }
    ir_x87_home(g->ir);
}

/* Addresses 4 GiB and less apart, off one register. */
static inline void emit_far_steps64(struct gen *g)
{
    static const u32 steps[] = {0x60000000, 0x60000000, 0x40000000};
    unsigned reg = pick(g, GPR_COUNT);
    g->ir->wide = true;
    ir_set_reg(g->ir, reg, address64(g));
    for (u32 i = 0; i <= ARRAY_LEN(steps); i++) {
        if (pick(g, 4))
            keep(g, ir_ld(g->ir, IR_LD, ir_reg(reg), 8 * pick(g, 3), any_size(g)));
        if (i < ARRAY_LEN(steps))
            ir_set_reg(g->ir, reg, ir_lea(g->ir, ir_reg(reg), IR_NONE, 0, steps[i]));
    }
}

static inline void emit_exit64(struct gen *g)
{
    s32 off = pick(g, 4) ? 77 : pick(g, 2) ? 0x1234 : -0x1234;
    any_width(g);
    if (pick(g, 2))
        ir_xcc(g->ir, pick(g, 16), off);
    else
        ir_xif(g->ir, (enum ir_cond)pick(g, 10), value(g), value(g), off);
}

static inline void emit_set_reg64(struct gen *g)
{
    any_width(g);
    ir_set_reg(g->ir, pick(g, GPR_COUNT), value64(g));
}

static inline void emit_flag_users64(struct gen *g)
{
    any_width(g);
    switch (pick(g, 4)) {
    case 0: keep(g, ir_getcc(g->ir, pick(g, 16))); break;
    case 1: emit_use(g); break;
    case 2: emit_flag_bits(g); break;
    default: emit_flags(g); break;
    }
}

static inline void emit_random64(struct gen *g)
{
    switch (pick(g, 23)) {
    case 0:
    case 1:
    case 2: emit_memory64(g); break;
    case 3: pick(g, 3) ? emit_stack(g) : emit_call(g); break;
    case 4:
    case 5:
    case 6: emit_flag_users64(g); break;
    case 7:
    case 8:
    case 9: emit_instruction64(g); break;
    case 10: emit_compare64(g); break;
    case 11: emit_field(g); break;
    case 12: pick(g, 3) ? emit_multiply64(g) : emit_exit64(g); break;
    case 17: pick(g, 3) ? emit_x87_code64(g) : emit_divide64(g); break;
    case 13:
    case 14: emit_set_reg64(g); break;
    case 15:
    case 16: emit_insn_begin(g); break;
    case 18: ir_segchk_eip(g->ir, value64(g)); break;
    case 19: pick(g, 2) ? emit_far_steps64(g) : emit_pure64(g); break;
    default: emit_pure64(g); break;
    }
}

static inline u32 mode64(struct gen *g)
{
    return LONG_MODE | (pick(g, 2) ? MODE_USER : pick(g, 4) ? 0 : MODE_SMAP_AC);
}

static inline void emit_end64(struct gen *g)
{
    g->ir->wide = true;
    switch (pick(g, 6)) {
    case 0: ir_xind(g->ir, value64(g)); break;
    case 1: ir_xnext(g->ir, pick(g, 2) ? g->off + 3 : -5); break;
    case 2: ir_xloop(g->ir); break;
    default: ir_xjmp(g->ir, pick(g, 4) ? g->off + 3 : pick(g, 2) ? 0x2345 : -0x2345); break;
    }
}

#endif
