/* The table of instruction forms, built from cpu/insn.def: one row per form, in the order of the
 * file (the decoder takes the first that matches), and what follows from a row's operand kinds:
 * ModRM byte, register and memory forms, immediate bytes. Notation of the kinds: SDM volume 2,
 * appendix A.2. */
#include "cpu/insn.h"

#define INSN(name, map, opcode, mand, reg, op0, op1, op2, isa, attr, sem)                          \
    void sem(struct lift *l, const struct insn *in);
#include "cpu/insn.def"

const struct insn_row insn_table[] = {
#define INSN(name, map, opcode, mand, reg, op0, op1, op2, isa, attr, sem)                          \
    {name, map, opcode, mand, reg, {OP_##op0, OP_##op1, OP_##op2}, isa, attr, sem},
#include "cpu/insn.def"
};

const unsigned insn_table_len = ARRAY_LEN(insn_table);

enum {
    K_MODRM = 1,
    K_MEM = 2 /* ModRM.rm: memory only */,
    K_REG = 4 /* ModRM.rm: register only */
};

/* What an operand kind means for the encoding; kinds that are absent take no bytes. */
static const struct {
    u8 flags;  /* K_* */
    u8 imm[3]; /* immediate bytes at operand size 2, 4 and 8 */
} kinds[] = {
    [OP_Eb] = {K_MODRM, {0}},         [OP_Ew] = {K_MODRM, {0}},
    [OP_Ed] = {K_MODRM, {0}},         [OP_Ey] = {K_MODRM, {0}},
    [OP_Ez] = {K_MODRM, {0}},         [OP_Ev] = {K_MODRM, {0}},
    [OP_Gb] = {K_MODRM, {0}},         [OP_Gw] = {K_MODRM, {0}},
    [OP_Gd] = {K_MODRM, {0}},         [OP_Gy] = {K_MODRM, {0}},
    [OP_Gv] = {K_MODRM, {0}},         [OP_RvMw] = {K_MODRM, {0}},
    [OP_RdMb] = {K_MODRM, {0}},       [OP_RdMw] = {K_MODRM, {0}},
    [OP_M] = {K_MODRM | K_MEM, {0}},  [OP_Mb] = {K_MODRM | K_MEM, {0}},
    [OP_Mw] = {K_MODRM | K_MEM, {0}}, [OP_Md] = {K_MODRM | K_MEM, {0}},
    [OP_My] = {K_MODRM | K_MEM, {0}}, [OP_Mq] = {K_MODRM | K_MEM, {0}},
    [OP_Mp] = {K_MODRM | K_MEM, {0}}, [OP_Ma] = {K_MODRM | K_MEM, {0}},
    [OP_Mx] = {K_MODRM | K_MEM, {0}}, [OP_Ry] = {K_MODRM, {0}},
    [OP_Sw] = {K_MODRM, {0}},         [OP_Cd] = {K_MODRM, {0}},
    [OP_Dd] = {K_MODRM, {0}},         [OP_Ib] = {0, {1, 1, 1}},
    [OP_sIb] = {0, {1, 1, 1}},        [OP_Iw] = {0, {2, 2, 2}},
    [OP_Iz] = {0, {2, 4, 4}},         [OP_Iv] = {0, {2, 4, 8}},
    [OP_Ap] = {0, {4, 6, 0}},         [OP_Jb] = {0, {1, 1, 1}},
    [OP_Jz] = {0, {2, 4, 4}},         [OP_Pq] = {K_MODRM, {0}},
    [OP_Qq] = {K_MODRM, {0}},         [OP_Qd] = {K_MODRM, {0}},
    [OP_Nq] = {K_MODRM | K_REG, {0}}, [OP_Ux] = {K_MODRM | K_REG, {0}},
    [OP_Vx] = {K_MODRM, {0}},         [OP_Wx] = {K_MODRM, {0}},
    [OP_Wq] = {K_MODRM, {0}},         [OP_Wd] = {K_MODRM, {0}},
    [OP_Ww] = {K_MODRM, {0}},
};

static unsigned kind_flags(const struct insn_row *row)
{
    unsigned flags = 0;

    for (unsigned i = 0; i < ARRAY_LEN(row->op); i++)
        if (row->op[i] < ARRAY_LEN(kinds))
            flags |= kinds[row->op[i]].flags;
    return flags;
}

bool insn_row_has_modrm(const struct insn_row *row)
{
    return row->reg >= 0 || (row->attr & (IA_MODRM | IA_REG | IA_MEM)) ||
           (kind_flags(row) & K_MODRM);
}

bool insn_row_takes_reg(const struct insn_row *row)
{
    return !(row->attr & IA_MEM) && !(kind_flags(row) & K_MEM);
}

bool insn_row_takes_mem(const struct insn_row *row)
{
    return !(row->attr & IA_REG) && !(kind_flags(row) & K_REG);
}

unsigned insn_row_imm_size(const struct insn_row *row, unsigned opsize)
{
    unsigned size = 0;

    for (unsigned i = 0; i < ARRAY_LEN(row->op); i++)
        if (row->op[i] < ARRAY_LEN(kinds))
            size += kinds[row->op[i]].imm[opsize / 4];
    return size;
}
