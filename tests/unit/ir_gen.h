/* Random blocks of IR for tests: the pieces they are made of, and the frame around them. A program
 * describes its blocks with a struct gen_shape; which ops they hold, and how often, is its own.
 * A seed always gives the same block. */
#ifndef TESTS_IR_GEN_H
#define TESTS_IR_GEN_H

#include <stdio.h>

#include "tests/unit/ir_world.h"

struct gen;

struct gen_shape {
    u32 reg_values;            /* of ten values so many are registers */
    bool leaves;               /* FLAGSIF may leave: not if the optimizer may drop it */
    u32 temps;                 /* results that are kept to be used, at most 64 */
    u32 consts;                /* values that mean something, at most 10 */
    bool carry_in;             /* ADC and SBB may take the carry at hand, not just constants */
    u32 (*mode)(struct gen *); /* of the block */
    struct irv (*address)(struct gen *); /* of operands in memory: for vec_gen.h */
    void (*op)(struct gen *);            /* emits one thing */
    void (*end)(struct gen *);           /* emits the last exit */
};

struct gen {
    const struct gen_shape *shape;
    struct ir *ir;
    u64 seed;
    struct irv temps[64];
    u32 n;
    s32 off; /* of the current instruction */
};

static inline u32 pick(struct gen *g, u32 n)
{
    return rnd(&g->seed) % n;
}

static inline struct irv value(struct gen *g)
{
    static const u32 consts[] = {0, 1, 4, 0xff, 0xffff, 0xffffffff, 0x80000000, 31, 0x7f, 0x8000};
    u32 k = pick(g, 10);
    if (k < g->shape->reg_values)
        return ir_reg(pick(g, GPR_COUNT));
    if (k < 8 && g->n)
        return g->temps[pick(g, g->n)];
    return ir_const(k == 8 ? consts[pick(g, g->shape->consts)] : rnd(&g->seed));
}

static inline void keep(struct gen *g, struct irv v)
{
    if (!irv_is(v, IRV_NONE))
        g->temps[g->n < g->shape->temps ? g->n++ : pick(g, g->shape->temps)] = v;
}

static inline unsigned size124(struct gen *g)
{
    return 1u << pick(g, 3);
}

static inline bool is_code64(const struct gen *g)
{
    return g->ir->mode & MODE_CODE64;
}

/* 8 as well in 64-bit code */
static inline unsigned any_size(struct gen *g)
{
    return 1u << pick(g, is_code64(g) ? 4 : 3);
}

/* The value by way of a register. */
static inline struct irv in_register(struct gen *g, struct irv v)
{
    unsigned reg = pick(g, GPR_COUNT);
    ir_set_reg(g->ir, reg, v);
    return ir_reg(reg);
}

static inline size_t field(struct gen *g)
{
    return offsetof(struct cpu, scratch) + 4 * pick(g, is_code64(g) ? 7 : 8);
}

static inline void emit_pure(struct gen *g)
{
    static const enum ir_op one[] = {IR_MOV,    IR_NOT,   IR_NEG,   IR_EXT8U, IR_EXT8S, IR_EXT16U,
                                     IR_EXT16S, IR_EXTH8, IR_BSWAP, IR_CTZ,   IR_BSR};
    static const enum ir_op two[] = {IR_ADD, IR_ADD,  IR_SUB,   IR_SUB,  IR_AND, IR_OR,
                                     IR_XOR, IR_SHL,  IR_SHR,   IR_SAR,  IR_ROL, IR_ROR,
                                     IR_MUL, IR_DEP8, IR_DEPH8, IR_DEP16};
    struct irv a = value(g), b = value(g), hi;
    switch (pick(g, 12)) {
    case 0:
    case 1:
    case 2: keep(g, ir_op1(g->ir, one[pick(g, ARRAY_LEN(one))], a)); break;
    case 3:
    case 4:
    case 5:
    case 6: keep(g, ir_op2(g->ir, two[pick(g, ARRAY_LEN(two))], a, b)); break;
    case 7: keep(g, ir_lea(g->ir, a, pick(g, 2) ? b : IR_NONE, pick(g, 4), pick(g, 3) * 4)); break;
    case 8:
        ir_mul2(g->ir, pick(g, 2) ? IR_UMUL2 : IR_SMUL2, a, b, &a, &hi);
        keep(g, a);
        keep(g, hi);
        break;
    case 9: keep(g, ir_setc(g->ir, (enum ir_cond)pick(g, 10), a, b)); break;
    case 10: keep(g, ir_sel(g->ir, (enum ir_cond)pick(g, 10), a, b, value(g), value(g))); break;
    default: keep(g, pick(g, 2) ? ir_pcrel(g->ir, g->off) : ir_copy(g->ir, a)); break;
    }
}

/* A count for what leaves if it is 0. */
static inline struct irv count(struct gen *g)
{
    return g->shape->leaves ? value(g) : ir_op2(g->ir, IR_OR, value(g), ir_const(1));
}

static inline void emit_flags(struct gen *g)
{
    unsigned kind = pick(g, FK_COUNT), size;
    struct irv aux = kind == FK_ADC || kind == FK_SBB ? ir_const(pick(g, 2)) : IR_NONE;
    struct irv src = kind == FK_LOGIC ? IR_NONE : value(g);
    if (kind == FK_INC || kind == FK_DEC) /* a carry: 0 or 1 */
        src = pick(g, 2) ? ir_getcc(g->ir, pick(g, 16)) : ir_const(pick(g, 2));
    if (g->shape->carry_in && (kind == FK_ADC || kind == FK_SBB) && pick(g, 2))
        aux = ir_getcc(g->ir, 2);
    bool leaves = pick(g, 4) == 0;
    if (leaves && (kind == FK_ADC || kind == FK_SBB))
        return;
    size = any_size(g);
    g->ir->wide = size == 8;
    if (leaves)
        ir_flags_if(g->ir, count(g), g->off + 3, kind, size, value(g), src);
    else
        ir_flags(g->ir, kind, size, value(g), src, aux);
}

/* CF and OF alone */
static inline void emit_flag_bits(struct gen *g)
{
    u32 which = pick(g, 4);
    struct irv cf = which ? value(g) : IR_NONE, of = which < 2 ? value(g) : IR_NONE;
    u32 bits = g->ir->wide ? 64 : 32;
    if (pick(g, 3))
        ir_flag_bits(g->ir, cf, pick(g, bits), of, pick(g, bits));
    else
        ir_flag_bits_if(g->ir, count(g), g->off + 3, cf, pick(g, bits), of, pick(g, bits));
}

/* What instructions compute, and the kind of their flags. */
struct gen_alu {
    enum ir_op op;
    unsigned kind;
};

static inline const struct gen_alu *pick_alu(struct gen *g)
{
    static const struct gen_alu forms[] = {{IR_ADD, FK_ADD},   {IR_SUB, FK_SUB}, {IR_AND, FK_LOGIC},
                                           {IR_XOR, FK_LOGIC}, {IR_ADD, FK_INC}, {IR_ADD, FK_DEC},
                                           {IR_NEG, FK_SUB}};
    return &forms[pick(g, ARRAY_LEN(forms))];
}

/* The result for a and b; b becomes what the flags are to be made of beside it. */
static inline struct irv emit_alu(struct gen *g, const struct gen_alu *f, struct irv a,
                                  struct irv *b)
{
    struct irv t;
    if (f->kind == FK_INC || f->kind == FK_DEC) {
        *b = ir_getcc(g->ir, 2);
        return ir_op2(g->ir, IR_ADD, a, ir_const(f->kind == FK_INC ? 1 : ~0u));
    }
    if (f->op == IR_NEG) {
        *b = a;
        return ir_op1(g->ir, IR_NEG, a);
    }
    t = ir_op2(g->ir, f->op, a, *b);
    if (f->kind == FK_LOGIC)
        *b = IR_NONE;
    return t;
}

/* What reads the flags */
static inline void emit_use(struct gen *g)
{
    keep(g, pick(g, 2) ? ir_selcc(g->ir, pick(g, 16), value(g), value(g)) : ir_getfl(g->ir));
}

static inline void emit_field(struct gen *g)
{
    if (pick(g, 2))
        keep(g, ir_lds(g->ir, field(g), any_size(g)));
    else
        ir_sts(g->ir, field(g), any_size(g), value(g));
}

static inline void emit_load(struct gen *g, struct irv addr)
{
    static const enum ir_op loads[] = {IR_LD, IR_LDRMW, IR_LDSX};
    enum ir_op op = loads[pick(g, 3)];
    keep(g, ir_ld(g->ir, op, addr, pick(g, 2) * 8, op == IR_LDSX ? 1 + pick(g, 2) : any_size(g)));
}

static inline void emit_store(struct gen *g, struct irv addr)
{
    ir_st(g->ir, addr, pick(g, 2) * 8, any_size(g), value(g));
}

/* In segments; of a read-modify-write perhaps both halves. */
static inline void emit_in_seg(struct gen *g, u32 mask)
{
    struct irv addr = ir_op2(g->ir, IR_AND, value(g), ir_const(mask));
    unsigned seg = pick(g, SEG_COUNT), size = size124(g);
    u32 disp = pick(g, 2) * 8;
    struct irv v;
    if (pick(g, 4) == 0)
        addr = in_register(g, addr);
    switch (pick(g, 4)) {
    case 0: emit_store(g, addr); break;
    case 1:
        v = ir_ld(g->ir, IR_LDRMW, addr, disp, size);
        ir_in_seg(g->ir, seg);
        v = ir_op2(g->ir, IR_ADD, v, value(g));
        ir_st(g->ir, addr, disp, size, v);
        break;
    default: emit_load(g, addr); break;
    }
    ir_in_seg(g->ir, seg);
}

/* 16-bit code: a stack that grows, a frame, a structure. */
static inline void emit_frame16(struct gen *g)
{
    unsigned seg = pick(g, SEG_COUNT);
    for (u32 i = 2 + pick(g, 4); i-- > 0;) {
        unsigned reg = pick(g, 2) ? ESP : EBP;
        struct irv low = ir_lea(g->ir, ir_reg(reg), IR_NONE, 0, pick(g, 40) * 2 - 40), v;
        struct irv off = pick(g, 8) ? ir_op1(g->ir, IR_EXT16U, low) : low;
        switch (pick(g, 4)) {
        case 0: ir_st(g->ir, off, 0, size124(g), value(g)); break;
        case 1:
            v = ir_ld(g->ir, IR_LDRMW, off, 0, 2);
            ir_in_seg(g->ir, seg);
            ir_st(g->ir, off, 0, 2, ir_op2(g->ir, IR_ADD, v, value(g)));
            break;
        default: keep(g, ir_ld(g->ir, IR_LD, off, 0, size124(g))); break;
        }
        ir_in_seg(g->ir, seg);
        if (pick(g, 3) == 0)
            ir_set_reg(g->ir, ESP, ir_op2(g->ir, IR_DEP16, ir_reg(ESP), low));
        if (pick(g, 8) == 0)
            ir_set_reg(g->ir, EBP, ir_op2(g->ir, IR_DEP16, ir_reg(EBP), ir_reg(ESP)));
    }
}

/* PUSH and POP, whose addresses hang together. */
static inline void emit_stack(struct gen *g)
{
    struct irv esp = ir_reg(ESP);
    u32 size = is_code64(g) ? 8 : 4;
    g->ir->wide = is_code64(g);
    for (u32 n = 1 + pick(g, 4); n-- > 0;) {
        if (pick(g, 2)) {
            ir_st(g->ir, esp, -size, size, value(g));
            ir_set_reg(g->ir, ESP, ir_lea(g->ir, esp, IR_NONE, 0, -size));
        } else {
            struct irv v = ir_ld(g->ir, IR_LD, esp, size * pick(g, 3), size);
            if (pick(g, 2))
                ir_set_reg(g->ir, ESP, ir_lea(g->ir, esp, IR_NONE, 0, size));
            ir_set_reg(g->ir, pick(g, 8) ? EAX : ESP, v);
        }
    }
}

static inline void emit_segchk(struct gen *g, struct irv addr)
{
    if (pick(g, 4) == 0) {
        ir_segchk_eip(g->ir, addr);
        return;
    }
    ir_segchk(g->ir, pick(g, SEG_COUNT), addr, 1 + pick(g, 16), pick(g, 2));
}

static inline void emit_call(struct gen *g)
{
    enum helper h = (enum helper)pick(g, HELPER_COUNT);
    while (helper_info[h].wide && !is_code64(g))
        h = (enum helper)pick(g, HELPER_COUNT);
    unsigned n = helper_info[h].nargs;
    keep(g, ir_call(g->ir, h, n > 0 ? value(g) : IR_NONE, n > 1 ? value(g) : IR_NONE,
                    n > 2 ? value(g) : IR_NONE, n > 3 ? value(g) : IR_NONE));
}

/* A form of x87 instruction that the host does itself, with or without memory. */
static inline u32 x87_desc(struct gen *g, bool mem)
{
    for (;;) {
        unsigned opcode = 0xd8 + pick(g, 8), modrm = pick(g, 256);
        const struct x87_form *form = x87_lookup(opcode, modrm);
        if (form && (form->attr & X87_HOST) && (modrm < 0xc0) == mem)
            return X87_DESC(opcode, modrm, SEG_DS + pick(g, 2), 0);
    }
}

static inline void emit_x87(struct gen *g, struct irv a)
{
    bool mem = pick(g, 2);
    u32 desc = x87_desc(g, mem);
    const struct x87_form *form = x87_lookup(x87_desc_opcode(desc), x87_desc_modrm(desc));
    if ((g->ir->mode & MODE_X87_MF) && !(form->attr & X87_NOWAIT))
        ir_x87_check(g->ir);
    if (mem) {
        if (pick(g, 4) == 0)
            a = ir_lea(g->ir, a, IR_NONE, 0, pick(g, 5) * 4);
        ir_x87_mem(g->ir, desc, a, pick(g, 4) ? IR_NONE : a, form->size);
        return;
    }
    struct irv taken =
        form->attr & X87_FLAGS_IN ? ir_setc(g->ir, IRC_LTU, value(g), value(g)) : IR_NONE;
    bool result = form->attr & (X87_AX | X87_FLAGS_OUT);
    struct irv d = ir_x87(g->ir, desc, taken, result);
    if (form->attr & X87_FLAGS_OUT)
        ir_flags(g->ir, FK_EFLAGS, 4, IR_NONE, d, IR_NONE);
    if (result && pick(g, 2))
        keep(g, d);
}

static inline void emit_insn_begin(struct gen *g)
{
    g->off += 3;
    ir_insn_begin(g->ir, (u32)g->off, 3);
}

static inline void gen_block(struct ir *ir, const struct gen_shape *shape, u64 seed)
{
    struct gen g = {.shape = shape, .ir = ir, .seed = seed, .off = 16};
    u32 len = 4 + pick(&g, 90);
    ir_begin(ir, shape->mode(&g));
    ir_insn_begin(ir, 16, 3);
    for (u32 i = 0; i < len && ir->ninsns < 30; i++)
        shape->op(&g);
    shape->end(&g);
}

static inline void print_ir(const char *title, const struct ir *ir)
{
    char line[160];
    fprintf(stderr, "%s\n", title);
    for (u32 i = 0; i < ir->nops; i++)
        fprintf(stderr, "  %3u %s\n", i, ir_text(ir, i, line, sizeof(line)));
}

#endif
