/* The stubs that make the host's flags of the guest's lazy ones: a piece of code for each kind and
 * size of operation, found through a table of addresses. They keep all registers. */
#include "jit/x64/stubs.h"

#include "cpu/helpers.h"

static struct x_mem cc_at(s32 offset)
{
    return cpu_at(offset);
}

/* POPF at CPL 3 changes nothing else but TF and DF, which have to be 0; it is slow. */
void stubs_eax_to_flags(const struct x64 *be, struct enc *e)
{
    x_alu_ri(e, X_AND, 4, RAX, FLAGS_ARITH);
    if (!be->lahf) {
        x_push(e, RAX);
        x_byte(e, 0x9d);
        return;
    }
    _Static_assert(FLAG_OF == 8 << 8, "OF is bit 3 of AL after the exchange");
    x_byte(e, 0x86); /* XCHG AL, AH */
    x_byte(e, 0xc4);
    x_byte(e, 0x04); /* ADD AL, 0x78: 8 overflows, 0 does not */
    x_byte(e, 0x78);
    x_byte(e, 0x9e); /* SAHF: all but OF */
}

/* Makes the flags of one kind and size anew in the host, with R8 to work with; the stub's tail
 * follows. False: there is no short way. */
static bool emit_kind(const struct x64 *be, struct enc *e, unsigned kind, unsigned size)
{
    struct x_mem dst = cc_at(CPU_OFF(cc_dst)), src = cc_at(CPU_OFF(cc_src));
    struct x_mem aux = cc_at(CPU_OFF(cc_aux));
    unsigned width = size == 8 ? 8 : 4;
    bool add = kind == FK_ADD || kind == FK_ADC;
    switch ((enum flag_kind)kind) {
    case FK_EFLAGS:
        x_mov_rr(e, 8, R8, RAX);
        x_load(e, 4, RAX, src);
        stubs_eax_to_flags(be, e);
        x_mov_rr(e, 8, RAX, R8);
        return true;
    case FK_CMP:
        x_load(e, width, R8, dst);
        x_alu_rm(e, X_CMP, size, R8, src);
        return true;
    case FK_LOGIC:
        x_load(e, width, R8, dst);
        x_test_rr(e, size, R8, R8);
        return true;
    case FK_ADD:
    case FK_SUB:
        x_load(e, width, R8, dst);
        x_alu_rm(e, add ? X_SUB : X_ADD, size, R8, src);
        x_alu_rm(e, add ? X_ADD : X_SUB, size, R8, src);
        return true;
    case FK_ADC:
    case FK_SBB:
        x_load(e, width, R8, dst);
        x_alu_rm(e, add ? X_SUB : X_ADD, size, R8, src);
        x_alu_rm(e, add ? X_SUB : X_ADD, size, R8, aux);
        x_bt_mi(e, aux, 0);
        x_alu_rm(e, add ? X_ADC : X_SBB, size, R8, src);
        return true;
    case FK_INC:
    case FK_DEC:
        x_load(e, width, R8, dst);
        x_incdec(e, kind == FK_INC, size, R8);
        x_bt_mi(e, src, 0);
        x_incdec(e, kind == FK_DEC, size, R8);
        return true;
    default: return false;
    }
}

/* The same for CF alone. */
static bool emit_kind_carry(const struct x64 *be, struct enc *e, unsigned kind, unsigned size)
{
    struct x_mem dst = cc_at(CPU_OFF(cc_dst)), src = cc_at(CPU_OFF(cc_src));
    unsigned width = size == 8 ? 8 : 4;

    switch ((enum flag_kind)kind) {
    case FK_LOGIC:
        x_byte(e, 0xf8); /* CLC */
        return true;
    case FK_SHL: x_bt_mi(e, src, 8 * size - 1); return true;
    case FK_EFLAGS:
    case FK_INC:
    case FK_DEC:
    case FK_SHR: x_bt_mi(e, src, 0); return true;
    case FK_ADD: /* the sum wrapped */
        x_load(e, width, R8, dst);
        x_alu_rm(e, X_CMP, size, R8, src);
        return true;
    case FK_SUB: /* it borrowed if adding back carries */
        x_load(e, width, R8, dst);
        x_alu_rm(e, X_ADD, size, R8, src);
        return true;
    default: return emit_kind(be, e, kind, size);
    }
}

typedef bool emit_kind_fn(const struct x64 *be, struct enc *e, unsigned kind, unsigned size);

/* Dispatches on the low byte of cc_op through a table of addresses; what has no short way goes by
 * C, and so does CF or OF that is from elsewhere. */
static u32 make_dispatch(struct x64 *be, struct enc *e, emit_kind_fn *emit, u32 by_c)
{
    u32 at[FK_COUNT * 4], popped, table, stub;

    for (unsigned op = 0; op < FK_COUNT * 4; op++) {
        u32 pos = enc_pos(e);
        bool made = emit(be, e, op >> 2, 1u << (op & 3));
        if (made)
            x_pop(e, R9);
        if (made)
            x_pop(e, R8);
        if (made)
            x_byte(e, 0xc3);
        at[op] = made ? pos : 0;
    }
    popped = enc_pos(e);
    x_pop(e, R9);
    x_pop(e, R8);
    x_jmp_to(e, by_c);
    x_align(e, 16);
    table = enc_pos(e);
    for (unsigned op = 0; op < 256; op++) {
        bool made = op < FK_COUNT * 4 && at[op];
        x_u64(e, (u64)(uintptr_t)(be->mem.rx + (made ? at[op] : popped)));
    }
    x_align(e, 16);
    stub = enc_pos(e);
    x_push(e, R8);
    x_push(e, R9);
    x_load(e, 1, R8, cc_at(CPU_OFF(cc_op)));
    x_mov_ri64(e, R9, (u64)(uintptr_t)(be->mem.rx + table));
    x_rm(e, 0xff, 4, x_idx(R9, R8, 3, 0)); /* JMP */
    return stub;
}

void stubs_make_flags(struct x64 *be, struct enc *e, u32 by_c)
{
    be->stub[STUB_FLAGS] = make_dispatch(be, e, emit_kind, by_c);
    be->stub[STUB_CARRY] = make_dispatch(be, e, emit_kind_carry, by_c);
}
