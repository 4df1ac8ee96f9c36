/* Guest memory and the fields of struct cpu. An access looks its page up in the flat TLB
 * (mmu/tlb.h) inline, in 64-bit mode the wide one with its tags; what the TLB does not grant, and
 * what crosses a page, goes out of line to a stub that calls C. Accesses are usually aligned, so
 * that the low address bits are tested first and the exact test is out of line. Accesses to
 * segments compare with a window (cpu/window.h).
 *
 * A read-modify-write looks up once: LDRMW leaves the host address for the ST that follows, or 0 if
 * it had to go the slow way. */
#include "jit/a64/lower.h"

#include "cpu/window.h"

enum { TBZ_REACH_OPS = 160 }; /* blocks up to this size are within a TBZ's 32 KiB */

static enum priv access_priv(const struct lower *l, const struct ir_insn *o)
{
    return o->cc & 1 ? PRIV_SUPER : mode_priv(l->ir->mode);
}

static enum a_access load_op(const struct ir_insn *o)
{
    static const u8 plain[] = {A_LDRB, A_LDRH, A_LDR_W, A_LDR_X};
    static const u8 extend[] = {A_LDRSB_W, A_LDRSH_W};
    static const u8 extend64[] = {A_LDRSB_X, A_LDRSH_X, A_LDRSW};
    const u8 *ops = o->op != IR_LDSX ? plain : o->cc & IR_SX64 ? extend64 : extend;
    return (enum a_access)ops[__builtin_ctz(o->size)];
}

static enum a_access store_op(unsigned size)
{
    static const u8 ops[] = {A_STRB, A_STRH, A_STR_W, A_STR_X};
    return (enum a_access)ops[__builtin_ctz(size)];
}

void field_access(struct a_enc *e, enum a_access op, unsigned t, s32 offset)
{
    if (a_offset_fits(op, offset)) {
        a_access(e, op, t, REG_CPU, offset);
        return;
    }
    s32 low = offset & 0xfff;
    if (a_offset_fits(op, low) && a_addsub_imm(e, 1, A_ADD, A_IP0, REG_CPU, (u64)(offset - low))) {
        a_access(e, op, t, A_IP0, low);
        return;
    }
    a_mov_imm(e, A_IP0, (u32)offset);
    a_access_reg(e, op, t, REG_CPU, A_IP0, A_UXTX, false);
}

/* The constant part of the address a + imm. */
static u64 displacement(const struct lower *l, struct irv a, u32 imm)
{
    u64 sum = (u64)(s64)(s32)imm + (irv_is(a, IRV_CONST) ? (u64)(s64)(s32)a.v : 0);
    return is_code64(l) ? sum : (u32)sum;
}

/* The address in a register: X1 if it is not there as it is. */
static unsigned address(struct lower *l, struct irv a, u32 imm)
{
    u64 disp = displacement(l, a, imm);
    if (irv_is(a, IRV_CONST)) {
        a_mov_imm64(&l->e, 1, disp);
        return 1;
    }
    unsigned base = ra_use(l, a);
    if (!disp)
        return base;
    a_addsub_any(&l->e, is_code64(l), A_ADD, 1, base, disp, A_IP0);
    return 1;
}

static u32 jump_if_clear(struct lower *l, unsigned reg, unsigned bit)
{
    if (l->ir->nops <= TBZ_REACH_OPS)
        return a_jump_bit(&l->e, false, reg, bit);
    a_logic_imm(&l->e, 1, A_ANDS, A_ZR, reg, (u64)1 << bit);
    return a_jump_if(&l->e, A_EQ);
}

/* X16 = entry of addr's page, whose upper half is compared with the tag. */
static void load_entry64(struct lower *l, struct ool *q, enum priv priv, enum access acc,
                         unsigned addr)
{
    struct a_enc *e = &l->e;
    enum priv own = mode_priv(l->ir->mode);
    load_tags(e, own, priv, acc, A_IP1);
    a_shift_imm(e, 0, A_LSR, A_IP0, addr, PAGE_BITS);
    a_access_reg(e, A_LDR_W, A_IP1, A_IP1, A_IP0, A_UXTW, true);
    unsigned table = table_reg(e, own, priv, acc, A_LR);
    a_access_reg(e, A_LDR_X, A_IP0, table, A_IP0, A_UXTW, true);
    a_addsub_shift(e, 1, A_SUBS, A_ZR, A_IP1, addr, A_LSR, 32);
    q->from[1] = a_jump_if(e, A_NE);
}

static void load_entry(struct lower *l, enum priv priv, enum access acc, unsigned addr)
{
    unsigned table = table_reg(&l->e, mode_priv(l->ir->mode), priv, acc, A_IP1);
    a_shift_imm(&l->e, 0, A_LSR, A_IP0, addr, PAGE_BITS);
    a_access_reg(&l->e, A_LDR_X, A_IP0, table, A_IP0, A_UXTW, true);
}

/* X16 = address of the guest's byte, less TLB_VALID: it is 1 too high. */
static void look_up(struct lower *l, struct ool *q, enum priv priv, enum access acc, unsigned addr,
                    u32 align)
{
    struct a_enc *e = &l->e;
    if (align) {
        a_logic_imm(e, 0, A_ANDS, A_ZR, addr, align);
        q->cross = a_jump_if(e, A_NE);
        q->back_fast = a_pos(e);
    }
    if (is_code64(l))
        load_entry64(l, q, priv, acc, addr);
    else
        load_entry(l, priv, acc, addr);
    q->from[0] = jump_if_clear(l, A_IP0, 0);
    a_addsub(e, 1, A_ADD, A_IP0, A_IP0, addr);
}

/* X16 + the register returned is the host's address. */
static unsigned look_up_window(struct lower *l, struct ool *q, const struct ir_insn *o,
                               unsigned addr, bool write)
{
    struct a_enc *e = &l->e;
    unsigned n = window_of((enum seg)ir_seg_of(o->cc), write);
    s32 window = CPU_OFF(tlb.window) + (s32)(n * sizeof(struct tlb_window));
    s32 end = window + (s32)(offsetof(struct tlb_window, end) + (o->size >> 1) * sizeof(u32));
    if (write) {
        field_access(e, A_LDR_W, A_IP0, window + (s32)offsetof(struct tlb_window, lo));
        a_addsub(e, 0, A_SUB, A_IP1, addr, A_IP0);
        addr = A_IP1;
    }
    field_access(e, A_LDR_W, A_IP0, end);
    a_addsub(e, 0, A_SUBS, A_ZR, addr, A_IP0);
    q->from[0] = a_jump_if(e, A_CS);
    field_access(e, A_LDR_X, A_IP0, window + (s32)offsetof(struct tlb_window, host));
    return addr;
}

/* The offset in a segment; W1 unless it is there as it is. */
static unsigned offset_in_seg(struct lower *l, const struct ir_insn *o)
{
    unsigned a = address(l, o->a, o->imm);
    if (!(o->cc & IR_WRAP16))
        return a;
    a_bitfield(&l->e, 0, A_UBFM, 1, a, 0, 15);
    return 1;
}

static bool same(struct irv x, struct irv y)
{
    return x.kind == y.kind && x.v == y.v;
}

/* The ST that ends the read-modify-write begun by o; 0 if there is none that can share its look-up.
 */
static u32 find_store(const struct lower *l, const struct ir_insn *o)
{
    for (u32 i = l->i + 1; i < l->ir->nops; i++) {
        const struct ir_insn *s = &l->ir->ops[i];
        if (s->op == IR_ST && same(s->a, o->a) && s->imm == o->imm && s->size == o->size &&
            s->cc == o->cc)
            return i;
        if ((ir_op_info[s->op].flags & (IRF_F | IRF_X)) || s->op == IR_INSN)
            return 0;
        if (irv_is(o->a, IRV_REG) && (same(s->d, o->a) || same(s->d2, o->a)))
            return 0;
    }
    return 0;
}

/* Where code out of line goes on; it has called C. */
static void come_back(struct lower *l, struct ool *q)
{
    q->back = a_pos(&l->e);
    l->e.flags_gen++;
}

/* -- loads -- */

static void slow_stub(struct ool *q, const struct ir_insn *o, enum slow_access access)
{
    u32 log2 = (u32)__builtin_ctz(o->size);
    int seg = ir_seg_of(o->cc);
    if (seg < 0) {
        q->stub = STUB_MEM + (access + (o->cc & 1 ? (u32)SLOW_READ_SYS : 0)) * 4 + log2;
        return;
    }
    q->stub = STUB_WINDOW + access * 3 + log2;
    q->nargs = 2;
    q->arg[1] = (u32)seg;
}

void lower_load(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    bool rmw = o->op == IR_LDRMW, in_seg = ir_seg_of(o->cc) >= 0;
    struct ool *q = ool_new(l, OOL_MEMORY);
    unsigned addr = in_seg ? offset_in_seg(l, o) : address(l, o->a, o->imm), keep = A_NONE;
    u32 st = rmw ? find_store(l, o) : 0;
    if (st)
        keep = ra_keep(l);
    q->sync = flags_sync(l);
    unsigned d = ra_def(l, o->d, st ? IR_NONE : o->a);
    flags_resync(l, &q->sync);
    if (d == A_IP1) /* nobody wants it */
        d = 0;
    slow_stub(q, o, rmw ? SLOW_RMW : SLOW_READ);
    q->addr = (u8)addr;
    q->size = o->size;
    q->sx = o->op == IR_LDSX;
    q->wide = o->size == 8 || (q->sx && (o->cc & IR_SX64));
    q->dst = (u8)d;
    if (in_seg) {
        unsigned at = look_up_window(l, q, o, addr, rmw);
        if (st) {
            a_addsub(e, 1, A_ADD, keep, A_IP0, at);
            a_access(e, load_op(o), d, keep, 0);
        } else {
            a_access_reg(e, load_op(o), d, A_IP0, at, A_UXTW, false);
        }
    } else {
        look_up(l, q, access_priv(l, o), rmw ? ACCESS_WRITE : ACCESS_READ, addr, o->size - 1u);
        if (st)
            a_addsub_imm(e, 1, A_SUB, keep, A_IP0, TLB_VALID);
        a_access(e, load_op(o), d, st ? keep : (unsigned)A_IP0, st ? 0 : -(s64)TLB_VALID);
    }
    if (st) {
        q->clear = (u8)keep;
        l->rmw = (struct rmw){.st = st, .reg = (u8)keep};
    }
    come_back(l, q);
}

/* -- stores -- */

void lower_store(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    bool in_seg = ir_seg_of(o->cc) >= 0, again = l->rmw.st && l->rmw.st == l->i;
    if (again)
        l->locked |= 1u << l->rmw.reg;
    struct ool *q = ool_new(l, OOL_MEMORY);
    unsigned value = ra_use_z(l, o->b);
    again = again && l->rmw.st; /* finding the value may have cost it */
    unsigned addr = in_seg && !again ? offset_in_seg(l, o) : A_NONE;
    if (!in_seg && !again)
        addr = address(l, o->a, o->imm);
    q->sync = flags_sync(l);
    slow_stub(q, o, SLOW_WRITE);
    q->size = o->size;
    q->value = (u8)value;
    if (again) {
        /* out of line the address is computed again: it is rare */
        unsigned at = l->rmw.reg;
        q->addr = irv_is(o->a, IRV_CONST) ? A_NONE : (u8)ra_use(l, o->a);
        q->arg[0] = displacement(l, o->a, o->imm);
        q->addr_arg = o->cc & IR_WRAP16 ? 2 : 1;
        q->from[0] = a_jump_zero(e, 1, true, at);
        a_access(e, store_op(o->size), value, at, 0);
        l->owner[at] = OWNER_FREE;
        l->rmw.st = 0;
    } else if (in_seg) {
        q->addr = (u8)addr;
        unsigned at = look_up_window(l, q, o, addr, true);
        a_access_reg(e, store_op(o->size), value, A_IP0, at, A_UXTW, false);
    } else {
        q->addr = (u8)addr;
        look_up(l, q, access_priv(l, o), ACCESS_WRITE, addr, o->size - 1u);
        a_access(e, store_op(o->size), value, A_IP0, -(s64)TLB_VALID);
    }
    come_back(l, q);
}

/* -- vectors -- */

static void lower_vector(struct lower *l, const struct ir_insn *o, bool store)
{
    static const u8 loads[] = {[4] = A_LDR_S, [8] = A_LDR_D, [16] = A_LDR_Q};
    struct a_enc *e = &l->e;
    struct ool *q = ool_new(l, OOL_MEMORY);
    enum priv priv = access_priv(l, o);
    enum a_access load = (enum a_access)loads[o->size], put = (enum a_access)(load - 1);
    unsigned addr = address(l, o->a, 0);
    q->sync = flags_sync(l);
    q->addr = (u8)addr;
    q->size = o->size;
    q->stub = store ? STUB_STV : STUB_LDV;
    q->nargs = 4;
    q->arg[1] = o->imm;
    q->arg[2] = o->size;
    q->arg[3] = priv | (o->cc & 1 ? (u32)VECTOR_SYS : 0) | (o->cc & 2 ? (u32)VECTOR_ALIGNED : 0);
    look_up(l, q, priv, store ? ACCESS_WRITE : ACCESS_READ, addr, o->size - 1u);
    if (o->cc & 2)
        q->back_fast = 0; /* not aligned: the stub raises */
    if (store) {
        a_mov(e, 1, A_IP1, A_IP0); /* the field may be far */
        field_access(e, load, 0, (s32)o->imm);
        a_access(e, put, 0, A_IP1, -(s64)TLB_VALID);
    } else {
        a_access(e, load, 0, A_IP0, -(s64)TLB_VALID);
        field_access(e, put, 0, (s32)o->imm);
    }
    come_back(l, q);
}

void lower_ldv(struct lower *l, const struct ir_insn *o)
{
    lower_vector(l, o, false);
}

void lower_stv(struct lower *l, const struct ir_insn *o)
{
    lower_vector(l, o, true);
}

/* -- segments and fields -- */

void lower_segchk(struct lower *l, const struct ir_insn *o)
{
    struct a_enc *e = &l->e;
    struct ool *q = ool_new(l, OOL_CALL);
    unsigned a = ra_use(l, o->a);
    bool eip = o->cc == 2;
    s32 seg = (s32)(offsetof(struct cpu, seg) + o->imm * sizeof(struct segment));
    q->sync = flags_sync(l);
    if (eip && is_code64(l)) { /* bits 63:47 equal? */
        a_bitfield(e, 1, A_SBFM, A_IP0, a, 0, 47);
        a_addsub(e, 1, A_SUBS, A_ZR, a, A_IP0);
        q->from[0] = a_jump_if(e, A_NE);
    } else if (eip) {
        field_access(e, A_LDR_W, A_IP0, CPU_OFF(seg[SEG_CS].limit));
        a_addsub(e, 0, A_SUBS, A_ZR, a, A_IP0);
        q->from[0] = a_jump_if(e, A_HI);
    } else {
        s32 limit = seg + (s32)(o->cc ? offsetof(struct segment, limit_w)
                                      : offsetof(struct segment, limit_r));
        field_access(e, A_LDR_X, A_IP0, limit);
        if (is_code64(l)) { /* the offset has 32 bits */
            a_mov(e, 0, A_IP1, a);
            a_addsub_imm(e, 1, A_ADD, A_IP1, A_IP1, o->size - 1u);
        } else {
            a_addsub_imm(e, 1, A_ADD, A_IP1, a, o->size - 1u);
        }
        a_addsub(e, 1, A_SUBS, A_ZR, A_IP1, A_IP0);
        q->from[0] = a_jump_if(e, A_GT);
    }
    q->back = a_pos(e);
    q->stub = STUB_SEGCHK;
    q->nargs = 4;
    q->arg[0] = eip ? (u32)SEG_CS : o->imm;
    q->arg[2] = o->size;
    q->arg[3] = eip ? ACCESS_EXEC : o->cc ? ACCESS_WRITE : ACCESS_READ;
    q->addr = (u8)a;
    q->addr_arg = 2;
}

void lower_alone(struct lower *l, const struct ir_insn *o)
{
    enum a_cond c = lower_compare(l, o);
    struct ool *q = ool_new(l, OOL_CALL);
    q->sync = flags_sync(l);
    q->from[0] = a_jump_if(&l->e, c);
    q->back = a_pos(&l->e);
    q->stub = STUB_ALONE;
}

void lower_lds(struct lower *l, const struct ir_insn *o)
{
    struct ir_insn plain = {.op = IR_LD, .size = o->size};
    field_access(&l->e, load_op(&plain), ra_def(l, o->d, IR_NONE), (s32)o->imm);
}

void lower_sts(struct lower *l, const struct ir_insn *o)
{
    field_access(&l->e, store_op(o->size), ra_use_z(l, o->a), (s32)o->imm);
}

/* -- out of line -- */

/* An access that is not aligned: does it cross the page? */
static void cross_test(struct lower *l, const struct ool *q)
{
    struct a_enc *e = &l->e;
    a_bind(e, q->cross);
    if (!q->back_fast)
        return;
    a_bitfield(e, 0, A_UBFM, A_IP0, q->addr, 0, PAGE_BITS - 1);
    a_addsub_any(e, 0, A_SUBS, A_ZR, A_IP0, PAGE_SIZE - q->size, A_IP1);
    a_jump_if_to(e, A_LS, q->back_fast);
}

static void begin_slow(struct lower *l, const struct ool *q)
{
    for (unsigned n = 0; n < 2; n++) {
        if (q->from[n])
            a_bind(&l->e, q->from[n]);
    }
    emit_place(l, q->off, q->left);
    flags_store(l, &q->sync);
}

/* X1 = the address that a read-modify-write has had */
static void address_again(struct lower *l, const struct ool *q)
{
    struct a_enc *e = &l->e;
    if (q->addr == A_NONE)
        a_mov_imm64(e, 1, q->arg[0]);
    else
        a_addsub_any(e, is_code64(l), A_ADD, 1, q->addr, q->arg[0], A_IP0);
    if (q->addr_arg == 2)
        a_bitfield(e, 0, A_UBFM, 1, 1, 0, 15);
}

void ool_memory(struct lower *l, const struct ool *q)
{
    struct a_enc *e = &l->e;
    unsigned window_value = q->stub >= STUB_WINDOW ? 3 : 2;
    if (q->cross)
        cross_test(l, q);
    begin_slow(l, q);
    /* the value may be in X2: first */
    if (q->value != A_NONE && q->value != window_value)
        a_mov(e, 1, window_value, q->value);
    if (q->addr_arg)
        address_again(l, q);
    else if (q->addr != 1)
        a_mov(e, 1, 1, q->addr);
    for (unsigned n = 1; n < q->nargs; n++)
        a_mov_imm(e, n + 1, (u32)q->arg[n]);
    emit_call_stub(l, q->stub);
    if (q->dst != A_NONE && q->sx)
        a_bitfield(e, q->wide, A_SBFM, q->dst, 0, 0, 8u * q->size - 1);
    else if (q->dst != A_NONE && q->dst != 0)
        a_mov(e, q->wide, q->dst, 0);
    if (q->clear != A_NONE)
        a_mov(e, 1, q->clear, A_ZR);
    a_jump_to(e, q->back);
}

void ool_call(struct lower *l, const struct ool *q)
{
    begin_slow(l, q);
    if (q->addr != A_NONE && q->addr != q->addr_arg)
        a_mov(&l->e, is_code64(l), q->addr_arg, q->addr);
    for (unsigned n = 0; n < q->nargs; n++) {
        if (n + 1 != q->addr_arg)
            a_mov_imm(&l->e, n + 1, (u32)q->arg[n]);
    }
    emit_call_stub(l, q->stub);
    a_jump_to(&l->e, q->back);
}
