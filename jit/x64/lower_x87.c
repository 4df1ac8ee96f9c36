/* x87 operations by the host's own x87. Their first in a block makes sure that it has the guest's
 * state (cpu.fpu_host, host_x87.c), where it stays across blocks and calls of C until something
 * wants it at home. A memory operand that faults is found out by the look-up, before the host's
 * instruction; what the TLB does not grant is done by the helper. An unmasked exception leaves the
 * host's x87 as the guest's, and the host would report it at the next waiting instruction: X87CHK
 * comes before that.
 *
 * FIP, FCS, FOP and FDP, FDS, of the last operation and of the last with a memory operand, go to
 * struct cpu where somebody may look, with the lazy flags (struct flag_sync): until then the block
 * knows them. SDM vol. 1, 8.1.8. */
#include "jit/x64/lower.h"

#include "cpu/help_x87.h"
#include "cpu/vec.h"
#include "cpu/x87_ops.h"

enum { FCMOVB = 0xda, FNSTSW = 0xdd, FNSTSW_REG = 7, NOT = 2, NEG = 3 };
enum { OWN_OFFSET = 1 }; /* in ool.how: the offset is in value or imm, not the address */

static const struct x87_form *form_of(u32 desc)
{
    return x87_lookup(x87_desc_opcode(desc), x87_desc_modrm(desc));
}

/* -- where the state is -- */

static struct x_mem fpu_host(void)
{
    return cpu_at(CPU_OFF(fpu_host));
}

/* Changes only the host's flags and, once, its x87. */
static void to_host(struct lower *l)
{
    if (l->x87.at == X87_AT_HOST)
        return;
    x_alu_mi(&l->e, X_CMP, 4, fpu_host(), 0);
    u32 there = x_jcc8(&l->e, CC_NE);
    emit_call_stub(l, STUB_X87_LOAD);
    x_bind8(&l->e, there);
    l->x87.at = X87_AT_HOST;
}

void lower_x87home(struct lower *l)
{
    if (l->x87.at == X87_AT_HOME)
        return;
    x_alu_mi(&l->e, X_CMP, 4, fpu_host(), 0);
    u32 home = x_jcc8(&l->e, CC_E);
    emit_call_stub(l, STUB_X87_SAVE);
    x_bind8(&l->e, home);
    l->x87.at = X87_AT_HOME;
}

/* -- the last instruction's place -- */

static struct x_mem field(s32 offset)
{
    return cpu_at(CPU_OFF(fpu) + offset);
}
#define FPU(member) field((s32)offsetof(struct x87, member))

/* r = the address of the last memory operand */
static void data_address(struct lower *l, const struct x87_last *last, unsigned r)
{
    if (last->base == GPR_NONE)
        x_mov_ri64(&l->e, r, address_const(l, last->disp));
    else
        x_lea(&l->e, l->word, r, x_at(host_of(last->base), (s32)last->disp));
}

static void copy_selector(struct lower *l, enum seg seg, struct x_mem to, unsigned r)
{
    s32 sel = (s32)(seg * sizeof(struct segment) + offsetof(struct segment, sel));
    x_load(&l->e, 2, r, cpu_at(CPU_OFF(seg) + sel));
    x_store(&l->e, 2, to, r);
}

void x87_store_last(struct lower *l, const struct x87_last *last, unsigned free)
{
    struct enc *e = &l->e;
    unsigned r = free == HOST_NONE ? (unsigned)R8 : free;
    if (!last->code && !last->data)
        return;
    if (free == HOST_NONE)
        x_push(e, r);
    if (last->code) {
        x_load(e, l->word, r, cpu_at(CPU_OFF(eip_page)));
        x_lea(e, l->word, r, x_at(r, last->off));
        x_store(e, 8, FPU(fip), r);
        copy_selector(l, SEG_CS, FPU(fcs), r);
        x_store_i(e, 2, FPU(fop), last->fop);
    }
    if (last->data)
        copy_selector(l, (enum seg)last->seg, FPU(fds), r);
    if (last->data == X87_DATA_LATER && last->base != GPR_NONE && !last->disp) {
        x_store(e, 8, FPU(fdp), host_of(last->base));
    } else if (last->data == X87_DATA_LATER) {
        data_address(l, last, r);
        x_store(e, 8, FPU(fdp), r);
    }
    if (free == HOST_NONE)
        x_pop(e, r);
}

void x87_store_place(struct lower *l)
{
    x87_store_last(l, &l->x87.last, ra_free(l));
    l->x87.last = (struct x87_last){0};
}

void x87_reg_written(struct lower *l, unsigned gpr)
{
    struct x87_last *last = &l->x87.last;
    if (last->data != X87_DATA_LATER || last->base != gpr)
        return;
    if (last->disp) {
        x_push(&l->e, R8);
        data_address(l, last, R8);
        x_store(&l->e, 8, FPU(fdp), R8);
        x_pop(&l->e, R8);
    } else {
        x_store(&l->e, 8, FPU(fdp), host_of(gpr));
    }
    last->data = X87_DATA_STORED;
}

static void note_code(struct lower *l, u32 desc)
{
    l->x87.last.code = true;
    l->x87.last.off = l->off;
    l->x87.last.fop = (u16)((x87_desc_opcode(desc) & 7u) << 8 | x87_desc_modrm(desc));
}

/* -- pending exceptions -- */

void lower_x87chk(struct lower *l)
{
    struct x_mem word = arg_at(0, 0);
    if (l->x87.checked)
        return;
    struct ool *q = ool_new(l, OOL_X87CHK);
    unsigned r = ra_scratch(l);
    if (l->x87.at == X87_AT_HOME) {
        word = FPU(fsw);
    } else {
        to_host(l);
        x_rm(&l->e, FNSTSW, FNSTSW_REG, word);
    }
    q->sync = flags_sync(l);
    x_load(&l->e, 2, r, word);
    x_test_ri(&l->e, 1, r, FSW_ES);
    q->from[0] = x_jcc(&l->e, CC_NE);
    q->back = enc_pos(&l->e);
    l->x87.checked = true;
}

/* -- operations on registers -- */

static void emit_form(struct lower *l, u32 desc)
{
    x_byte(&l->e, x87_desc_opcode(desc));
    x_byte(&l->e, x87_desc_modrm(desc));
}

/* Whatever the condition was, it is CF now. */
static void emit_cmov(struct lower *l, const struct ir_insn *o)
{
    unsigned r = ra_scratch(l);
    ra_move(l, 4, r, o->a);
    x_unary(&l->e, NEG, 4, r);
    x_byte(&l->e, FCMOVB);
    x_byte(&l->e, 0xc0 | (x87_desc_modrm(o->imm) & 7));
}

/* d = EFLAGS: FCOMI clears OF, SF and AF. Their ZF, PF and CF remain the host's. */
static void emit_compare(struct lower *l, const struct ir_insn *o)
{
    static const struct {
        u8 cc;
        u32 value;
    } results[] = {{CC_B, FLAG_CF}, {CC_E, FLAG_ZF}, {CC_P, FLAG_ZF | FLAG_PF | FLAG_CF}};
    unsigned d = ra_def(l, o->d, IR_NONE), t = ra_scratch(l);
    emit_form(l, o->imm);
    l->e.flags_gen++;
    x_mov_ri(&l->e, d, 0);
    for (unsigned n = 0; n < ARRAY_LEN(results); n++) {
        x_mov_ri(&l->e, t, results[n].value);
        x_cmov(&l->e, (enum x_cc)results[n].cc, 4, d, t);
    }
    l->x87.flags_at = l->i;
    l->x87.flags_gen = l->e.flags_gen;
}

bool x87_left_flags(const struct lower *l)
{
    const struct ir_insn *o = &l->ir->ops[l->i], *x87 = o - 1;
    return l->x87.flags_gen == l->e.flags_gen && l->x87.flags_at + 1 == l->i &&
           o->cc == FK_EFLAGS && x87->d.kind == o->b.kind && x87->d.v == o->b.v;
}

static void emit_status(struct lower *l, const struct ir_insn *o)
{
    unsigned d = ra_def(l, o->d, IR_NONE), keep = ra_scratch(l);
    if (d != RAX)
        x_mov_rr(&l->e, 8, keep, RAX);
    emit_form(l, o->imm);
    x_zx(&l->e, 2, d, RAX);
    if (d != RAX)
        x_mov_rr(&l->e, 8, RAX, keep);
}

void lower_x87(struct lower *l, const struct ir_insn *o)
{
    u16 attr = form_of(o->imm)->attr;
    to_host(l);
    if (attr & X87_FLAGS_IN)
        emit_cmov(l, o);
    else if (attr & X87_FLAGS_OUT)
        emit_compare(l, o);
    else if (attr & X87_AX)
        emit_status(l, o);
    else
        emit_form(l, o->imm);
    l->x87.checked = false;
    if (!(attr & X87_CONTROL))
        note_code(l, o->imm);
}

/* -- operations on memory -- */

static bool is_fldcw(u32 desc)
{
    return x87_desc_opcode(desc) == 0xd9 && (x87_desc_modrm(desc) >> 3 & 7) == 5;
}

static void emit_mem_form(struct lower *l, u32 desc, struct x_mem m)
{
    x_rm(&l->e, x87_desc_opcode(desc), x87_desc_modrm(desc) >> 3 & 7, m);
}

/* Leaves for the helper if the control word at m is for another mode. */
static void check_masks(struct lower *l, struct ool *q, struct x_mem m, unsigned t)
{
    x_load(&l->e, 2, t, m);
    x_unary(&l->e, NOT, 4, t);
    x_test_ri(&l->e, 1, t, FSW_EXCEPTIONS);
    q->from[1] = x_jcc(&l->e, l->ir->mode & MODE_X87_MF ? CC_E : CC_NE);
}

/* Is the offset of o's operand a guest register plus a constant, or a constant? Then it need not be
 * stored before that register changes. */
static bool is_lasting(const struct ir_insn *o)
{
    s64 sum = (s64)(s32)o->a.v + (s32)o->imm;
    if (!irv_is(o->b, IRV_NONE))
        return !irv_is(o->b, IRV_TEMP);
    if (irv_is(o->a, IRV_CONST))
        return !o->wide || sum == (s32)sum;
    return irv_is(o->a, IRV_REG);
}

/* FDP and FDS are those of o from now on. scratch is free to use unless is_lasting(). */
static void note_data(struct lower *l, const struct ir_insn *o, const struct ool *q,
                      unsigned scratch)
{
    struct x87_last *last = &l->x87.last;
    bool own = !irv_is(o->b, IRV_NONE);
    struct irv off = own ? o->b : o->a;
    u32 disp = own ? 0 : o->imm;
    last->seg = (u8)x87_desc_seg(o->c.v);
    if (is_lasting(o)) {
        last->base = irv_is(off, IRV_REG) ? (u8)off.v : (u8)GPR_NONE;
        last->disp = disp + (irv_is(off, IRV_CONST) ? off.v : 0);
        last->data = X87_DATA_LATER;
        return;
    }
    unsigned r = own ? q->value : q->addr;
    if (disp && q->shared) {
        x_lea(&l->e, l->word, scratch, x_at(r, (s32)disp));
        r = scratch;
    }
    x_store(&l->e, 8, FPU(fdp), r);
    last->data = X87_DATA_STORED;
}

bool x87_writes(const struct ir_insn *o)
{
    return form_of(o->c.v)->attr & X87_STORE;
}

bool x87_shares(const struct lower *l, const struct ir_insn *o)
{
    bool fisttp = form_of(o->c.v)->attr & X87_SSE3;
    return !is_fldcw(o->c.v) && ((l->be->vec & VA_SSE3) || !fisttp);
}

/* Fills in q; the address is then q->addr, in a register, or q->disp. */
static struct group *begin_access(struct lower *l, const struct ir_insn *o, struct ool *q)
{
    bool own;
    struct group *g = share_begin(l, q);
    q->size = o->size;
    q->move = o->c.v;
    q->access = x87_writes(o) ? ACCESS_WRITE : ACCESS_READ;
    q->priv = access_priv(l, o);
    q->shared = g;
    q->addr = (u8)(g ? ra_use(l, o->a) : mem_address(l, o, o->imm, q, &own));
    if (g)
        q->disp = o->imm;
    q->how = irv_is(o->b, IRV_NONE) ? 0 : OWN_OFFSET;
    q->imm = o->b.v;
    q->value = (u8)(irv_is(o->b, IRV_REG) || irv_is(o->b, IRV_TEMP) ? ra_use(l, o->b) : HOST_NONE);
    return g;
}

void lower_x87m(struct lower *l, const struct ir_insn *o)
{
    u32 desc = o->c.v;
    struct ool *q = ool_new(l, OOL_X87);
    unsigned entry = HOST_NONE, masks = HOST_NONE;
    struct x_mem at;
    to_host(l);
    struct group *g = begin_access(l, o, q);
    if (!g || q->leader)
        entry = mem_scratch(l, q);
    else if (!is_lasting(o))
        entry = ra_scratch(l);
    if (is_fldcw(desc))
        masks = l->code64 ? q->tag : ra_scratch(l);
    q->sync = flags_sync(l);
    if (g) {
        at = share_look_up(l, o, g, q, q->addr, entry);
    } else {
        mem_look_up(l, o, o->imm, q->addr, entry, (enum access)q->access, q);
        at = mem_guest_at(q, q->addr, entry);
    }
    if (is_fldcw(desc))
        check_masks(l, q, at, masks);
    else if (!x87_shares(l, o))
        q->from[1] = x_jmp(&l->e); /* the host does not have it */
    emit_mem_form(l, desc, at);
    q->back = enc_pos(&l->e);
    l->x87.checked = false;
    if (g)
        share_end(l, g);
    if (form_of(desc)->attr & X87_CONTROL)
        return;
    note_code(l, desc);
    note_data(l, o, q, entry);
}

static void pop_after_try(struct lower *l)
{
    if (l->code64)
        x_pop(&l->e, R10);
    x_pop(&l->e, R9);
    x_pop(&l->e, R8);
}

/* An access that was not made through its group: alone, if the TLB grants that. Ends with the jump
 * to where it goes on; falls through if it does not. */
static void try_alone(struct lower *l, const struct ool *q)
{
    enum priv priv = (enum priv)q->priv;
    enum access acc = (enum access)q->access;
    struct enc *e = &l->e;
    x_push(e, R8);
    x_push(e, R9);
    if (l->code64)
        x_push(e, R10);
    x_lea(e, l->word, R8, x_at(q->addr, (s32)q->disp));
    x_mov_rr(e, 4, R9, R8);
    x_alu_ri(e, X_AND, 4, R9, PAGE_MASK);
    x_alu_ri(e, X_CMP, 4, R9, (s32)PAGE_SIZE - q->size);
    u32 crosses = x_jcc(e, CC_A);
    tlb_find(l->be, e, l->code64, (struct tlb_regs){R8, R9, R10}, priv, acc);
    u32 elsewhere = l->code64 ? x_jcc(e, CC_NE) : 0;
    tlb_load(e, l->code64, R9, priv, acc);
    x_test_ri(e, 1, R9, TLB_VALID);
    u32 missing = x_jcc(e, CC_E);
    emit_mem_form(l, q->move, x_idx(R8, R9, 0, -(s32)TLB_VALID));
    pop_after_try(l);
    if (q->clear != HOST_NONE)
        x_alu_rr(e, X_XOR, 4, q->clear, q->clear);
    x_jmp_to(e, q->back);
    x_bind(e, crosses);
    x_bind(e, missing);
    if (elsewhere)
        x_bind(e, elsewhere);
    pop_after_try(l);
}

void slow_x87(struct lower *l, const struct ool *q)
{
    if (q->shared)
        try_alone(l, q);
    put_arg_reg(l, 0, HOST_NONE, q->move);
    if (q->how & OWN_OFFSET)
        put_arg_reg(l, 1, q->value, address_const(l, q->imm));
    else
        put_address(l, 1, q);
    emit_call_stub(l, STUB_X87_SLOW);
}
