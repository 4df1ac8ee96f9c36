/* Guest memory and the fields of struct cpu. An access looks its page up in the flat TLB
 * (mmu/tlb.h) inline; what the TLB does not grant, and what crosses a page, goes out of line to a
 * stub that calls C. Accesses are usually aligned, so that the low address bits are tested first
 * and the exact test is out of line.
 *
 * A read-modify-write looks up once: the ST that follows its LDRMW at the same address uses the
 * entry that the load has found, or goes the slow way if the load did. */
#include "jit/x64/lower.h"

enum priv access_priv(const struct lower *l, const struct ir_insn *o)
{
    return o->cc & 1 ? PRIV_SUPER : mode_priv(l->ir->mode);
}

/* The address of o's access, which is a constant. */
static u64 fixed_address(const struct lower *l, const struct ir_insn *o, u32 disp)
{
    u64 la = address_const(l, o->a.v) + address_const(l, disp);
    return l->code64 ? la : (u32)la;
}

/* Of 64-bit addresses only those that are a displacement. */
static bool fits_disp(u64 la)
{
    return (s64)la <= INT32_MAX && (s64)la > INT32_MIN;
}

/* A constant address is looked up without arithmetic if it is aligned, and needs no register if it
 * fits a displacement. */
static bool is_fixed(const struct lower *l, const struct ir_insn *o, u32 disp)
{
    if (!irv_is(o->a, IRV_CONST) || ((o->a.v + disp) & (o->size - 1u)))
        return false;
    return !l->code64 || fits_disp(fixed_address(l, o, disp));
}

/* The linear address in a register, or HOST_NONE and q->disp; *own tells that it is a scratch
 * register. */
unsigned mem_address(struct lower *l, const struct ir_insn *o, u32 disp, struct ool *q, bool *own)
{
    *own = true;
    if (irv_is(o->a, IRV_CONST)) {
        u64 la = fixed_address(l, o, disp);
        q->disp = (u32)la;
        if (!is_fixed(l, o, disp) || !fits_disp(la))
            return ra_const(l, la);
        *own = false;
        return HOST_NONE;
    }
    unsigned base = ra_use(l, o->a);
    *own = disp != 0;
    if (!disp)
        return base;
    unsigned r = ra_scratch(l);
    x_lea(&l->e, l->word, r, x_at(base, (s32)disp));
    return r;
}

unsigned mem_scratch(struct lower *l, struct ool *q)
{
    if (l->code64)
        q->tag = (u8)ra_scratch(l);
    return ra_scratch(l);
}

/* Is it known that the access is in one page, and aligned if it has to be? Of operands relative to
 * EIP the place in the page is. */
static bool is_inside(const struct lower *l, const struct ir_insn *o, u32 disp)
{
    bool aligned = (o->op == IR_LDV || o->op == IR_STV) && (o->cc & 2);
    if (!irv_is(o->a, IRV_TEMP) || !l->eip_root || l->temp[o->a.v].place.root != l->eip_root)
        return false;
    u32 off = ((u32)l->temp[o->a.v].place.delta + disp) & PAGE_MASK;
    return aligned ? !(off & (o->size - 1u)) : off <= PAGE_SIZE - o->size;
}

/* Of the page of a constant address. */
static void look_up_fixed(struct lower *l, u64 la, enum priv priv, enum access acc, struct ool *q)
{
    s32 page = (s32)tlb_index(la);
    if (l->code64) {
        x_alu_mi(&l->e, X_CMP, 4, cpu_at(tlb_tags(priv, acc) + page * (s32)sizeof(u32)),
                 (s32)(la >> 32));
        q->from[2] = x_jcc(&l->e, CC_NE);
    }
    x_load(&l->e, 8, q->entry,
           cpu_at(tlb_table(l->code64, priv, acc) + page * (s32)sizeof(struct tlb_entry)));
}

/* Emits the look-up of addr's TLB entry. The guest byte is then at mem_guest_at(). From here to
 * q->back no register may be allocated: code out of line skips what that emits. */
void mem_look_up(struct lower *l, const struct ir_insn *o, u32 disp, unsigned addr, unsigned entry,
                 enum access acc, struct ool *q)
{
    enum priv priv = access_priv(l, o);
    q->entry = (u8)entry;
    if (is_fixed(l, o, disp)) {
        look_up_fixed(l, fixed_address(l, o, disp), priv, acc, q);
    } else {
        if (o->size > 1 && !is_inside(l, o, disp)) {
            x_test_ri(&l->e, 1, addr, o->size - 1u);
            q->cross = x_jcc(&l->e, CC_NE);
            q->back_fast = enc_pos(&l->e);
        }
        tlb_find(l->be, &l->e, l->code64, (struct tlb_regs){addr, entry, q->tag}, priv, acc);
        if (l->code64)
            q->from[2] = x_jcc(&l->e, CC_NE);
        tlb_load(&l->e, l->code64, entry, priv, acc);
    }
    x_test_ri(&l->e, 1, entry, TLB_VALID);
    q->from[0] = x_jcc(&l->e, CC_E);
}

struct x_mem mem_guest_at(const struct ool *q, unsigned addr, unsigned entry)
{
    if (addr == HOST_NONE)
        return x_at(entry, (s32)q->disp - (s32)TLB_VALID);
    return x_idx(addr, entry, 0, -(s32)TLB_VALID);
}

/* -- loads -- */

static bool same(struct irv x, struct irv y)
{
    return x.kind == y.kind && x.v == y.v;
}

/* The ST that ends the read-modify-write begun by o; 0 if there is none that can share its look-up.
 */
u32 find_store(const struct lower *l, const struct ir_insn *o)
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

static void keep_for_store(struct lower *l, u32 st, unsigned addr, unsigned entry, bool own_addr)
{
    l->rmw = (struct rmw){.st = st, .addr = (u8)addr, .entry = (u8)entry, .own_addr = own_addr};
    l->owner[entry] = OWNER_CACHE;
    if (own_addr)
        l->owner[addr] = OWNER_CACHE;
}

void cache_dropped(struct lower *l, unsigned reg)
{
    struct rmw *r = &l->rmw;
    share_drop(l, reg);
    if (!r->st || (r->entry != reg && (!r->own_addr || r->addr != reg)))
        return;
    if (r->entry != reg)
        l->owner[r->entry] = OWNER_FREE;
    if (r->own_addr && r->addr != reg)
        l->owner[r->addr] = OWNER_FREE;
    r->st = 0;
}

/* Bytes */
static u8 sign_extends_to(const struct ir_insn *o)
{
    return o->cc & IR_SX64 ? 8 : 4;
}

/* d = what is at m */
static void emit_load(struct lower *l, const struct ir_insn *o, unsigned d, struct x_mem m)
{
    if (o->op == IR_LDSX)
        x_load_sx(&l->e, o->size, sign_extends_to(o), d, m);
    else
        x_load(&l->e, o->size, d, m);
}

static void load_shared(struct lower *l, const struct ir_insn *o, struct group *g, struct ool *q)
{
    unsigned base = ra_use(l, o->a), entry = q->leader ? mem_scratch(l, q) : 0;
    q->sync = flags_sync(l);
    unsigned d = ra_def(l, o->d, o->a);
    flags_resync(l, &q->sync);
    q->addr = (u8)base;
    q->disp = o->imm;
    q->dst = (u8)d;
    emit_load(l, o, d, share_look_up(l, o, g, q, base, entry));
}

static void load_alone(struct lower *l, const struct ir_insn *o, struct ool *q)
{
    bool rmw = o->op == IR_LDRMW, own;
    u32 st = rmw ? find_store(l, o) : 0;
    unsigned addr = mem_address(l, o, o->imm, q, &own), entry = mem_scratch(l, q);
    q->sync = flags_sync(l);
    unsigned d = ra_def(l, o->d, st ? IR_NONE : o->a);
    flags_resync(l, &q->sync);
    q->addr = (u8)addr;
    q->dst = (u8)d;
    mem_look_up(l, o, o->imm, addr, entry, rmw ? ACCESS_WRITE : ACCESS_READ, q);
    emit_load(l, o, d, mem_guest_at(q, addr, entry));
    if (st) {
        q->clear = (u8)entry;
        keep_for_store(l, st, addr, entry, own);
    }
}

void lower_load(struct lower *l, const struct ir_insn *o)
{
    if (ir_seg_of(o->cc) >= 0) {
        lower_window_load(l, o);
        return;
    }
    struct ool *q = ool_new(l, OOL_LOAD);
    struct group *g = share_begin(l, q);
    q->size = o->size;
    q->access = (u8)((o->op == IR_LDRMW ? SLOW_RMW : SLOW_READ) + (o->cc & 1 ? SLOW_READ_SYS : 0));
    q->sx = o->op == IR_LDSX ? sign_extends_to(o) : 0;
    q->priv = (u8)access_priv(l, o);
    q->shared = g;
    if (g) {
        load_shared(l, o, g, q);
        share_end(l, g);
    } else {
        load_alone(l, o, q);
    }
    q->back = enc_pos(&l->e);
}

/* -- stores -- */

/* The look-up for a store, with the entry that LDRMW has found if there is one. */
static struct x_mem store_alone(struct lower *l, const struct ir_insn *o, struct ool *q)
{
    unsigned addr, entry;
    bool own;
    if (l->rmw.st == l->i && l->rmw.st) {
        entry = l->rmw.entry;
        l->locked |= (u16)(1u << entry);
        q->disp = o->a.v + o->imm;
        addr = l->rmw.own_addr || l->rmw.addr == HOST_NONE ? l->rmw.addr : ra_use(l, o->a);
        x_test_ri(&l->e, 1, entry, TLB_VALID);
        q->from[0] = x_jcc(&l->e, CC_E);
        l->owner[entry] = OWNER_FREE;
        if (l->rmw.own_addr)
            l->owner[addr] = OWNER_FREE;
        l->rmw.st = 0;
    } else {
        addr = mem_address(l, o, o->imm, q, &own);
        entry = mem_scratch(l, q);
        mem_look_up(l, o, o->imm, addr, entry, ACCESS_WRITE, q);
    }
    q->addr = (u8)addr;
    return mem_guest_at(q, addr, entry);
}

static struct x_mem store_shared(struct lower *l, const struct ir_insn *o, struct group *g,
                                 struct ool *q)
{
    unsigned base = ra_use(l, o->a), entry = q->leader ? mem_scratch(l, q) : 0;
    q->addr = (u8)base;
    q->disp = o->imm;
    return share_look_up(l, o, g, q, base, entry);
}

void lower_store(struct lower *l, const struct ir_insn *o)
{
    if (ir_seg_of(o->cc) >= 0) {
        lower_window_store(l, o);
        return;
    }
    struct ool *q = ool_new(l, OOL_STORE);
    struct group *g = share_begin(l, q);
    unsigned value = irv_is(o->b, IRV_CONST) ? (unsigned)HOST_NONE : ra_use(l, o->b);
    struct x_mem at = g ? store_shared(l, o, g, q) : store_alone(l, o, q);
    q->sync = flags_sync(l);
    q->size = o->size;
    q->access = o->cc & 1 ? SLOW_WRITE_SYS : SLOW_WRITE;
    q->priv = (u8)access_priv(l, o);
    q->shared = g;
    q->value = (u8)value;
    q->imm = o->b.v;
    if (value == HOST_NONE)
        x_store_i(&l->e, o->size, at, o->b.v);
    else
        x_store(&l->e, o->size, at, value);
    q->back = enc_pos(&l->e);
    if (g)
        share_end(l, g);
}

/* -- segments and fields -- */

/* Of an EIP in the limit of CS, or canonical: bits 63:47 equal. */
static void compare_eip(struct lower *l, const struct ir_insn *o, struct ool *q)
{
    unsigned a = ra_use(l, o->a), t = l->code64 ? ra_scratch(l) : HOST_NONE;
    q->sync = flags_sync(l);
    if (l->code64) {
        x_mov_rr(&l->e, 8, t, a);
        x_shift_ri(&l->e, X_SHL, 8, t, 16);
        x_shift_ri(&l->e, X_SAR, 8, t, 16);
        x_alu_rr(&l->e, X_CMP, 8, t, a);
    } else {
        x_alu_rm(&l->e, X_CMP, 4, a, cpu_at(CPU_OFF(seg[SEG_CS].limit)));
    }
    q->from[0] = x_jcc(&l->e, l->code64 ? CC_NE : CC_A);
    q->back = enc_pos(&l->e);
    q->access = ACCESS_EXEC;
    q->addr = (u8)a;
    q->imm = SEG_CS;
}

void lower_segchk(struct lower *l, const struct ir_insn *o)
{
    struct ool *q = ool_new(l, OOL_SEGCHK);
    if (o->cc == 2) {
        compare_eip(l, o, q);
        return;
    }
    unsigned a = ra_use(l, o->a), last = a;
    s32 limit =
        (s32)(offsetof(struct cpu, seg) + o->imm * sizeof(struct segment) +
              (o->cc ? offsetof(struct segment, limit_w) : offsetof(struct segment, limit_r)));
    if (o->size > 1) {
        last = ra_scratch(l);
        x_lea(&l->e, 8, last, x_at(a, o->size - 1));
    }
    q->sync = flags_sync(l);
    x_alu_rm(&l->e, X_CMP, 8, last, cpu_at(limit));
    q->from[0] = x_jcc(&l->e, CC_G);
    q->back = enc_pos(&l->e);
    q->size = o->size;
    q->access = o->cc ? ACCESS_WRITE : ACCESS_READ;
    q->addr = (u8)a;
    q->imm = o->imm;
}

void lower_alone(struct lower *l, const struct ir_insn *o)
{
    enum x_cc cc = lower_compare(l, o);
    struct ool *q = ool_new(l, OOL_ALONE);
    q->sync = flags_sync(l);
    q->from[0] = x_jcc(&l->e, cc);
    q->back = enc_pos(&l->e);
}

void lower_lds(struct lower *l, const struct ir_insn *o)
{
    if (!lower_vec_lds(l, o))
        x_load(&l->e, o->size, ra_def(l, o->d, IR_NONE), cpu_at((s32)o->imm));
}

void lower_sts(struct lower *l, const struct ir_insn *o)
{
    if (lower_vec_sts(l, o))
        return;
    if (irv_is(o->a, IRV_CONST))
        x_store_i(&l->e, o->size, cpu_at((s32)o->imm), o->a.v);
    else
        x_store(&l->e, o->size, cpu_at((s32)o->imm), ra_use(l, o->a));
}

/* -- out of line -- */

void put_arg_reg(struct lower *l, unsigned n, unsigned reg, u64 imm)
{
    struct x_mem word = arg_at(0, n);
    if (reg != HOST_NONE) {
        x_store(&l->e, 8, word, reg);
    } else if (imm == (u64)(s64)(s32)imm) {
        x_store_i(&l->e, 8, word, (u32)imm);
    } else {
        x_store_i(&l->e, 4, word, (u32)imm);
        word.disp += 4;
        x_store_i(&l->e, 4, word, (u32)(imm >> 32));
    }
}

void put_address(struct lower *l, unsigned n, const struct ool *q)
{
    put_arg_reg(l, n, q->addr, address_const(l, q->disp));
    if (q->shared && q->disp)
        x_alu_mi(&l->e, X_ADD, l->word, arg_at(0, n), (s32)q->disp);
}

/* An access that is not aligned: does it cross the page? The register of the TLB entry is still
 * free. */
static void cross_test(struct lower *l, struct ool *q)
{
    x_bind(&l->e, q->cross);
    x_mov_rr(&l->e, 4, q->entry, q->addr);
    x_alu_ri(&l->e, X_AND, 4, q->entry, PAGE_MASK);
    x_alu_ri(&l->e, X_CMP, 4, q->entry, (s32)PAGE_SIZE - q->size);
    x_jcc_to(&l->e, CC_BE, q->back_fast);
}

static void load_result(struct lower *l, const struct ool *q)
{
    struct x_mem word = arg_at(0, 0);
    if (q->sx)
        x_load_sx(&l->e, q->size, q->sx, q->dst, word);
    else
        x_load(&l->e, q->size, q->dst, word);
}

/* A load or store: by the stub that tries the TLB if that was not done in line. */
static void slow_scalar(struct lower *l, const struct ool *q)
{
    u32 size = (u32)__builtin_ctz(q->size);
    if (q->in_seg) {
        slow_window(l, q);
        if (q->kind == OOL_LOAD)
            load_result(l, q);
        return;
    }
    put_address(l, 0, q);
    if (q->kind == OOL_STORE)
        put_arg_reg(l, 1, q->value, address_const(l, q->imm));
    if (q->shared)
        emit_call_stub(l, STUB_TRY + stub_try(l->code64, (enum priv)q->priv,
                                              (enum slow_access)q->access, size));
    else
        emit_call_stub(l, STUB_MEM + q->access * 4u + size);
    if (q->kind == OOL_LOAD)
        load_result(l, q);
}

static void slow_segchk(struct lower *l, const struct ool *q)
{
    put_arg_reg(l, 0, HOST_NONE, q->imm);
    put_arg_reg(l, 1, q->addr, 0);
    put_arg_reg(l, 2, HOST_NONE, q->size);
    put_arg_reg(l, 3, HOST_NONE, q->access);
    emit_call_stub(l, STUB_SEGCHK);
}

void ool_memory(struct lower *l, struct ool *q)
{
    if (q->cross && (q->how & VECTOR_ALIGNED))
        x_bind(&l->e, q->cross);
    else if (q->cross)
        cross_test(l, q);
    for (unsigned n = 0; n < ARRAY_LEN(q->from); n++) {
        if (q->from[n])
            x_bind(&l->e, q->from[n]);
    }
    emit_place(l, q->off, q->left);
    flags_store(l, &q->sync);
    if (q->kind == OOL_ALONE)
        emit_call_stub(l, STUB_ALONE);
    else if (q->kind == OOL_SEGCHK)
        slow_segchk(l, q);
    else if (q->kind == OOL_VECTOR)
        slow_vector(l, q);
    else if (q->kind == OOL_X87CHK)
        emit_call_stub(l, STUB_X87_PENDING);
    else if (q->kind == OOL_X87)
        slow_x87(l, q);
    else
        slow_scalar(l, q);
    if (q->clear != HOST_NONE) /* what the fast way would have left there is not known */
        x_alu_rr(&l->e, X_XOR, 4, q->clear, q->clear);
    x_jmp_to(&l->e, q->back);
}
