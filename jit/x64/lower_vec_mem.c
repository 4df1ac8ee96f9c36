/* Loads and stores of vector registers, and their parts as fields (LDS, STS).
 *
 * A source operand in memory comes by way of xmm_scratch. If the VEC that takes it is near, it
 * stays in a register and xmm_scratch is not written: lifted code reads that once. */
#include "jit/x64/lower_vec.h"

enum { NEAR_OPS = 8 }; /* how far a VEC may be from the load of its source */

enum {
    MOVHPS_STORE = 0x17 | XO_0F,
    PEXTRW = 0xc5 | XO_0F | XO_66,
    PINSRW = 0xc4 | XO_0F | XO_66,
    PEXTRB = 0x14 | XO_0F3A | XO_66,
    PEXTRD = 0x16 | XO_0F3A | XO_66,
    PINSRB = 0x20 | XO_0F3A | XO_66,
    PINSRD = 0x22 | XO_0F3A | XO_66,
};

static u32 load_of(unsigned size)
{
    return size == 4 ? MOVD_TO : size == 8 ? MOVQ_LOAD : MOVUPS_LOAD;
}

static u32 store_of(unsigned size)
{
    return size == 4 ? MOVD_FROM : size == 8 ? MOVQ_STORE : MOVUPS_STORE;
}

/* -- loads and stores -- */

/* An access of size bytes whose register is xmm: in line by opcode move. */
static void access(struct lower *l, const struct ir_insn *o, struct ool *q, u32 move, unsigned xmm,
                   struct x_mem *field)
{
    bool load = o->op == IR_LDV, own;
    struct group *g = share_begin(l, q);
    unsigned addr = mem_address(l, o, 0, q, &own), entry = !g || q->leader ? mem_scratch(l, q) : 0;
    struct x_mem guest;
    q->sync = flags_sync(l);
    q->size = o->size;
    q->access = load ? STUB_LDV : STUB_STV;
    q->addr = (u8)addr;
    q->imm = o->imm;
    q->how = (u8)((unsigned)access_priv(l, o) | (o->cc & 1 ? VECTOR_SYS : 0) |
                  (o->cc & 2 ? VECTOR_ALIGNED : 0));
    if (!load && field)
        x_rm(&l->e, load_of(o->size), xmm, *field);
    if (g) {
        if (o->cc & 2) {
            x_test_ri(&l->e, 1, addr, 15);
            q->cross = x_jcc(&l->e, CC_NE);
        }
        guest = share_look_up(l, o, g, q, addr, entry);
    } else {
        mem_look_up(l, o, 0, addr, entry, load ? ACCESS_READ : ACCESS_WRITE, q);
        guest = mem_guest_at(q, addr, entry);
    }
    x_rm(&l->e, move, xmm, guest);
    if (load && field)
        x_rm(&l->e, store_of(o->size), xmm, *field);
    q->back = enc_pos(&l->e);
    if (g)
        share_end(l, g);
}

/* The VEC op that will read the size bytes which the op at hand loads to xmm_scratch, if nothing in
 * between may leave or use XMM_A. 0: none. */
static u32 find_taker(const struct lower *l)
{
    for (u32 i = l->i + 1; i < l->ir->nops && i <= l->i + NEAR_OPS; i++) {
        const struct ir_insn *o = &l->ir->ops[i];
        bool field = o->op == IR_LDS || o->op == IR_STS;
        if (o->op == IR_VEC) {
            unsigned shape = vec_op_info[vec_op_of(o)].shape;
            bool takes = shape == VS_X || shape == VS_RX || shape == VS_QX || shape == VS_F ||
                         shape == VS_M || shape == VS_SI || shape == VS_SM || shape == VS_MX ||
                         (vec_op_of(o) == VEC_OP_movd && l->ir->ops[l->i].size == 4);
            return takes && o->a.v == SCRATCH && o->imm != SCRATCH && vec_is_native(l, o) ? i : 0;
        }
        if (field && o->imm + o->size > SCRATCH && o->imm < SCRATCH + sizeof(union xmm))
            return 0;
        if (field && (vec_overlaps(o->imm, o->size) || o->imm == (u32)CPU_OFF(mxcsr)))
            return 0;
        if (!field && (!(ir_op_info[o->op].flags & IRF_P) || (ir_op_info[o->op].flags & IRF_FR)))
            return 0;
    }
    return 0;
}

/* To xmm_scratch, or to where the one that reads it wants it. */
static void load_scratch(struct lower *l, const struct ir_insn *o, struct ool *q, u32 taker)
{
    const struct ir_insn *vec = &l->ir->ops[taker];
    unsigned xmm = XMM_A;
    l->vec.taker = taker;
    if (vec_op_of(vec) == VEC_OP_movd ||
        (vec_op_of(vec) == VEC_OP_movq && o->size == 8)) { /* as loads they do all of it */
        l->vec.done = taker;
    }
    if (l->vec.done == taker && vec_xmm_at(vec->imm) != NOT_XMM) {
        vec_enter(l, VU_XMM);
        xmm = (unsigned)vec_xmm_at(vec->imm);
    }
    q->dst = (u8)xmm;
    q->move = load_of(o->size);
    access(l, o, q, q->move, xmm, NULL);
    if (l->vec.done == taker && xmm == XMM_A)
        x_rm(&l->e, MOVAPS_STORE, XMM_A, cpu_at((s32)vec->imm));
}

void lower_ldv(struct lower *l, const struct ir_insn *o)
{
    struct x_mem field = cpu_at((s32)o->imm);
    u32 taker = o->imm == SCRATCH ? find_taker(l) : 0;
    struct ool *q = ool_new(l, OOL_VECTOR);
    q->dst = HOST_NONE;
    if (taker) {
        load_scratch(l, o, q, taker);
    } else if (vec_xmm_at(o->imm) != NOT_XMM && o->size == 16) {
        vec_enter(l, VU_XMM);
        access(l, o, q, MOVUPS_LOAD, (unsigned)vec_xmm_at(o->imm), NULL);
    } else {
        if (vec_overlaps(o->imm, o->size))
            vec_leave(l);
        access(l, o, q, load_of(o->size), XMM_A, &field);
    }
}

void lower_stv(struct lower *l, const struct ir_insn *o)
{
    struct x_mem field = cpu_at((s32)o->imm);
    struct ool *q = ool_new(l, OOL_VECTOR);
    q->dst = HOST_NONE;
    if (vec_xmm_at(o->imm) != NOT_XMM) {
        vec_enter(l, VU_XMM);
        access(l, o, q, store_of(o->size), (unsigned)vec_xmm_at(o->imm), NULL);
    } else if (o->size == 8 && vec_xmm_at(o->imm - 8) != NOT_XMM) {
        vec_enter(l, VU_XMM);
        access(l, o, q, MOVHPS_STORE, (unsigned)vec_xmm_at(o->imm - 8), NULL);
    } else {
        if (vec_overlaps(o->imm, o->size))
            vec_leave(l);
        access(l, o, q, store_of(o->size), XMM_A, &field);
    }
}

void slow_vector(struct lower *l, const struct ool *q)
{
    put_arg_reg(l, 0, q->addr, address_const(l, q->disp));
    put_arg_reg(l, 1, HOST_NONE, q->imm);
    put_arg_reg(l, 2, HOST_NONE, q->size);
    put_arg_reg(l, 3, HOST_NONE, q->how);
    emit_call_stub(l, q->access);
    if (q->dst != HOST_NONE)
        x_rm(&l->e, q->move, q->dst, cpu_at((s32)q->imm));
}

/* -- parts of registers, MXCSR -- */

/* A lane of an XMM register that the host can move alone: the register; the lane's number in *n. */
static s32 lane_at(const struct lower *l, const struct ir_insn *o, unsigned *n)
{
    u32 rel = o->imm - (u32)xmm_offset(0);
    if (!vec_overlaps(o->imm, o->size) || rel % o->size ||
        (o->size != 2 && !(l->be->vec & VA_SSE41)))
        return NOT_XMM;
    *n = rel % sizeof(union xmm) / o->size;
    return (s32)(rel / sizeof(union xmm));
}

/* An instruction of 4 bytes, or of 8. */
static u32 sized(u32 opcode, unsigned size)
{
    return size == 8 ? opcode | XO_W : opcode;
}

/* Is it a field whose truth may be in a register? */
static bool is_held(const struct ir_insn *o)
{
    return vec_overlaps(o->imm, o->size) ||
           (o->imm < CPU_OFF(mxcsr) + 4 && o->imm + o->size > (u32)CPU_OFF(mxcsr));
}

bool lower_vec_lds(struct lower *l, const struct ir_insn *o)
{
    unsigned n;
    s32 x = lane_at(l, o, &n);
    if (!is_held(o))
        return false;
    if (vec_xmm_at(o->imm) != NOT_XMM && o->size >= 4) {
        vec_enter(l, VU_XMM);
        x_rr(&l->e, sized(MOVD_FROM, o->size), (unsigned)vec_xmm_at(o->imm),
             ra_def(l, o->d, IR_NONE));
        return true;
    }
    if (x == NOT_XMM) {
        vec_leave(l);
        return false;
    }
    vec_enter(l, VU_XMM);
    unsigned d = ra_def(l, o->d, IR_NONE);
    if (o->size == 2)
        x_rr(&l->e, PEXTRW, d, (unsigned)x);
    else
        x_rr(&l->e, o->size == 1 ? PEXTRB : sized(PEXTRD, o->size), (unsigned)x, d);
    x_byte(&l->e, n);
    return true;
}

bool lower_vec_sts(struct lower *l, const struct ir_insn *o)
{
    unsigned n;
    s32 x = lane_at(l, o, &n);
    if (!is_held(o))
        return false;
    if (x == NOT_XMM) {
        vec_leave(l);
        return false;
    }
    vec_enter(l, VU_XMM);
    x_rr(&l->e,
         o->size == 1   ? PINSRB
         : o->size == 2 ? PINSRW
                        : sized(PINSRD, o->size),
         (unsigned)x, ra_use(l, o->a));
    x_byte(&l->e, n);
    return true;
}
