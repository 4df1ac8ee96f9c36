/* Code that all blocks share: into and out of translated code, and calls of C. A stub that calls C
 * stores the guest's registers first; those that may fault store the budget too, so that C finds
 * the machine's state exact and may leave by siglongjmp(). All keep R8-R11 (the compiler's
 * temporaries). System V calling convention: arguments in RDI RSI RDX RCX R8; RBX RBP R12-R15
 * survive. */
#include "jit/x64/stubs.h"

#include "base/check.h"
#include "cpu/helpers.h"
#include "cpu/mem.h"
#include "cpu/vec.h"
#include "cpu/window.h"

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

/* Host address of size bytes at la if the TLB grants them: code in line may have asked for more
 * than that. */
static u8 *tlb_bytes(struct cpu *cpu, laddr la, u32 size, enum priv priv, enum access acc)
{
    u64 entry = tlb_addend(&cpu->tlb, la, priv, acc);
    if (!(entry & TLB_VALID) || (la & PAGE_MASK) > PAGE_SIZE - size)
        return NULL;
    return (u8 *)(uintptr_t)(la + entry - TLB_VALID);
}

static void load_vector(struct cpu *cpu, laddr la, u32 offset, u32 size, u32 how)
{
    u8 buf[16];
    enum priv priv = how & VECTOR_PRIV;
    if (how & VECTOR_ALIGNED)
        mem_check_align16(cpu, la);
    const u8 *p = tlb_bytes(cpu, la, size, priv, ACCESS_READ);
    if (!p && (how & VECTOR_SYS))
        mem_read_block(cpu, la, buf, size, false);
    else if (!p)
        mem_slow_read_block(cpu, la, buf, size);
    memcpy((u8 *)cpu + offset, p ? p : buf, size);
}

static void store_vector(struct cpu *cpu, laddr la, u32 offset, u32 size, u32 how)
{
    enum priv priv = how & VECTOR_PRIV;
    if (how & VECTOR_ALIGNED)
        mem_check_align16(cpu, la);
    u8 *p = tlb_bytes(cpu, la, size, priv, ACCESS_WRITE);
    if (p)
        memcpy(p, (u8 *)cpu + offset, size);
    else if (how & VECTOR_SYS)
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

/* -- guest registers -- */

static struct x_mem gpr_at(unsigned g)
{
    return cpu_at(CPU_OFF(gpr) + 8 * (s32)g);
}

/* Does C keep the host register of g? */
static bool survives(unsigned g)
{
    return g == EBX || g == EBP || g == ESP;
}

static void store_gprs(struct enc *e, bool all)
{
    for (unsigned g = 0; g < GPR_COUNT; g++) {
        if (all || !survives(g))
            x_store(e, 8, gpr_at(g), host_of(g));
    }
}

static void load_gprs(struct enc *e, bool all)
{
    for (unsigned g = 0; g < GPR_COUNT; g++) {
        if (all || !survives(g))
            x_load(e, 8, host_of(g), gpr_at(g));
    }
}

static struct x_mem budget(void)
{
    return cpu_at(CPU_OFF(budget));
}

/* -- the vector state -- */

enum { MXCSR_OP = 0xae | XO_0F, LDMXCSR = 2, STMXCSR = 3 }; /* opcode, ModRM.reg */
enum { MOVAPS_LOAD = 0x28 | XO_0F, MOVAPS_STORE = 0x29 | XO_0F };

static void move_xmm(struct enc *e, u32 op)
{
    for (unsigned n = 0; n < 8; n++)
        x_rm(e, op, n, cpu_at(CPU_OFF(xmm) + (s32)(n * sizeof(union xmm))));
}

/* Compares the frame's state with how; rsp is depth below the frame. */
static void test_vu(struct enc *e, s32 depth, u32 how)
{
    x_alu_mi(e, X_CMP, 1, x_at(RSP, depth + FRAME_VU), (s32)how);
}

static void set_vu(struct enc *e, s32 depth, u32 how)
{
    x_store_i(e, 1, x_at(RSP, depth + FRAME_VU), how);
}

static void begin_stub(struct x64 *be, struct enc *e, u32 stub)
{
    x_align(e, 16);
    be->stub[stub] = enc_pos(e);
}

static void swap_mxcsr(struct enc *e, s32 depth, bool to_guest)
{
    struct x_mem host = x_at(RSP, depth + FRAME_HOST_MXCSR), guest = cpu_at(CPU_OFF(mxcsr));
    x_rm(e, MXCSR_OP, STMXCSR, to_guest ? host : guest);
    x_rm(e, MXCSR_OP, LDMXCSR, to_guest ? guest : host);
}

/* Called from a block, or SAVE and LOAD from a stub that a block has called. They keep all but the
 * flags. */
static void make_vector_stubs(struct x64 *be, struct enc *e)
{
    enum { FROM_BLOCK = 8, FROM_STUB = 16, RET = 0xc3 };
    begin_stub(be, e, STUB_XMM_ON);
    move_xmm(e, MOVAPS_LOAD);
    set_vu(e, FROM_BLOCK, VU_XMM);
    x_byte(e, RET);

    begin_stub(be, e, STUB_FP_ON);
    test_vu(e, FROM_BLOCK, VU_OFF);
    u32 have = x_jcc8(e, CC_NE);
    move_xmm(e, MOVAPS_LOAD);
    x_bind8(e, have);
    swap_mxcsr(e, FROM_BLOCK, true);
    set_vu(e, FROM_BLOCK, VU_FP);
    x_byte(e, RET);

    begin_stub(be, e, STUB_VU_SAVE);
    move_xmm(e, MOVAPS_STORE);
    test_vu(e, FROM_STUB, VU_FP);
    u32 no_fp = x_jcc8(e, CC_NE);
    swap_mxcsr(e, FROM_STUB, false);
    x_bind8(e, no_fp);
    x_byte(e, RET);

    begin_stub(be, e, STUB_VU_LOAD);
    move_xmm(e, MOVAPS_LOAD);
    test_vu(e, FROM_STUB, VU_FP);
    no_fp = x_jcc8(e, CC_NE);
    x_rm(e, MXCSR_OP, LDMXCSR, cpu_at(CPU_OFF(mxcsr)));
    x_bind8(e, no_fp);
    x_byte(e, RET);

    begin_stub(be, e, STUB_VU_OFF);
    test_vu(e, FROM_BLOCK, VU_OFF);
    u32 off = x_jcc8(e, CC_E);
    x_call_to(e, be->stub[STUB_VU_SAVE]);
    set_vu(e, FROM_BLOCK, VU_OFF);
    x_bind8(e, off);
    x_byte(e, RET);
}

/* In a stub that a block has called: SAVE or LOAD unless VU_OFF. */
static void move_vu(const struct x64 *be, struct enc *e, u32 stub)
{
    test_vu(e, 8, VU_OFF);
    u32 off = x_jcc8(e, CC_E);
    x_call_to(e, be->stub[stub]);
    x_bind8(e, off);
}

/* -- calls of C -- */

struct c_call {
    void (*fn)(void);
    u8 nargs;      /* words of FRAME_ARGS that are arguments after cpu */
    bool returns;  /* into word 0 */
    u8 flags;      /* HF_REGS, HF_FAULT */
    bool keeps_vu; /* the vector state is in registers afterwards if it was before */
    u32 size;      /* not 0: the second argument after cpu is this, the others follow */
    bool narrow;   /* only the low halves of the words are arguments */
};

static void save_temps(struct enc *e)
{
    for (unsigned r = R8; r <= R11; r++)
        x_push(e, r);
    x_alu_ri(e, X_SUB, 8, RSP, 8); /* with the return address: a multiple of 16 */
}

static void restore_temps(struct enc *e)
{
    x_lea(e, 8, RSP, x_at(RSP, 8));
    for (unsigned r = R11; r >= R8; r--)
        x_pop(e, r);
}

enum { SAVED_BYTES = 8 + 4 * 8 + 8 };

static void emit_c_call(const struct x64 *be, struct enc *e, const struct c_call *c)
{
    static const u8 arg_regs[] = {RSI, RDX, RCX, R8};
    unsigned n = 0;
    move_vu(be, e, STUB_VU_SAVE);
    store_gprs(e, c->flags & (HF_REGS | HF_FAULT));
    if (c->flags & HF_FAULT)
        x_store(e, 8, budget(), REG_BUDGET);
    save_temps(e);
    x_mov_rr(e, 8, RDI, REG_CPU);
    for (unsigned word = 0; word < c->nargs; word++) {
        x_load(e, c->narrow ? 4 : 8, arg_regs[n++], arg_at(SAVED_BYTES, word));
        if (word == 0 && c->size)
            x_mov_ri(e, arg_regs[n++], c->size);
    }
    x_mov_ri64(e, RAX, (u64)(uintptr_t)c->fn);
    x_rr(e, 0xff, 2, RAX); /* CALL */
    if (c->returns)
        x_store(e, 8, arg_at(SAVED_BYTES, 0), RAX);
    restore_temps(e);
    if (c->keeps_vu)
        move_vu(be, e, STUB_VU_LOAD);
    else
        set_vu(e, 8, VU_OFF);
    load_gprs(e, c->flags & HF_REGS);
    if (c->flags & HF_FAULT)
        x_load(e, 8, REG_BUDGET, budget());
    x_byte(e, 0xc3);
}

typedef void (*c_fn)(void);

static void make_memory_stubs(struct x64 *be, struct enc *e)
{
    static const struct {
        c_fn fn;
        u8 nargs;
    } access[] = {
        [SLOW_READ] = {(c_fn)mem_slow_read, 1},   [SLOW_RMW] = {(c_fn)mem_slow_read_rmw, 1},
        [SLOW_WRITE] = {(c_fn)mem_slow_write, 2}, [SLOW_READ_SYS] = {(c_fn)read_sys, 1},
        [SLOW_RMW_SYS] = {(c_fn)rmw_sys, 1},      [SLOW_WRITE_SYS] = {(c_fn)write_sys, 2},
    };
    for (unsigned a = 0; a < ARRAY_LEN(access); a++) {
        for (unsigned s = 0; s < 4; s++) {
            struct c_call c = {.fn = access[a].fn,
                               .nargs = access[a].nargs,
                               .returns = access[a].nargs == 1,
                               .flags = HF_FAULT,
                               .keeps_vu = true,
                               .size = 1u << s};
            x_align(e, 16);
            be->stub[STUB_MEM + a * 4 + s] = enc_pos(e);
            emit_c_call(be, e, &c);
        }
    }
}

static void pop_try(struct enc *e)
{
    x_pop(e, R10);
    x_pop(e, R9);
    x_pop(e, R8);
}

/* What a slow access does that the TLB may grant after all: argument words as STUB_MEM's. */
static void emit_try(const struct x64 *be, struct enc *e, bool wide, enum priv priv,
                     enum slow_access access, unsigned log2)
{
    unsigned size = 1u << log2;
    enum access acc = access == SLOW_READ ? ACCESS_READ : ACCESS_WRITE;
    struct x_mem word0 = arg_at(32, 0), word1 = arg_at(32, 1);
    x_push(e, R8);
    x_push(e, R9);
    x_push(e, R10);
    x_load(e, 8, R8, word0);
    x_mov_rr(e, 4, R9, R8);
    x_alu_ri(e, X_AND, 4, R9, PAGE_MASK);
    x_alu_ri(e, X_CMP, 4, R9, (s32)(PAGE_SIZE - size));
    u32 crosses = x_jcc(e, CC_A);
    tlb_find(be, e, wide, (struct tlb_regs){R8, R9, R10}, priv, acc);
    u32 elsewhere = wide ? x_jcc(e, CC_NE) : 0;
    tlb_load(e, wide, R9, priv, acc);
    x_test_ri(e, 1, R9, TLB_VALID);
    u32 missing = x_jcc(e, CC_E);
    if (access == SLOW_WRITE) {
        x_lea(e, 8, R8, x_idx(R8, R9, 0, -(s32)TLB_VALID));
        x_load(e, 8, R9, word1);
        x_store(e, size, x_at(R8, 0), R9);
    } else {
        x_load(e, size, R8, x_idx(R8, R9, 0, -(s32)TLB_VALID));
        x_store(e, 8, word0, R8);
    }
    pop_try(e);
    x_byte(e, 0xc3);
    x_bind(e, crosses);
    x_bind(e, missing);
    if (wide)
        x_bind(e, elsewhere);
    pop_try(e);
    x_jmp_to(e, be->stub[STUB_MEM + (u32)access * 4 + log2]);
}

static void make_try_stubs(struct x64 *be, struct enc *e)
{
    for (unsigned n = 0; n < 2 * PRIV_COUNT * 12; n++) {
        begin_stub(be, e, STUB_TRY + n);
        emit_try(be, e, n / 12 / PRIV_COUNT, (enum priv)(n / 12 % PRIV_COUNT),
                 (enum slow_access)(n / 4 % 3), n % 4);
    }
}

static void make_c_stub(struct x64 *be, struct enc *e, u32 stub, struct c_call c)
{
    x_align(e, 16);
    be->stub[stub] = enc_pos(e);
    emit_c_call(be, e, &c);
}

/* What one of a group does that its own window may show after all: argument words as
 * STUB_WINDOW's. */
static void emit_try_window(const struct x64 *be, struct enc *e, unsigned access, unsigned log2)
{
    bool write = access != SLOW_READ;
    s32 first = CPU_OFF(tlb.window) + (write ? (s32)sizeof(struct tlb_window) : 0);
    s32 end = (s32)(offsetof(struct tlb_window, end) + log2 * sizeof(u32));
    x_push(e, R8);
    x_push(e, R9);
    x_load(e, 4, R8, arg_at(24, 0));
    x_load(e, 4, R9, arg_at(24, 1));
    x_imul_rri(e, 4, R9, R9, 2 * sizeof(struct tlb_window));
    x_alu_rm(e, X_SUB, 4, R8, x_idx(REG_CPU, R9, 0, first + (s32)offsetof(struct tlb_window, lo)));
    x_alu_rm(e, X_CMP, 4, R8, x_idx(REG_CPU, R9, 0, first + end));
    u32 missing = x_jcc(e, CC_AE);
    x_alu_rm(e, X_ADD, 8, R8,
             x_idx(REG_CPU, R9, 0, first + (s32)offsetof(struct tlb_window, host)));
    if (access == SLOW_WRITE) {
        x_load(e, 4, R9, arg_at(24, 2));
        x_store(e, 1u << log2, x_at(R8, 0), R9);
    } else {
        x_load(e, 1u << log2, R8, x_at(R8, 0));
        x_store(e, 4, arg_at(24, 0), R8);
    }
    x_pop(e, R9);
    x_pop(e, R8);
    x_byte(e, 0xc3);
    x_bind(e, missing);
    x_pop(e, R9);
    x_pop(e, R8);
    x_jmp_to(e, be->stub[STUB_WINDOW + access * 3 + log2]);
}

static void make_window_stubs(struct x64 *be, struct enc *e)
{
    static const c_fn fn[] = {
        [SLOW_READ] = (c_fn)window_slow_read,
        [SLOW_RMW] = (c_fn)window_slow_read_rmw,
        [SLOW_WRITE] = (c_fn)window_slow_write,
    };
    for (unsigned n = 0; n < 9; n++) {
        unsigned a = n / 3;
        bool write = a == SLOW_WRITE;
        make_c_stub(
            be, e, STUB_WINDOW + n,
            (struct c_call){fn[a], write ? 3 : 2, !write, HF_FAULT, true, 1u << n % 3, false});
        begin_stub(be, e, STUB_TRY_WINDOW + n);
        emit_try_window(be, e, a, n % 3);
    }
}

static void make_call_stubs(struct x64 *be, struct enc *e)
{
    make_memory_stubs(be, e);
    make_try_stubs(be, e);
    make_window_stubs(be, e);
    make_c_stub(be, e, STUB_GETFL,
                (struct c_call){(c_fn)current_flags, 0, true, 0, true, 0, false});
    make_c_stub(be, e, STUB_VEC, (struct c_call){(c_fn)run_vec, 4, false, 0, false, 0, false});
    make_c_stub(be, e, STUB_LDV,
                (struct c_call){(c_fn)load_vector, 4, false, HF_FAULT, true, 0, false});
    make_c_stub(be, e, STUB_STV,
                (struct c_call){(c_fn)store_vector, 4, false, HF_FAULT, true, 0, false});
    make_c_stub(be, e, STUB_ALONE,
                (struct c_call){(c_fn)cpu_alone, 0, false, HF_REGS | HF_FAULT, true, 0, false});
    make_c_stub(be, e, STUB_X87_LOAD,
                (struct c_call){(c_fn)host_x87_load, 0, false, 0, true, 0, false});
    make_c_stub(be, e, STUB_X87_SAVE,
                (struct c_call){(c_fn)host_x87_save, 0, false, 0, true, 0, false});
    make_c_stub(be, e, STUB_X87_PENDING,
                (struct c_call){(c_fn)help_wait, 0, false, HF_FAULT, true, 0, false});
    make_c_stub(be, e, STUB_X87_SLOW,
                (struct c_call){(c_fn)host_x87_slow, 2, false, HF_FAULT, true, 0, false});
    make_c_stub(be, e, STUB_SEGCHK,
                (struct c_call){(c_fn)check_segment, 4, false, HF_FAULT, true, 0, false});
    for (u32 h = 0; h < HELPER_COUNT; h++) {
        const struct helper_info *i = &helper_info[h];
        make_c_stub(be, e, STUB_HELPER + h,
                    (struct c_call){i->fn, i->nargs, i->returns, i->flags, false, 0, !i->wide});
    }
}

/* -- flags -- */

/* flags_eval(): for the kinds that are rarely asked. */
static void emit_flags_by_c(const struct x64 *be, struct enc *e)
{
    move_vu(be, e, STUB_VU_SAVE);
    store_gprs(e, false);
    save_temps(e);
    x_mov_rr(e, 8, RDI, REG_CPU);
    x_mov_ri64(e, RAX, (u64)(uintptr_t)current_flags);
    x_rr(e, 0xff, 2, RAX);
    restore_temps(e);
    move_vu(be, e, STUB_VU_LOAD);
    stubs_eax_to_flags(be, e);
    load_gprs(e, false);
    x_byte(e, 0xc3);
}

static void make_flags_stubs(struct x64 *be, struct enc *e)
{
    u32 by_c = enc_pos(e);

    emit_flags_by_c(be, e);
    stubs_make_flags(be, e, by_c);
}

/* -- in and out -- */

static const u8 callee_saved[] = {RBX, RBP, R12, R13, R14, R15};

/* struct run_return enter(struct cpu *cpu, const void *code) */
static void make_enter(struct x64 *be, struct enc *e)
{
    x_align(e, 16);
    be->stub[STUB_ENTER] = enc_pos(e);
    for (unsigned n = 0; n < ARRAY_LEN(callee_saved); n++)
        x_push(e, callee_saved[n]);
    x_alu_ri(e, X_SUB, 8, RSP, FRAME_SIZE);
    set_vu(e, 0, VU_OFF);
    x_mov_rr(e, 8, REG_CPU, RDI);
    x_mov_rr(e, 8, R8, RSI);
    load_gprs(e, true);
    x_load(e, 8, REG_BUDGET, budget());
    x_rr(e, 0xff, 4, R8);
}

/* r9d = result, r10 = exit */
static u32 make_leave(const struct x64 *be, struct enc *e)
{
    x_align(e, 16);
    u32 pos = enc_pos(e);
    test_vu(e, 0, VU_OFF);
    u32 off = x_jcc8(e, CC_E);
    x_lea(e, 8, RSP, x_at(RSP, -8)); /* as if called */
    x_call_to(e, be->stub[STUB_VU_SAVE]);
    x_lea(e, 8, RSP, x_at(RSP, 8));
    x_bind8(e, off);
    store_gprs(e, true);
    x_store(e, 8, budget(), REG_BUDGET);
    x_store_i(e, 4, cpu_at(CPU_OFF(insn_off)), 0); /* and insn_left */
    x_mov_rr(e, 4, RAX, R9);
    x_mov_rr(e, 8, RDX, R10);
    x_alu_ri(e, X_ADD, 8, RSP, FRAME_SIZE);
    for (unsigned n = ARRAY_LEN(callee_saved); n-- > 0;)
        x_pop(e, callee_saved[n]);
    x_byte(e, 0xc3);
    return pos;
}

enum leave_eip { EIP_SET, EIP_R8, EIP_PAGE_R8 };

static void make_exit(struct x64 *be, struct enc *e, enum stub stub, enum leave_eip how,
                      enum run_result result, u32 leave)
{
    x_align(e, 16);
    be->stub[stub] = enc_pos(e);
    if (stub == STUB_EXIT_SLOT) {
        x_mov_rr(e, 8, R10, R8);
        x_load_sx(e, 4, 8, R8, x_at(R10, offsetof(struct block_exit, page_off)));
    } else {
        x_mov_ri(e, R10, 0);
    }
    if (how == EIP_PAGE_R8) {
        x_alu_rm(e, X_ADD, 8, R8, cpu_at(CPU_OFF(eip_page)));
        x_alu_rm(e, X_AND, 8, R8, cpu_at(CPU_OFF(eip_mask)));
    }
    if (how != EIP_SET)
        x_store(e, 8, cpu_at(CPU_OFF(eip)), R8);
    x_mov_ri(e, R9, result);
    x_jmp_to(e, leave);
}

/* What sent the block here may be all that there was to do: then translated code goes on. */
static void make_resume(struct x64 *be, struct enc *e)
{
    begin_stub(be, e, STUB_EXIT_EVENT);
    test_vu(e, 0, VU_OFF);
    x_jcc_to(e, CC_NE, be->stub[STUB_EXIT_LOOP]);
    store_gprs(e, false);
    x_mov_rr(e, 8, RDI, REG_CPU);
    x_mov_ri64(e, RAX, (u64)(uintptr_t)jit_resume);
    x_rr(e, 0xff, 2, RAX); /* CALL */
    x_mov_rr(e, 8, R8, RAX);
    load_gprs(e, false);
    x_test_rr(e, 8, R8, R8);
    x_jcc_to(e, CC_E, be->stub[STUB_EXIT_LOOP]);
    x_rr(e, 0xff, 4, R8); /* JMP */
}

void stubs_make(struct x64 *be)
{
    struct enc enc, *e = &enc;
    enc_init(e, be->mem.rw, be->mem.rw + be->mem.part[CODE_HOT].end);
    make_vector_stubs(be, e);
    make_enter(be, e);
    u32 leave = make_leave(be, e);
    make_exit(be, e, STUB_EXIT_SLOT, EIP_PAGE_R8, RUN_NEXT, leave);
    make_exit(be, e, STUB_EXIT_OFF, EIP_PAGE_R8, RUN_NEXT, leave);
    make_exit(be, e, STUB_EXIT_EIP, EIP_R8, RUN_NEXT, leave);
    make_exit(be, e, STUB_EXIT_BUDGET, EIP_PAGE_R8, RUN_BUDGET, leave);
    make_exit(be, e, STUB_EXIT_LOOP, EIP_SET, RUN_EVENT, leave);
    make_resume(be, e);
    make_call_stubs(be, e);
    make_flags_stubs(be, e);
    CHECK(e->p <= e->end, "the stubs do not fit into the code memory");
    code_mem_commit(&be->mem, CODE_HOT, enc_pos(e));
    code_mem_keep(&be->mem);
    u64 enter = (u64)(uintptr_t)(be->mem.rx + be->stub[STUB_ENTER]);
    memcpy(&be->enter, &enter, sizeof(be->enter));
}
