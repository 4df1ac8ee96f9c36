/* Code that all blocks share: into and out of translated code, and calls of C. A stub that calls C
 * stores the lazy flags and, if C may look, the guest's registers; those that may fault store the
 * budget too, so that C finds the machine's state exact and may leave by siglongjmp(). All keep the
 * temporaries. Procedure call standard (AAPCS64): arguments and result in X0 to X4, X19 to X29
 * survive. */
#include "jit/a64/a64.h"

#include "base/check.h"
#include "cpu/help_x87.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"
#include "cpu/vec.h"
#include "cpu/window.h"
#include "cpu/x87_ops.h"

#include <string.h>

/* -- what the stubs call -- */

static u64 read_sys(struct cpu *cpu, laddr la, unsigned size)
{
    return mem_read(cpu, la, size, false);
}

static u64 rmw_sys(struct cpu *cpu, laddr la, unsigned size)
{
    mem_probe_write(cpu, la, size, false);
    return mem_read(cpu, la, size, false);
}

static void write_sys(struct cpu *cpu, laddr la, unsigned size, u64 value)
{
    mem_write(cpu, la, size, value, false);
}

/* Of the argument registers: offset and segment, then what window_slow_*() expects. */
static void window_write(struct cpu *cpu, u32 off, unsigned size, enum seg seg, u32 value)
{
    window_slow_write(cpu, off, size, seg, value);
}

static void load_vector(struct cpu *cpu, laddr la, u32 offset, u32 size, u32 how)
{
    u8 buf[16];
    if (how & VECTOR_ALIGNED)
        mem_check_align16(cpu, la);
    if (how & VECTOR_SYS)
        mem_read_block(cpu, la, buf, size, false);
    else
        mem_slow_read_block(cpu, la, buf, size);
    memcpy((u8 *)cpu + offset, buf, size);
}

static void store_vector(struct cpu *cpu, laddr la, u32 offset, u32 size, u32 how)
{
    if (how & VECTOR_ALIGNED)
        mem_check_align16(cpu, la);
    if (how & VECTOR_SYS)
        mem_write_block(cpu, la, (u8 *)cpu + offset, size, false);
    else
        mem_slow_write_block(cpu, la, (u8 *)cpu + offset, size);
}

static void check_segment(struct cpu *cpu, u32 seg, u64 off, u32 size, u32 acc)
{
    if (acc == ACCESS_EXEC)
        seg_check_eip(cpu, off);
    else
        seg_linear(cpu, (enum seg)seg, off, size, (enum access)acc);
}

static u32 current_flags(struct cpu *cpu)
{
    return cpu_arith_flags(cpu);
}

static void run_vec(struct cpu *cpu, u32 op, u32 dst, u32 src, u32 imm)
{
    vec_exec(cpu, (enum vec_op)op, dst, src, imm);
}

static u32 run_x87(struct cpu *cpu, u32 desc, u32 taken)
{
    bool if_clear = x87_desc_opcode(desc) & 1; /* FCMOVNcc */
    bool bits = (taken != 0) != if_clear;
    return help_x87_reg(cpu, desc, bits ? FLAG_CF | FLAG_ZF | FLAG_PF : 0);
}

struct resume {
    void *code;
    const void *read_tlb;
};

static struct resume resume(struct cpu *cpu)
{
    void *code = jit_resume(cpu);
    return (struct resume){code, read_tlb(cpu)};
}

/* -- the guest's state -- */

static void move_gprs(struct a_enc *e, bool load)
{
    for (unsigned g = 0; g < GPR_COUNT; g += 2)
        a_pair(e, 1, load, host_of(g), host_of(g + 1), REG_CPU, CPU_OFF(gpr) + 8 * (s32)g);
}

static void move_flags(struct a_enc *e, bool load)
{
    a_access(e, load ? A_LDR_W : A_STR_W, REG_OP, REG_CPU, CPU_OFF(cc_op));
    a_pair(e, 1, load, REG_DST, REG_SRC, REG_CPU, CPU_OFF(cc_dst));
}

static void move_budget(struct a_enc *e, bool load)
{
    a_access(e, load ? A_LDR_X : A_STR_X, REG_BUDGET, REG_CPU, CPU_OFF(budget));
}

static void set_write_tlb(struct a_enc *e)
{
    a_addsub_imm(e, 1, A_ADD, REG_WRITE_TLB, REG_READ_TLB, TLB_TABLE_BYTES);
}

unsigned table_reg(struct a_enc *e, enum priv own, enum priv priv, enum access acc, unsigned via)
{
    s64 tables = ((s64)priv - (s64)own) * ACCESS_COUNT + (s64)acc;
    if (tables == ACCESS_READ)
        return REG_READ_TLB;
    if (tables == ACCESS_WRITE)
        return REG_WRITE_TLB;
    if (!a_addsub_imm(e, 1, A_ADD, via, REG_WRITE_TLB,
                      (u64)(tables - ACCESS_WRITE) * TLB_TABLE_BYTES))
        a_addsub_any(e, 1, A_ADD, via, REG_READ_TLB, (u64)tables * TLB_TABLE_BYTES, via);
    return via;
}

void load_tags(struct a_enc *e, enum priv own, enum priv priv, enum access acc, unsigned reg)
{
    const s64 most = 2; /* tables that an immediate operand reaches */
    s64 tables = ((s64)priv - (s64)own) * ACCESS_COUNT + (s64)acc;
    a_access(e, A_LDR_X, reg, A_SP, FRAME_TAGS + (tables == ACCESS_WRITE ? 8 : 0));
    if (tables == ACCESS_WRITE)
        return;
    while (tables) {
        s64 step = tables > most ? most : tables < -most ? -most : tables;
        a_addsub_imm(e, 1, A_ADD, reg, reg, (u64)step * TAG_TABLE_BYTES);
        tables -= step;
    }
}

static void begin_stub(struct a64 *be, struct a_enc *e, u32 stub)
{
    a_align(e, 16);
    be->stub[stub] = a_pos(e);
}

/* -- calls of C -- */

static void move_temps(struct a_enc *e, bool load)
{
    a_pair(e, 1, load, A_LR, REG_TEMP, A_SP, FRAME_LINK);
    for (unsigned r = REG_TEMP + 1; r < REG_TEMP_LAST; r += 2)
        a_pair(e, 1, load, r, r + 1, A_SP, FRAME_LINK + 16 + 8 * (s32)(r - REG_TEMP - 1));
}

typedef void (*c_fn)(void);

static void emit_call(struct a_enc *e, c_fn fn)
{
    a_mov(e, 1, 0, REG_CPU);
    a_mov_imm64(e, A_IP0, (u64)(uintptr_t)fn);
    a_blr(e, A_IP0);
}

/* size: not 0: the second argument after cpu is this, the others follow. */
static void make_c_stub(struct a64 *be, struct a_enc *e, u32 stub, c_fn fn, u8 flags, u32 size)
{
    begin_stub(be, e, stub);
    move_temps(e, false);
    move_flags(e, false);
    if (flags & (HF_REGS | HF_FAULT))
        move_gprs(e, false);
    if (flags & HF_FAULT)
        move_budget(e, false);
    if (size) {
        a_mov(e, 1, 4, 3);
        a_mov(e, 1, 3, 2);
        a_mov_imm(e, 2, size);
    }
    emit_call(e, fn);
    move_temps(e, true);
    move_flags(e, true);
    set_write_tlb(e);
    if (flags & HF_REGS)
        move_gprs(e, true);
    if (flags & HF_FAULT)
        move_budget(e, true);
    a_ret(e);
}

static void make_memory_stubs(struct a64 *be, struct a_enc *e)
{
    static const c_fn access[] = {
        [SLOW_READ] = (c_fn)mem_slow_read,   [SLOW_RMW] = (c_fn)mem_slow_read_rmw,
        [SLOW_WRITE] = (c_fn)mem_slow_write, [SLOW_READ_SYS] = (c_fn)read_sys,
        [SLOW_RMW_SYS] = (c_fn)rmw_sys,      [SLOW_WRITE_SYS] = (c_fn)write_sys,
    };
    static const c_fn window[] = {
        [SLOW_READ] = (c_fn)window_slow_read,
        [SLOW_RMW] = (c_fn)window_slow_read_rmw,
        [SLOW_WRITE] = (c_fn)window_write,
    };
    for (unsigned n = 0; n < 4 * ARRAY_LEN(access); n++)
        make_c_stub(be, e, STUB_MEM + n, access[n / 4], HF_FAULT, 1u << n % 4);
    for (unsigned n = 0; n < 3 * ARRAY_LEN(window); n++)
        make_c_stub(be, e, STUB_WINDOW + n, window[n / 3], HF_FAULT, 1u << n % 3);
}

static void make_call_stubs(struct a64 *be, struct a_enc *e)
{
    make_memory_stubs(be, e);
    make_c_stub(be, e, STUB_GETFL, (c_fn)current_flags, 0, 0);
    make_c_stub(be, e, STUB_VEC, (c_fn)run_vec, 0, 0);
    make_c_stub(be, e, STUB_LDV, (c_fn)load_vector, HF_FAULT, 0);
    make_c_stub(be, e, STUB_STV, (c_fn)store_vector, HF_FAULT, 0);
    make_c_stub(be, e, STUB_ALONE, (c_fn)cpu_alone, HF_REGS | HF_FAULT, 0);
    make_c_stub(be, e, STUB_X87, (c_fn)run_x87, 0, 0);
    make_c_stub(be, e, STUB_X87_MEM, (c_fn)help_x87_mem64, HF_FAULT, 0);
    make_c_stub(be, e, STUB_X87_WAIT, (c_fn)help_wait, HF_FAULT, 0);
    make_c_stub(be, e, STUB_SEGCHK, (c_fn)check_segment, HF_FAULT, 0);
    for (u32 h = 0; h < HELPER_COUNT; h++)
        make_c_stub(be, e, STUB_HELPER + h, helper_info[h].fn, helper_info[h].flags, 0);
}

/* -- the jump cache -- */

enum { JUMP_ENTRY_LOG2 = 5 };
_Static_assert(sizeof(struct jump_cache_entry) == 1 << JUMP_ENTRY_LOG2 && JUMP_CACHE_BITS == 16,
               "the look-up computes the index by two shifts");

/* X1 = the entry for EIP in W0, if it is that */
static void emit_jump_entry(struct a_enc *e, s64 miss)
{
    a_bitfield(e, 0, A_UBFM, 1, 0, 0, JUMP_CACHE_BITS - 1); /* jump_cache_index() */
    a_addsub_any(e, 1, A_ADD, 2, REG_CPU, (u64)CPU_OFF(jump_cache), 2);
    a_addsub_shift(e, 1, A_ADD, 1, 2, 1, A_LSL, JUMP_ENTRY_LOG2);
    a_access(e, A_LDR_W, 3, 1, offsetof(struct jump_cache_entry, eip));
    a_addsub(e, 0, A_SUBS, A_ZR, 3, 0);
    a_jump_if_to(e, A_NE, miss);
}

/* On to the entry in X1 for EIP in X0, if W2, what the exec TLB says of the page, still agrees. W3
 * is the linear address. */
static void emit_jump_by_entry(struct a_enc *e, unsigned sf, s64 miss)
{
    a_access(e, A_LDR_X, A_IP0, REG_CPU, CPU_OFF(jump_tag));
    a_logic(e, 1, A_ORR, 2, 2, A_IP0);
    a_access(e, A_LDR_X, A_IP0, 1, offsetof(struct jump_cache_entry, where));
    a_addsub(e, 1, A_SUBS, A_ZR, 2, A_IP0);
    a_jump_if_to(e, A_NE, miss);
    a_bitfield(e, 0, A_UBFM, 3, 3, 0, PAGE_BITS - 1);
    a_addsub(e, sf, A_SUB, 0, 0, 3);
    a_access(e, A_STR_X, 0, REG_CPU, CPU_OFF(eip_page));
    a_access(e, A_LDR_X, A_IP0, 1, offsetof(struct jump_cache_entry, code));
    a_br(e, A_IP0);
}

static void make_look_up(struct a64 *be, struct a_enc *e, bool flat, bool user)
{
    enum priv priv = user ? PRIV_USER : PRIV_SUPER;
    s64 miss = be->stub[STUB_EXIT_EIP];
    begin_stub(be, e, STUB_LOOK_UP + 2u * flat + user);
    emit_jump_entry(e, miss);
    if (!flat) {
        a_access(e, A_LDR_W, 2, REG_CPU, CPU_OFF(seg[SEG_CS].base));
        a_addsub(e, 0, A_ADD, 3, 0, 2);
    }
    unsigned table = table_reg(e, priv, priv, ACCESS_EXEC, 4);
    a_shift_imm(e, 0, A_LSR, 2, 3, PAGE_BITS);
    a_access_reg(e, A_LDR_X, 2, table, 2, A_UXTW, true);
    emit_jump_by_entry(e, 0, miss);
}

/* The tag vouches for the upper half of EIP. */
static void make_look_up64(struct a64 *be, struct a_enc *e, bool user)
{
    enum priv priv = user ? PRIV_USER : PRIV_SUPER;
    s64 miss = be->stub[STUB_EXIT_EIP];
    begin_stub(be, e, STUB_LOOK_UP64 + user);
    emit_jump_entry(e, miss);
    unsigned table = table_reg(e, priv, priv, ACCESS_EXEC, 4);
    load_tags(e, priv, priv, ACCESS_EXEC, A_IP0);
    a_shift_imm(e, 0, A_LSR, 2, 0, PAGE_BITS);
    a_access_reg(e, A_LDR_W, A_IP0, A_IP0, 2, A_UXTW, true);
    a_addsub_shift(e, 1, A_SUBS, A_ZR, A_IP0, 0, A_LSR, 32);
    a_jump_if_to(e, A_NE, miss);
    a_access_reg(e, A_LDR_X, 2, table, 2, A_UXTW, true);
    a_mov(e, 0, 3, 0);
    emit_jump_by_entry(e, 1, miss);
}

/* -- in and out -- */

enum { SAVED = 96 }; /* bytes below the caller's SP: X19 to X30 */

static void move_callee_saved(struct a_enc *e, bool load)
{
    for (unsigned r = 19; r <= 29; r += 2)
        a_pair(e, 1, load, r, r + 1, A_SP, 8 * (s32)(r - 19));
}

static void move_sp(struct a_enc *e, enum a_addsub op, u32 bytes)
{
    _Static_assert(FRAME_SIZE % 16 == 0, "SP is aligned to 16");
    a_addsub_imm(e, 1, op, A_SP, A_SP, bytes & ~PAGE_MASK);
    a_addsub_imm(e, 1, op, A_SP, A_SP, bytes & PAGE_MASK);
}

/* REG_READ_TLB is what C says: the others by it. Of the tags only in 64-bit mode is that true. */
static void set_tables(struct a_enc *e)
{
    set_write_tlb(e);
    a_addsub_any(e, 1, A_ADD, A_IP1, REG_CPU, (u64)CPU_OFF(tlb.e64), A_IP1);
    a_addsub(e, 1, A_SUB, A_IP1, REG_READ_TLB, A_IP1);
    a_addsub_any(e, 1, A_ADD, A_LR, REG_CPU, (u64)CPU_OFF(tlb.tag), A_LR);
    _Static_assert(sizeof(struct tlb_entry) == 2 * sizeof(u32), "a table of tags is half as large");
    a_addsub_shift(e, 1, A_ADD, A_IP1, A_LR, A_IP1, A_LSR, 1);
    a_addsub_imm(e, 1, A_ADD, A_LR, A_IP1, TAG_TABLE_BYTES);
    a_pair(e, 1, false, A_IP1, A_LR, A_SP, FRAME_TAGS);
}

/* struct run_return enter(struct cpu *cpu, const void *code, const void *read_tlb) */
static void make_enter(struct a64 *be, struct a_enc *e)
{
    begin_stub(be, e, STUB_ENTER);
    a_addsub_imm(e, 1, A_SUB, A_SP, A_SP, SAVED);
    move_callee_saved(e, false);
    move_sp(e, A_SUB, FRAME_SIZE);
    a_mov(e, 1, REG_CPU, 0);
    a_mov(e, 1, A_IP0, 1);
    a_mov(e, 1, REG_READ_TLB, 2);
    set_tables(e);
    move_gprs(e, true);
    move_flags(e, true);
    move_budget(e, true);
    a_br(e, A_IP0);
}

/* w2 = result, x1 = exit */
static u32 make_leave(struct a_enc *e)
{
    a_align(e, 16);
    u32 pos = a_pos(e);
    move_gprs(e, false);
    move_flags(e, false);
    move_budget(e, false);
    a_access(e, A_STR_W, A_ZR, REG_CPU, CPU_OFF(insn_off)); /* and insn_left */
    a_mov(e, 0, 0, 2);
    move_sp(e, A_ADD, FRAME_SIZE);
    move_callee_saved(e, true);
    a_addsub_imm(e, 1, A_ADD, A_SP, A_SP, SAVED);
    a_ret(e);
    return pos;
}

enum leave_eip { EIP_SET, EIP_X0, EIP_PAGE_W0 };

static void make_exit(struct a64 *be, struct a_enc *e, enum stub stub, enum leave_eip how,
                      enum run_result result, u32 leave)
{
    begin_stub(be, e, stub);
    if (stub == STUB_EXIT_SLOT) {
        a_mov(e, 1, 1, 0);
        a_access(e, A_LDR_W, 0, 1, offsetof(struct block_exit, page_off));
    } else {
        a_mov(e, 1, 1, A_ZR);
    }
    if (how == EIP_PAGE_W0) {
        a_access(e, A_LDR_X, 2, REG_CPU, CPU_OFF(eip_page));
        a_addsub_ext(e, 1, A_ADD, 0, 2, 0, A_SXTW, 0);
        a_access(e, A_LDR_X, 2, REG_CPU, CPU_OFF(eip_mask));
        a_logic(e, 1, A_AND, 0, 0, 2);
    }
    if (how != EIP_SET)
        a_access(e, A_STR_X, 0, REG_CPU, CPU_OFF(eip));
    a_mov_imm(e, 2, result);
    a_jump_to(e, leave);
}

/* What sent the block here may be all that there was to do: then translated code goes on. */
static void make_resume(struct a64 *be, struct a_enc *e)
{
    begin_stub(be, e, STUB_EXIT_EVENT);
    move_flags(e, false);
    emit_call(e, (c_fn)resume);
    move_flags(e, true);
    a_mov(e, 1, REG_READ_TLB, 1);
    set_tables(e);
    u32 none = a_jump_zero(e, 1, true, 0);
    a_br(e, 0);
    a_bind(e, none);
    a_jump_to(e, be->stub[STUB_EXIT_LOOP]);
}

void stubs_make(struct a64 *be)
{
    struct a_enc enc, *e = &enc;
    a_init(e, be->mem.rw, be->mem.rw + be->mem.part[CODE_HOT].end);
    make_enter(be, e);
    u32 leave = make_leave(e);
    make_exit(be, e, STUB_EXIT_SLOT, EIP_PAGE_W0, RUN_NEXT, leave);
    make_exit(be, e, STUB_EXIT_OFF, EIP_PAGE_W0, RUN_NEXT, leave);
    make_exit(be, e, STUB_EXIT_EIP, EIP_X0, RUN_NEXT, leave);
    make_exit(be, e, STUB_EXIT_BUDGET, EIP_PAGE_W0, RUN_BUDGET, leave);
    make_exit(be, e, STUB_EXIT_LOOP, EIP_SET, RUN_EVENT, leave);
    make_resume(be, e);
    for (unsigned n = 0; n < 4; n++)
        make_look_up(be, e, n & 2, n & 1);
    for (unsigned user = 0; user < 2; user++)
        make_look_up64(be, e, user);
    make_call_stubs(be, e);
    CHECK(e->p <= e->end, "the stubs do not fit into the code memory");
    code_mem_commit(&be->mem, CODE_HOT, a_pos(e));
    code_mem_keep(&be->mem);
    u64 enter = (u64)(uintptr_t)(be->mem.rx + be->stub[STUB_ENTER]);
    memcpy(&be->enter, &enter, sizeof(be->enter));
}
